"""What a trainer's record has no field for, as a JSON-ready dict to put into its free-form one.

Most trainers keep tokens, a mask and one reward, and a dict for whatever else. With these notes in
that dict a record becomes the trajectory again that it was made of; without them, as in a record of
the trainer's own, the turns are read from the mask and the reward is the last turn's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmenvs.integrations.samples import TrainingSample, sample_of_record, trajectory_of
from llmenvs.trajectory import StopReason, Trajectory

NOTES = "llmenvs"
"""The key in a trainer's free-form dict."""


def notes_of(sample: TrainingSample) -> dict[str, Any]:
    """Return all of ``sample`` but its tokens, mask and log-probabilities, JSON-ready.

    Of ``info`` only ``task_id``, ``dataset_hash``, ``seed`` and ``episode`` are kept.
    """
    kept = ("task_id", "dataset_hash", "seed", "episode")
    return {
        "reward": sample.reward,
        "turn_rewards": list(sample.turn_rewards),
        "token_rewards": list(sample.token_rewards),
        "turn_spans": [list(span) for span in sample.turn_spans],
        "logprobs_told": sample.logprobs is not None,
        "messages": [dict(message) for message in sample.messages],
        "terminated": sample.terminated,
        "truncated": sample.truncated,
        "stop_reason": sample.stop_reason.value,
        "policy_version": sample.policy_version,
        "info": {key: sample.info[key] for key in kept if key in sample.info},
        "run": sample.run,
    }


def sample_from(
    *,
    prompt_ids: Sequence[int],
    response_ids: Sequence[int],
    response_mask: Sequence[int],
    logprobs: Sequence[float] | None,
    reward: float | None,
    notes: Mapping[str, Any] | None,
) -> TrainingSample:
    """Return the sample of a trainer's record, by its notes where it has some.

    Args:
        prompt_ids: all before the first turn.
        response_ids: (R,) what follows the last sampled one is dropped.
        response_mask: (R,) 1 where the policy sampled the token.
        logprobs: (R,) in nats, or None.
        reward: of the record; None if undecided. The notes' own goes before it.
        notes: of `notes_of`, or None.
    """
    noted = dict(notes or {})
    sample = sample_of_record(
        prompt_ids,
        response_ids,
        response_mask,
        reward=noted.get("reward", reward),
        logprobs=logprobs if noted.get("logprobs_told", True) else None,
        turn_spans=noted.get("turn_spans"),  # an undecided one is under a mask of 0 throughout
        turn_rewards=noted.get("turn_rewards"),
    )
    return replace(
        sample,
        token_rewards=tuple(noted.get("token_rewards", sample.token_rewards)),
        messages=tuple(noted.get("messages", ())),
        terminated=bool(noted.get("terminated")),
        truncated=bool(noted.get("truncated")),
        stop_reason=StopReason(noted.get("stop_reason", StopReason.UNFINISHED)),
        policy_version=noted.get("policy_version"),
        info=noted.get("info", {}),
        run=noted.get("run", 0),
    )


def trajectory_of_notes(noted: Mapping[str, Any]) -> Trajectory:
    """Return the trajectory of notes that hold the tokens too, for a record that cannot.

    Args:
        noted: ``prompt_ids``, ``response_ids`` and ``logprobs`` beside what `notes_of` gives.
    """
    own = {i for start, stop in noted["turn_spans"] for i in range(start, stop)}
    sample = sample_from(
        prompt_ids=noted["prompt_ids"],
        response_ids=noted["response_ids"],
        response_mask=[int(i in own) for i in range(len(noted["response_ids"]))],
        logprobs=noted["logprobs"],
        reward=noted["reward"],
        notes=noted,
    )
    return trajectory_of(sample)


def exported_mask(sample: TrainingSample) -> list[int]:
    """Return the mask to train with: all 0 where the score is undecided.

    >>> from llmenvs.integrations.samples import TrainingSample
    >>> exported_mask(TrainingSample((1,), (2,), (1,), None, (0.0,), ((0, 1),), (0.0,), None))
    [0]
    """
    return list(sample.response_mask) if sample.valid else [0] * len(sample.response_mask)
