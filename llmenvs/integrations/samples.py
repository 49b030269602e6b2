"""`TrainingSample`: what every trainer gets of a `Trajectory`, whatever it calls the fields.

The rules that all exporters share are here and nowhere else:

1. Sampled ids are those of the trajectory; nothing is encoded again.
2. The response ends with the last generated token. What the environment wrote after it is dropped,
   since trainers put the reward on the last token, whoever wrote it.
3. A token that the policy did not sample has mask 0 and log-probability 0.0, also an end-of-turn
   token that the chat template added.
4. An episode whose chat template changed what was before is several samples, one for each run.
5. An undecided score is None and never 0.0.
6. All that was sampled has a log-probability, or the sample has none at all.

Axes: R tokens of the response, N turns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from llmenvs.trajectory import StopReason, Trajectory
from llmenvs.transcript import Message


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """A prompt and the response to it, in which the policy and the environment take turns.

    Attributes:
        prompt_ids: all tokens before the first turn of the policy.
        response_ids: (R,) from there to the last generated token; empty if there is none.
        response_mask: (R,) 1 where the policy sampled the token, 0 where the environment wrote it.
        logprobs: (R,) in nats, of the policy that sampled; 0.0 at mask 0. None where the policy
            told none for one of its tokens.
        token_rewards: (R,) each turn's reward on that turn's last generated token.
        turn_spans: (N,) start and stop of each turn in the response. The mask alone cannot tell
            turns that follow each other without a token between them.
        turn_rewards: (N,) of each turn.
        reward: the return of the episode, all of its runs together; None where the score is
            undecided: leave the sample out of training.
        messages: the text view.
        terminated: the task came to its end.
        truncated: a limit outside of the task cut it.
        stop_reason: why it ended.
        policy_version: of the oldest weights that wrote a turn, if the policy told.
        info: that of the trajectory: ``task_id``, ``seed``, ``verdict`` and so on.
        run: which of the episode's samples this is, from 0.
    """

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    response_mask: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    token_rewards: tuple[float, ...]
    turn_spans: tuple[tuple[int, int], ...]
    turn_rewards: tuple[float, ...]
    reward: float | None
    messages: tuple[Message, ...] = ()
    terminated: bool = False
    truncated: bool = False
    stop_reason: StopReason = StopReason.UNFINISHED
    policy_version: int | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    run: int = 0

    def __post_init__(self) -> None:
        length = len(self.response_ids)
        for name in ("response_mask", "token_rewards", "logprobs"):
            values = getattr(self, name)
            if values is not None and len(values) != length:
                raise ValueError(
                    f"{name} must have one entry for each of {length} response_ids, "
                    f"got {len(values)}"
                )
        if length and not self.response_mask[-1]:
            raise ValueError(
                "the response must end with a token that the policy sampled, "
                f"got the mask {self.response_mask[-8:]} at its end"
            )

    @property
    def valid(self) -> bool:
        """Whether the score is decided, so that the sample may be trained on."""
        return self.reward is not None

    @property
    def trainable(self) -> bool:
        """Whether the score is decided and the policy sampled a token at all."""
        return self.valid and bool(self.response_ids)


def sample_of(trajectory: Trajectory) -> TrainingSample:
    """Return the training sample of a trajectory, by the rules of this module.

    Raises:
        ValueError: the environment's tokens count as generated, as with ``mask_environment=False``;
            no trainer may get those.

    >>> import gymnasium, llmenvs
    >>> env = gymnasium.make("llmenvs/GridWorld-v0")
    >>> oracle = env.unwrapped.scripted_policies()["oracle"]
    >>> sample = sample_of(llmenvs.rollout([env], oracle, seeds=[0])[0])
    >>> sample.reward, sample.response_mask[0], sample.response_mask[-1], sample.logprobs
    (2.0, 1, 1, None)
    """
    _check_mask(trajectory)
    start = trajectory.prompt_length
    generated = np.flatnonzero(trajectory.generated_mask)
    stop = int(generated[-1]) + 1 if len(generated) else start
    mask = trajectory.generated_mask[start:stop]
    logprobs = trajectory.logprobs[start:stop]
    told = not np.isnan(logprobs[mask]).any()
    spans = np.clip(trajectory.turn_spans, start, stop) - start
    return TrainingSample(
        prompt_ids=tuple(trajectory.token_ids[:start].tolist()),
        response_ids=tuple(trajectory.token_ids[start:stop].tolist()),
        response_mask=tuple(mask.astype(int).tolist()),
        logprobs=tuple(np.where(mask, logprobs, 0.0).tolist()) if told else None,
        token_rewards=tuple(trajectory.rewards[start:stop].tolist()),
        turn_spans=tuple((first, last) for first, last in spans.tolist()),
        turn_rewards=tuple(trajectory.turn_rewards.tolist()),
        reward=trajectory.total_reward if trajectory.valid else None,
        messages=trajectory.messages,
        terminated=trajectory.terminated,
        truncated=trajectory.truncated,
        stop_reason=trajectory.stop_reason,
        policy_version=trajectory.policy_version,
        info=trajectory.info,
        run=trajectory.run,
    )


def samples_of(trajectories: Iterable[Trajectory]) -> list[TrainingSample]:
    """Return the sample of each trajectory, in order; a split episode has several."""
    return [sample_of(trajectory) for trajectory in trajectories]


def trajectory_of(sample: TrainingSample) -> Trajectory:
    """Return the trajectory of a sample: the one it was made of, but for what rule 2 drops.

    A sample of an episode that was split keeps the return of the whole episode.
    """
    prompt, response = len(sample.prompt_ids), len(sample.response_ids)
    mask = np.array([0] * prompt + list(sample.response_mask), np.bool_)
    logprobs = np.full(prompt + response, np.nan, np.float32)
    if sample.logprobs is not None:
        logprobs[prompt:] = np.where(mask[prompt:], np.array(sample.logprobs), np.nan)
    turn_rewards = np.array(sample.turn_rewards, np.float32)
    split = sample.run > 0 or sample.stop_reason is StopReason.SPLIT
    return Trajectory(
        token_ids=np.array([*sample.prompt_ids, *sample.response_ids], np.int64),
        generated_mask=mask,
        logprobs=logprobs,
        rewards=np.array([0.0] * prompt + list(sample.token_rewards), np.float32),
        turn_spans=np.array(sample.turn_spans, np.int64).reshape(-1, 2) + prompt,
        turn_rewards=turn_rewards,
        prompt_length=prompt,
        messages=sample.messages,
        terminated=sample.terminated,
        truncated=sample.truncated,
        valid=sample.valid,
        stop_reason=sample.stop_reason,
        policy_version=sample.policy_version,
        info=sample.info,
        run=sample.run,
        episode_reward=sample.reward if split else None,
    )


def spans_of(response_mask: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return start and stop of each unbroken run of 1: the turns, for a record that has no more.

    >>> spans_of([1, 1, 0, 1])
    ((0, 2), (3, 4))
    """
    edges = np.diff(np.array([0, *response_mask, 0], np.int64))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return tuple(zip(starts.tolist(), stops.tolist(), strict=True))


def sample_of_record(
    prompt_ids: Sequence[int],
    response_ids: Sequence[int],
    response_mask: Sequence[int],
    *,
    reward: float | None,
    logprobs: Sequence[float] | None = None,
    turn_spans: Iterable[Sequence[int]] | None = None,
    turn_rewards: Sequence[float] | None = None,
) -> TrainingSample:
    """Return the sample of what a trainer holds, cut after the last sampled token.

    Args:
        prompt_ids: before the first turn.
        response_ids: (R,) after it.
        response_mask: (R,) 1 where the policy sampled.
        reward: the sum of all turns; None where it is undecided.
        logprobs: (R,).
        turn_spans: (N,) of the turns, if the trainer carried them; else the runs of 1 in the mask.
        turn_rewards: (N,) if the trainer carried them; else the sum on the last turn.
    """
    given = spans_of(response_mask) if turn_spans is None else turn_spans
    spans = tuple((int(start), int(stop)) for start, stop in given)
    sampled = {i for start, stop in spans for i in range(start, stop)}
    length = max(sampled, default=-1) + 1
    if turn_rewards is None:
        turn_rewards = (0.0,) * (len(spans) - 1) + (reward or 0.0,) if spans else ()
    return TrainingSample(
        prompt_ids=tuple(prompt_ids),
        response_ids=tuple(response_ids[:length]),
        response_mask=tuple(int(i in sampled) for i in range(length)),
        logprobs=None if logprobs is None else tuple(logprobs[:length]),
        token_rewards=rewards_on_tokens(spans, turn_rewards, length),
        turn_spans=spans,
        turn_rewards=tuple(turn_rewards),
        reward=reward,
    )


def rewards_on_tokens(
    turn_spans: Sequence[tuple[int, int]], turn_rewards: Sequence[float], length: int
) -> tuple[float, ...]:
    """Return (R,) each turn's reward on the last token that was sampled until its end.

    >>> rewards_on_tokens([(0, 2), (3, 4)], [0.5, 1.0], 4)
    (0.0, 0.5, 0.0, 1.0)
    """
    rewards = [0.0] * length
    last = None
    for (start, stop), reward in zip(turn_spans, turn_rewards, strict=True):
        last = stop - 1 if stop > start else last
        if last is not None:
            rewards[last] += reward
    return tuple(rewards)


def _check_mask(trajectory: Trajectory) -> None:
    sampled = np.zeros(len(trajectory.token_ids), np.bool_)
    for start, stop in trajectory.turn_spans.tolist():
        sampled[start:stop] = True
    if not np.array_equal(sampled, trajectory.generated_mask):
        raise ValueError(
            f"generated_mask of task {trajectory.info.get('task_id')!r} differs from its turns: "
            f"{int(trajectory.generated_mask.sum())} tokens count as generated and "
            f"{int(sampled.sum())} were sampled; export with mask_environment=True"
        )
