"""Trajectories read back from the JSON lines that `llmenvs.bench.records` writes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from llmenvs.trajectory import StopReason, Trajectory
from llmenvs.verifiers import Status, Verdict

_ARRAYS = {
    "token_ids": np.int64,
    "generated_mask": np.bool_,
    "logprobs": np.float32,
    "rewards": np.float32,
    "turn_rewards": np.float32,
}


def read_trajectories(path: Path) -> list[Trajectory]:
    """Return the trajectories of a file, one on each line.

    Raises:
        ValueError: a line that is no trajectory; the message names file, line and field.
        OSError: the file cannot be read.
    """
    found: list[Trajectory] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(trajectory_of(json.loads(line)))
        except KeyError as error:
            raise ValueError(f"{path}:{number}: the field {error} is missing") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}:{number}: is no trajectory: {error}") from error
    if not found:
        raise ValueError(f"{path}: there is no trajectory in it")
    return found


def trajectory_of(row: Mapping[str, Any]) -> Trajectory:
    """Return the trajectory of a `Trajectory.to_dict`.

    Raises:
        KeyError: a field is missing.
        ValueError: a field has another shape or type.
    """
    info = dict(row["info"])
    if info.get("verdict") is not None:
        verdict = info["verdict"]
        info["verdict"] = Verdict(**{**verdict, "status": Status(verdict["status"])})
    return Trajectory(
        **{name: np.array(row[name], dtype) for name, dtype in _ARRAYS.items()},  # None is NaN
        turn_spans=np.array(row["turn_spans"], np.int64).reshape(-1, 2),
        prompt_length=int(row["prompt_length"]),
        messages=tuple(row["messages"]),
        terminated=bool(row["terminated"]),
        truncated=bool(row["truncated"]),
        valid=bool(row["valid"]),
        stop_reason=StopReason(row["stop_reason"]),
        policy_version=row["policy_version"],
        info=info,
        run=row["run"],
        episode_reward=row["episode_reward"],
    )
