"""Trajectories as SkyRL's ``GeneratorOutput``, and back; and how to leave out what has no score."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from llmenvs.integrations.samples import sample_of, sample_of_record, trajectory_of
from llmenvs.trajectory import Trajectory


def to_skyrl(trajectories: Sequence[Trajectory], *, pad_token_id: int) -> dict[str, Any]:
    """Return the columns of a ``GeneratorOutput``.

    Rewards are per token, each turn's on its last token. What SkyRL does not know is in
    ``env_metrics``: ``valid``, ``task_id``, ``turn_spans`` and ``turn_rewards``. The groups for
    `leave_out_undecided`, which is applied here, are the task and seed. A response without a
    sampled token is one padding token under mask 0. ``stop_reasons`` is "length" where a limit of
    tokens ended the episode, else "stop".

    Args:
        trajectories: of any number of episodes; a split one has a row for each run.
        pad_token_id: of the tokenizer.
    """
    samples = [sample_of(trajectory) for trajectory in trajectories]
    told = all(sample.logprobs is not None for sample in samples)
    output = {
        "prompt_token_ids": [list(s.prompt_ids) or [pad_token_id] for s in samples],
        "response_ids": [list(s.response_ids) or [pad_token_id] for s in samples],
        "rewards": [list(s.token_rewards) or [0.0] for s in samples],
        "loss_masks": [list(s.response_mask) or [0] for s in samples],
        "stop_reasons": ["length" if s.stop_reason == "token_limit" else "stop" for s in samples],
        "rollout_logprobs": [list(s.logprobs or ()) or [0.0] for s in samples] if told else None,
        "env_metrics": [
            {
                "valid": float(s.valid),
                "task_id": s.info.get("task_id"),
                "turn_spans": s.turn_spans,
                "turn_rewards": s.turn_rewards,
            }
            for s in samples
        ],
    }
    groups = [(sample.info.get("task_id"), sample.info.get("seed")) for sample in samples]
    return leave_out_undecided(output, groups=groups)


def from_skyrl(output: Mapping[str, Any]) -> list[Trajectory]:
    """Return the trajectories of a ``GeneratorOutput``; of others than ours too.

    What SkyRL has no place for is lost: the messages, the policy's version, the verdict, how the
    episode ended, and whether it was split. Without our ``env_metrics``, turns are read from the
    mask, and their rewards are those on their tokens.
    """
    return [_trajectory(output, row) for row in range(len(output["response_ids"]))]


def leave_out_undecided(
    output: Mapping[str, Any], *, groups: Sequence[Hashable] | None = None
) -> dict[str, Any]:
    """Return a ``GeneratorOutput`` in which rows without a score train nothing.

    A row is without a score where its ``env_metrics`` have ``valid`` 0. Its loss mask becomes 0,
    and its reward the mean of the rest of its group, so that it moves no baseline. Call it on what
    ``SkyRLGymGenerator.generate`` returns, in a subclass.

    Args:
        output: the batch.
        groups: (B,) which rows share a prompt; by default read from ``trajectory_ids``.

    Raises:
        ValueError: there are no ``env_metrics``, or neither groups nor ``trajectory_ids``.
    """
    metrics = output.get("env_metrics")
    if metrics is None:
        raise ValueError("the output must have env_metrics, in which a row without a score says so")
    if groups is None:
        ids = output.get("trajectory_ids")
        if ids is None:
            raise ValueError("give groups: the output has no trajectory_ids to read them from")
        groups = [trajectory_id.instance_id for trajectory_id in ids]
    valid = [bool(row.get("valid", 1.0)) for row in metrics]
    rewards, masks = list(output["rewards"]), list(output["loss_masks"])
    for row in (row for row, decided in enumerate(valid) if not decided):
        members = [i for i, group in enumerate(groups) if group == groups[row] and valid[i]]
        mean = float(np.mean([np.sum(rewards[i]) for i in members])) if members else 0.0
        masks[row] = [0] * len(masks[row])
        is_list = not isinstance(rewards[row], int | float)
        rewards[row] = [0.0] * (len(masks[row]) - 1) + [mean] if is_list else mean
    return {**output, "rewards": rewards, "loss_masks": masks}


def _trajectory(output: Mapping[str, Any], row: int) -> Trajectory:
    metrics = (output.get("env_metrics") or [{}] * (row + 1))[row]
    logprobs = output.get("rollout_logprobs")
    rewards = output["rewards"][row]
    valid = bool(metrics.get("valid", 1.0))
    turn_rewards = metrics.get("turn_rewards")
    total = float(np.sum(rewards if turn_rewards is None else turn_rewards))
    sample = sample_of_record(
        output["prompt_token_ids"][row],
        output["response_ids"][row],
        output["loss_masks"][row],
        reward=total if valid else None,
        logprobs=None if logprobs is None else logprobs[row],
        turn_spans=metrics.get("turn_spans"),
        turn_rewards=turn_rewards,
    )
    if turn_rewards is None and not isinstance(rewards, int | float):
        by_turn = tuple(float(np.sum(rewards[start:stop])) for start, stop in sample.turn_spans)
        on_tokens = tuple(float(x) for x in rewards[: len(sample.response_ids)])
        sample = replace(sample, turn_rewards=by_turn, token_rewards=on_tokens)
    return trajectory_of(replace(sample, info={"task_id": metrics.get("task_id")}))
