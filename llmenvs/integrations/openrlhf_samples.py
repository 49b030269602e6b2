"""Trajectories as what an OpenRLHF (0.11) agent returns, and back; no import of OpenRLHF.

OpenRLHF takes one reward for an episode: the sum over turns. An undecided one has the reward None
and no action range, so that none of its tokens is trainable.
"""

from collections.abc import Mapping
from typing import Any

from llmenvs.integrations.sample_notes import NOTES, notes_of, sample_from
from llmenvs.integrations.samples import sample_of, trajectory_of
from llmenvs.trajectory import Trajectory


def to_openrlhf(
    trajectory: Trajectory, *, prompt: str = "", label: str | None = None
) -> dict[str, Any]:
    """Return what ``AgentExecutor.execute`` returns.

    ``action_ranges`` are start and stop of each turn in ``observation_tokens``, which end with the
    last sampled token. ``rollout_log_probs`` is None unless the policy told all of them.

    Args:
        trajectory: of one episode.
        prompt: of the data set's row.
        label: of the data set's row.

    Raises:
        ValueError: the environment's tokens count as generated.
    """
    sample = sample_of(trajectory)
    offset = len(sample.prompt_ids)
    ranges = [(offset + a, offset + b) for a, b in sample.turn_spans if b > a]
    told = sample.logprobs is not None
    return {
        "prompt": prompt,
        "label": label,
        "images": None,
        "mm_train_inputs": None,
        "reward": sample.reward,
        "scores": sample.reward,
        "observation_tokens": [*sample.prompt_ids, *sample.response_ids],
        "action_ranges": ranges if sample.valid else [],
        "rollout_log_probs": [0.0] * offset + list(sample.logprobs or ()) if told else None,
        "truncated": sample.truncated,
        "extra_logs": {"turns": len(sample.turn_spans), "undecided": int(not sample.valid)},
        NOTES: {**notes_of(sample), "prompt_length": offset},
    }


def from_openrlhf(response: Mapping[str, Any]) -> Trajectory:
    """Return the trajectory of what an agent returned, ours or another.

    Raises:
        ValueError: another agent's, without any action range, so that there is no first turn.
    """
    tokens, ranges = list(response["observation_tokens"]), response["action_ranges"]
    noted = response.get(NOTES)
    if noted is None and not ranges:
        raise ValueError("action_ranges must hold at least one turn, got none")
    start = ranges[0][0] if noted is None else noted["prompt_length"]
    sampled = {i for first, stop in ranges for i in range(first, stop)}
    logprobs = response["rollout_log_probs"]
    if noted is None:
        noted = {
            "turn_spans": [(a - start, b - start) for a, b in ranges],
            "turn_rewards": [0.0] * (len(ranges) - 1) + [response["reward"] or 0.0],
            "reward": response["reward"],
            "truncated": bool(response.get("truncated")),
        }
    sample = sample_from(
        prompt_ids=tokens[:start],
        response_ids=tokens[start:],
        response_mask=[int(i in sampled) for i in range(start, len(tokens))],
        logprobs=None if logprobs is None else list(logprobs)[start:],
        reward=response["reward"],
        notes=noted,
    )
    return trajectory_of(sample)
