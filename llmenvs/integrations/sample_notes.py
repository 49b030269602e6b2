"""What a trainer's record has no field for, as a JSON-ready dict to put into its free-form one.

Most trainers keep tokens, a mask and one reward, and a dict for whatever else. With these notes in
that dict a record becomes the trajectory again that it was made of; without them, as in a record of
the trainer's own, the turns are read from the mask and the reward is the last turn's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from llmenvs.integrations.samples import (
    TrainingSample,
    rewards_on_last_token,
    spans_of,
)
from llmenvs.trajectory import StopReason

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
    length = max((i + 1 for i, sampled in enumerate(response_mask) if sampled), default=0)
    sampled = tuple(int(value) for value in response_mask[:length])
    noted = dict(notes or {})
    spans = tuple((int(a), int(b)) for a, b in noted.get("turn_spans", spans_of(sampled)))
    if noted:  # an undecided sample is exported under a mask of 0: the turns say what was sampled
        length = max((stop for start, stop in spans if stop > start), default=0)
        own = {i for start, stop in spans for i in range(start, stop)}
        sampled = tuple(int(i in own) for i in range(length))
        reward = noted["reward"]
    turn_rewards = tuple(noted.get("turn_rewards", rewards_on_last_token(reward, len(spans))))
    told = logprobs is not None and noted.get("logprobs_told", True)
    return TrainingSample(
        prompt_ids=tuple(prompt_ids),
        response_ids=tuple(response_ids[:length]),
        response_mask=sampled,
        logprobs=tuple(logprobs[:length]) if told and logprobs is not None else None,
        token_rewards=rewards_on_turns(spans, turn_rewards, length),
        turn_spans=spans,
        turn_rewards=turn_rewards,
        reward=reward,
        messages=tuple(noted.get("messages", ())),
        terminated=noted.get("terminated", False),
        truncated=noted.get("truncated", False),
        stop_reason=StopReason(noted.get("stop_reason", StopReason.UNFINISHED)),
        policy_version=noted.get("policy_version"),
        info=noted.get("info", {}),
        run=noted.get("run", 0),
    )


def rewards_on_turns(
    spans: Sequence[tuple[int, int]], turn_rewards: Sequence[float], length: int
) -> tuple[float, ...]:
    """Return (R,) each turn's reward on the last token that was sampled until its end.

    >>> rewards_on_turns([(0, 2), (3, 3)], [1.0, 0.5], 2)
    (0.0, 1.5)
    """
    rewards = [0.0] * length
    last = None
    for (start, stop), reward in zip(spans, turn_rewards, strict=True):
        last = stop - 1 if stop > start else last
        if last is not None:
            rewards[last] += reward
    return tuple(rewards)


def exported_mask(sample: TrainingSample) -> list[int]:
    """Return the mask to train with: all 0 where the score is undecided.

    >>> from llmenvs.integrations.samples import TrainingSample
    >>> exported_mask(TrainingSample((1,), (2,), (1,), None, (0.0,), ((0, 1),), (0.0,), None))
    [0]
    """
    return list(sample.response_mask) if sample.valid else [0] * len(sample.response_mask)
