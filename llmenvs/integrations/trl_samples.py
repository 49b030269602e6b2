"""Trajectories as the rows that TRL's ``rollout_func`` returns, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmenvs.integrations.samples import (
    TrainingSample,
    sample_of,
    sample_of_record,
    trajectory_of,
)
from llmenvs.trajectory import StopReason, Trajectory

POLICY_TEXT = "env_policy_text"
"""The column with what the policy alone wrote; TRL's own ``completions`` hold the environment's."""


def to_trl(trajectories: Sequence[Trajectory], *, pad_token_id: int) -> dict[str, Any]:
    """Return one row for each trajectory, as a dict of columns.

    ``prompt_ids``, ``completion_ids``, ``env_mask`` and ``logprobs`` are TRL's. The others reach
    reward functions as keyword arguments: ``env_reward`` (the sum over turns, None where the score
    is undecided), ``env_policy_text``, ``env_task_id``, ``env_turn_rewards``, ``env_turn_spans``,
    ``env_stop_reason``, ``env_terminated`` and ``env_truncated``.

    The mask of an undecided row is 0 throughout, so that it trains nothing even where another
    reward function scores it. A row without a sampled token, which TRL cannot take, is one padding
    token under mask 0. ``logprobs`` is None unless the policy told all of them.

    Args:
        trajectories: of any number of episodes; a split one has a row for each of its runs, and
            the reward of the episode in each.
        pad_token_id: of the tokenizer.
    """
    samples = [sample_of(trajectory) for trajectory in trajectories]
    told = all(sample.logprobs is not None for sample in samples)
    return {
        "prompt_ids": [list(s.prompt_ids) or [pad_token_id] for s in samples],
        "completion_ids": [list(s.response_ids) or [pad_token_id] for s in samples],
        "env_mask": [_mask(sample) for sample in samples],
        "logprobs": [list(s.logprobs or ()) or [0.0] for s in samples] if told else None,
        "env_reward": [sample.reward for sample in samples],
        POLICY_TEXT: [_policy_text(sample) for sample in samples],
        "env_task_id": [sample.info.get("task_id") for sample in samples],
        "env_turn_rewards": [list(sample.turn_rewards) for sample in samples],
        "env_turn_spans": [[list(span) for span in sample.turn_spans] for sample in samples],
        "env_stop_reason": [sample.stop_reason.value for sample in samples],
        "env_terminated": [sample.terminated for sample in samples],
        "env_truncated": [sample.truncated for sample in samples],
    }


def from_trl(rows: Mapping[str, Any]) -> list[Trajectory]:
    """Return the trajectories of the rows that `to_trl` made, or any ``rollout_func``.

    What TRL has no place for is lost: the messages, the policy's version, the verdict, and whether
    an episode was split. Rows without our columns ``env_…`` have their turns read from the mask,
    and their reward on the last one.

    Raises:
        ValueError: a column of TRL's is missing.
    """
    missing = sorted({"prompt_ids", "completion_ids"} - set(rows))
    if missing:
        raise ValueError(f"rows must have the columns prompt_ids and completion_ids, no {missing}")
    return [trajectory_of(_sample(rows, index)) for index in range(len(rows["prompt_ids"]))]


def _mask(sample: TrainingSample) -> list[int]:
    if not sample.trainable:
        return [0] * max(1, len(sample.response_ids))
    return list(sample.response_mask)


def _policy_text(sample: TrainingSample) -> str:
    said = [m["content"] for m in sample.messages if m["role"] == "assistant"]
    return "\n".join(said[-len(sample.turn_rewards) :]) if sample.turn_rewards else ""


def _sample(rows: Mapping[str, Any], index: int) -> TrainingSample:
    def cell(name: str, default: Any) -> Any:
        column = rows.get(name)
        return default if column is None else column[index]

    response = rows["completion_ids"][index]
    sample = sample_of_record(
        rows["prompt_ids"][index],
        response,
        cell("env_mask", [1] * len(response)),
        reward=cell("env_reward", None),
        logprobs=cell("logprobs", None),
        turn_spans=cell("env_turn_spans", None),
        turn_rewards=cell("env_turn_rewards", None),
    )
    return replace(
        sample,
        terminated=cell("env_terminated", False),  # noqa: FBT003 (a default)
        truncated=cell("env_truncated", False),  # noqa: FBT003 (a default)
        stop_reason=StopReason(cell("env_stop_reason", StopReason.UNFINISHED)),
        info={"task_id": cell("env_task_id", None)},
    )
