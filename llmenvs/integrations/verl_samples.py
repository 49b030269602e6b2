"""Trajectories as the fields of verl's `AgentLoopOutput` (0.9), and back; no import of verl.

verl takes one reward for an episode, the sum over turns, and puts it on the response's last token.
An undecided episode has the reward None and a mask of 0 throughout.
"""

from collections.abc import Mapping
from typing import Any

from llmenvs.integrations.sample_notes import NOTES, exported_mask, notes_of, sample_from
from llmenvs.integrations.samples import sample_of, trajectory_of
from llmenvs.trajectory import Trajectory


def to_verl(trajectory: Trajectory) -> dict[str, Any]:
    """Return the fields of ``AgentLoopOutput``, but for its ``metrics``.

    ``num_turns`` counts messages, as verl does. ``response_logprobs`` is None unless the policy
    told all of them. What verl has no field for is in ``extra_fields``.

    Raises:
        ValueError: the environment's tokens count as generated.
    """
    sample = sample_of(trajectory)
    undecided = float(not sample.valid)
    return {
        "prompt_ids": list(sample.prompt_ids),
        "response_ids": list(sample.response_ids),
        "response_mask": exported_mask(sample),
        "response_logprobs": None if sample.logprobs is None else list(sample.logprobs),
        "reward_score": sample.reward,
        "num_turns": len(sample.messages),
        "extra_fields": {
            "turn_scores": list(sample.turn_rewards),
            # verl requires the same keys in every sample of a batch
            "reward_extra_info": {"undecided": undecided, "truncated": float(sample.truncated)},
            NOTES: notes_of(sample),
        },
    }


def from_verl(output: Mapping[str, Any]) -> Trajectory:
    """Return the trajectory of ``AgentLoopOutput.model_dump()``, ours or another loop's.

    Another loop's turns are the runs of 1 in its mask, and the last one has the reward.
    """
    sample = sample_from(
        prompt_ids=output["prompt_ids"],
        response_ids=output["response_ids"],
        response_mask=output["response_mask"],
        logprobs=output.get("response_logprobs"),
        reward=output.get("reward_score"),
        notes=(output.get("extra_fields") or {}).get(NOTES),
    )
    return trajectory_of(sample)
