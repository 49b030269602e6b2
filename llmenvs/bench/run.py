"""A benchmark run: episodes of several environments with one policy, taken up where it was left.

A folder belongs to one run. ``run.json`` says which, ``episodes.jsonl`` has the trajectories as
they end, and ``summary.json`` the figures. Episode i of an environment is the same whatever the
number of episodes and environments at once is, so that a run may be stopped, taken up and extended.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from llmenvs.async_rollout import rollout_async
from llmenvs.bench.intervals import RunningMean, wilson_interval
from llmenvs.bench.policies import load_policy
from llmenvs.bench.records import write_summary, write_trajectories
from llmenvs.env_making import make_text_env
from llmenvs.policy import Policy
from llmenvs.rollout import rollout
from llmenvs.run_owner import check_owner
from llmenvs.running_episode import RolloutLimits
from llmenvs.trajectory import StopReason, Trajectory


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """What is run.

    Attributes:
        env_ids: at least one, each once.
        env_options: what the constructors take, of all environments.
        policy: see `load_policy`.
        seed: of tasks and sampling.
        episodes: of each environment, at least 1.
        concurrency: environments at once, at least 1.
        limits: of a rollout.
    """

    env_ids: Sequence[str]
    env_options: Mapping[str, Any]
    policy: str
    seed: int
    episodes: int
    concurrency: int
    limits: RolloutLimits

    def __post_init__(self) -> None:
        if not self.env_ids or len(set(self.env_ids)) != len(self.env_ids):
            raise ValueError(f"env_ids must be at least one, each once, got {list(self.env_ids)}")
        if self.episodes < 1 or self.concurrency < 1:
            raise ValueError(
                "episodes and concurrency must be at least 1, "
                f"got {self.episodes} and {self.concurrency}"
            )

    @property
    def identity(self) -> dict[str, Any]:
        """What decides each episode: two runs that agree in it may share a folder."""
        return {
            "envs": list(self.env_ids),
            "env_options": dict(self.env_options),
            "policy": self.policy,
            "seed": self.seed,
            "max_new_tokens": self.limits.max_new_tokens,
            "max_episode_tokens": self.limits.max_episode_tokens,
        }


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """What counts of one episode.

    Attributes:
        reward: its return.
        success: as its verdict says; None where there was none.
        valid: its score is decided.
        turns: of the policy.
        generated_tokens: by the policy.
    """

    reward: float
    success: bool | None
    valid: bool
    turns: int
    generated_tokens: int


Progress = Callable[[str, EpisodeResult], None]
"""Called with the environment's id and the result as each episode ends."""


class Bench:
    """A run and its folder.

    Args:
        config: what to run.
        folder: where it is kept; made if it is not there.
        overwrite: drop what another run left there.

    Raises:
        ValueError: the folder is another run's; the message says in what it differs. Or an
            environment is none of ours.
    """

    def __init__(self, config: BenchConfig, folder: Path, *, overwrite: bool = False) -> None:
        self.config = config
        self.folder = folder
        self._records = folder / "episodes.jsonl"
        self._envs = {
            env_id: make_text_env(env_id, **config.env_options) for env_id in config.env_ids
        }
        _claim(folder, config.identity, overwrite=overwrite)
        self.results: dict[str, dict[int, EpisodeResult]] = {
            env_id: {} for env_id in config.env_ids
        }
        for env_id, number, result in _take_up(self._records):
            self.results[env_id][number] = result

    @property
    def num_left(self) -> int:
        """Episodes that are still to be played."""
        return sum(len(self._missing(env_id)) for env_id in self.config.env_ids)

    def run(self, progress: Progress) -> dict[str, Any]:
        """Play what is missing, and return and write the summary."""
        for env_id in self.config.env_ids:
            self._play(env_id, progress)
        summary = self.summary()
        write_summary(self.folder, summary)
        return summary

    def _missing(self, env_id: str) -> list[int]:
        done = self.results[env_id]
        return [number for number in range(self.config.episodes) if number not in done]

    def _play(self, env_id: str, progress: Progress) -> None:
        numbers = self._missing(env_id)
        if not numbers:
            return
        first = self._envs[env_id]
        policy = load_policy(self.config.policy, first)
        count = min(self.config.concurrency, len(numbers))
        envs: list[gym.Env[str, str]] = [first]
        envs += [make_text_env(env_id, **self.config.env_options) for _ in range(count - 1)]

        def record(trajectories: list[Trajectory]) -> None:
            write_trajectories(self._records, trajectories, labels={"env": env_id})
            result = _result_of([trajectory.to_dict() for trajectory in trajectories])
            self.results[env_id][trajectories[0].info["episode"]] = result
            progress(env_id, result)

        arguments: dict[str, Any] = {
            "seeds": [episode_seed(self.config.seed, number) for number in numbers],
            "numbers": numbers,
            "sampling_seed": self.config.seed,
            "limits": self.config.limits,
            "on_episode": record,
        }
        if isinstance(policy, Policy):
            rollout(envs, policy, **arguments)
        else:
            asyncio.run(rollout_async(envs, policy, **arguments))

    def summary(self) -> dict[str, Any]:
        """Return the figures of each environment and of all of them."""
        per_env = {
            env_id: {
                **figures([done[n] for n in sorted(done) if n < self.config.episodes]),
                "dataset_hash": self._envs[env_id].tasks.content_hash,
            }
            for env_id, done in self.results.items()
        }
        everything = [
            result
            for done in self.results.values()
            for number, result in sorted(done.items())
            if number < self.config.episodes
        ]
        return {**figures(everything), **self.config.identity, "per_env": per_env, **_versions()}


def episode_seed(seed: int, number: int) -> int:
    """Return the reset seed of an episode; the numbers of two seeds share none but by chance."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def figures(results: Sequence[EpisodeResult]) -> dict[str, Any]:
    """Return the figures of ``summary.json``; episodes that are not valid enter no mean.

    An episode without a verdict counts as not solved. A mean of nothing is None.
    """
    reward, num_solved = RunningMean(), 0
    valid = [result for result in results if result.valid]
    for result in valid:
        reward.add(result.reward)
        num_solved += bool(result.success)
    count = len(valid)
    return {
        "episodes": len(results),
        "valid_share": count / len(results) if results else None,
        "reward_mean": reward.mean,
        "reward_ci95_normal": reward.normal_interval(),
        "success_mean": num_solved / count if count else None,
        "success_ci95_wilson": wilson_interval(num_solved, count),
        "turns_mean": sum(result.turns for result in valid) / count if count else None,
        "generated_tokens": sum(result.generated_tokens for result in valid),
    }


def _claim(folder: Path, identity: Mapping[str, Any], *, overwrite: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    owner, records = folder / "run.json", folder / "episodes.jsonl"
    if overwrite:
        for path in (records, owner, folder / "summary.json"):
            path.unlink(missing_ok=True)
    if owner.exists():
        check_owner(owner, identity)
    elif records.exists():
        raise ValueError(f"{folder} holds episodes of nobody's run; choose another folder")
    owner.write_text(json.dumps(identity, indent=2) + "\n", encoding="utf-8")


def _take_up(records: Path) -> Iterator[tuple[str, int, EpisodeResult]]:
    """Yield the episodes that are there as a whole, and drop from the file what is not."""
    if not records.exists():
        return
    kept, whole = [], []
    runs: dict[tuple[str, int], list[tuple[bytes, dict[str, Any]]]] = {}
    for line in records.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break  # the line at which the run was killed
        row = json.loads(line)
        key = row["env"], row["info"]["episode"]
        runs.setdefault(key, []).append((line, row))
        if row["stop_reason"] != StopReason.SPLIT.value:
            lines, rows = zip(*runs.pop(key), strict=True)
            kept += lines
            whole.append((*key, _result_of(rows)))
    unfinished = records.with_name(records.name + ".tmp")
    unfinished.write_bytes(b"".join(kept))
    os.replace(unfinished, records)
    yield from whole


def _result_of(rows: Sequence[Mapping[str, Any]]) -> EpisodeResult:
    """Return the result of an episode from the rows of its runs."""
    verdict = rows[-1]["info"].get("verdict")
    return EpisodeResult(
        reward=sum(sum(row["turn_rewards"]) for row in rows),
        success=None if verdict is None else verdict["success"],
        valid=rows[-1]["valid"],
        turns=sum(len(row["turn_rewards"]) for row in rows),
        generated_tokens=sum(sum(row["generated_mask"]) for row in rows),
    )


def _versions() -> dict[str, Any]:
    import llmenvs

    return {"versions": {"llmenvs": llmenvs.__version__, "gymnasium": gym.__version__}}
