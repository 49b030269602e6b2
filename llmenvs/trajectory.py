"""`Trajectory`, one episode as arrays, and `collate`, which pads many of them into a batch.

Axes: T tokens, N turns, B sequences.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmenvs.transcript import Message, Transcript

Int64Array = NDArray[np.int64]
Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


class StopReason(StrEnum):
    """Why an episode ended."""

    TERMINATED = "terminated"
    """The task came to its end."""
    TRUNCATED = "truncated"
    """The environment's own limit, of turns for example, was reached."""
    TOKEN_LIMIT = "token_limit"  # noqa: S105 (not a password)
    """The rollout's limit of tokens was reached."""
    UNDECIDED = "undecided"
    """The score could not be decided, through no fault of the policy."""
    ERROR = "error"
    """The environment or the policy raised; ``info["error"]`` says what."""
    UNFINISHED = "unfinished"
    """It has not ended yet."""
    SPLIT = "split"
    """The chat template changed what was before: the next trajectory goes on with the episode."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trajectory:
    """One episode as arrays, which are read-only.

    Where a chat template splits an episode, it is several: one for each run of turns, adjacent and
    in order. All have the return, the verdict and ``valid`` of the episode; the last alone has its
    end. `episodes_of` puts them together again.

    Attributes:
        token_ids: (T,) int64, everything that was written.
        generated_mask: (T,) bool, True where the policy generated the token.
        logprobs: (T,) float32, of the generated tokens under the policy that sampled them, in
            nats; NaN where not generated, and where the policy told none.
        rewards: (T,) float32, each turn's reward on that turn's last generated token. A turn
            without tokens puts its reward on the generated token before it; where there is none,
            it stays in ``turn_rewards`` only.
        turn_spans: (N, 2) int64, where each turn's generated tokens start and stop.
        turn_rewards: (N,) float32.
        prompt_length: tokens before the first turn.
        messages: the text view.
        terminated: the task came to its end.
        truncated: a limit outside of the task cut it.
        valid: the score is decided. Where it is False, leave the trajectory out of training.
        stop_reason: why it ended.
        policy_version: of the oldest weights that wrote a turn; None if the policy did not tell.
        info: ``task_id``, ``dataset_hash``, ``verdict`` once scored, ``error`` if something raised;
            from `rollout` also ``episode``, the number of the episode, and ``seed``.
        run: which of the episode's runs this is, from 0.
        episode_reward: the return of the episode where it has several runs, else None.
    """

    token_ids: Int64Array
    generated_mask: BoolArray
    logprobs: Float32Array
    rewards: Float32Array
    turn_spans: Int64Array
    turn_rewards: Float32Array
    prompt_length: int
    messages: tuple[Message, ...]
    terminated: bool
    truncated: bool
    valid: bool
    stop_reason: StopReason
    policy_version: int | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    run: int = 0
    episode_reward: float | None = None

    def __post_init__(self) -> None:
        length, turns = len(self.token_ids), len(self.turn_rewards)
        expected = {
            "token_ids": (length,),
            "generated_mask": (length,),
            "logprobs": (length,),
            "rewards": (length,),
            "turn_spans": (turns, 2),
            "turn_rewards": (turns,),
        }
        for name, shape in expected.items():
            values = getattr(self, name)
            if values.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {values.shape}")
            values.flags.writeable = False

    def __repr__(self) -> str:
        return (
            f"Trajectory({len(self.token_ids)} tokens, {int(self.generated_mask.sum())} generated "
            f"in {len(self.turn_rewards)} turns, total_reward={self.total_reward:g}, "
            f"stop_reason={self.stop_reason.value!r}, valid={self.valid})"
        )

    @property
    def total_reward(self) -> float:
        """The undiscounted return of the episode, all of its runs together."""
        if self.episode_reward is not None:
            return self.episode_reward
        return float(self.turn_rewards.sum(dtype=np.float64))

    @classmethod
    def from_transcript(
        cls,
        transcript: Transcript,
        turn_rewards: Sequence[float],
        *,
        terminated: bool,
        truncated: bool,
        valid: bool,
        stop_reason: StopReason,
        info: Mapping[str, Any] | None = None,
    ) -> "Trajectory":
        """Build the arrays of one run; ``turn_rewards`` has one entry for each of its turns.

        Raises:
            ValueError: another number of rewards than of turns.
        """
        spans = np.array(transcript.turn_spans, np.int64).reshape(-1, 2)
        if len(turn_rewards) != len(spans):
            raise ValueError(
                "turn_rewards must have one entry for each completion, "
                f"got {len(turn_rewards)} for {len(spans)}"
            )
        versions = [segment.policy_version for segment in transcript.turns]
        return cls(
            token_ids=np.asarray(transcript.token_ids),
            generated_mask=np.asarray(transcript.generated_mask),
            logprobs=transcript.logprobs,
            rewards=_rewards_on_tokens(len(transcript), spans, turn_rewards),
            turn_spans=spans,
            turn_rewards=np.array(turn_rewards, np.float32),
            prompt_length=int(spans[0, 0]) if len(spans) else len(transcript),
            messages=tuple(transcript.messages),
            terminated=terminated,
            truncated=truncated,
            valid=valid,
            stop_reason=stop_reason,
            policy_version=min((v for v in versions if v is not None), default=None),
            info=dict(info or {}),
        )

    @classmethod
    def from_runs(
        cls,
        transcript: Transcript,
        turn_rewards: Sequence[float],
        *,
        terminated: bool,
        truncated: bool,
        valid: bool,
        stop_reason: StopReason,
        info: Mapping[str, Any] | None = None,
    ) -> list["Trajectory"]:
        """Build one trajectory for each run; ``turn_rewards`` has one entry for each completion.

        A run in which the policy has not written yet is left out, unless it is the only one.

        Raises:
            ValueError: another number of rewards than of completions.
        """
        runs = [run for run in transcript.runs if run.turn_spans] or [transcript]
        built: list[Trajectory] = []
        start = 0
        for run in runs:
            last = run is runs[-1]
            stop = len(turn_rewards) if last else start + len(run.turn_spans)
            trajectory = cls.from_transcript(
                run,
                turn_rewards[start:stop],
                terminated=terminated and last,
                truncated=truncated and last,
                valid=valid,
                stop_reason=stop_reason if last else StopReason.SPLIT,
                info=info,
            )
            built.append(trajectory)
            start = stop
        if len(built) == 1:
            return built
        total = float(np.sum(turn_rewards))
        return [replace(t, run=index, episode_reward=total) for index, t in enumerate(built)]

    @classmethod
    def empty(cls, *, stop_reason: StopReason, info: Mapping[str, Any]) -> "Trajectory":
        """Return the trajectory of an episode that could not start: truncated and invalid."""
        return cls.from_transcript(
            Transcript(),
            [],
            terminated=False,
            truncated=True,
            valid=False,
            stop_reason=stop_reason,
            info=info,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict with the keys of the fields; NaN becomes None."""
        verdict = self.info.get("verdict")
        return {
            "token_ids": self.token_ids.tolist(),
            "generated_mask": self.generated_mask.tolist(),
            "logprobs": _without_nan(self.logprobs),
            "rewards": self.rewards.tolist(),
            "turn_spans": self.turn_spans.tolist(),
            "turn_rewards": self.turn_rewards.tolist(),
            "prompt_length": self.prompt_length,
            "messages": [dict(message) for message in self.messages],
            "terminated": self.terminated,
            "truncated": self.truncated,
            "valid": self.valid,
            "stop_reason": self.stop_reason.value,
            "policy_version": self.policy_version,
            "info": {**self.info, **({} if verdict is None else {"verdict": verdict.to_dict()})},
            "run": self.run,
            "episode_reward": self.episode_reward,
        }


def _without_nan(values: Float32Array) -> list[float | None]:
    """Return the values with None for NaN."""
    found = values.astype(object)
    found[np.isnan(values)] = None
    listed: list[float | None] = found.tolist()
    return listed


def episodes_of(trajectories: Iterable[Trajectory]) -> list[list[Trajectory]]:
    """Return the runs of each episode, in order; a list of one where nothing was split.

    Raises:
        ValueError: the runs of an episode do not lie next to each other, from the first to the
            last.
    """
    episodes: list[list[Trajectory]] = []
    goes_on = False
    for trajectory in trajectories:
        if (trajectory.run > 0) != goes_on or (goes_on and trajectory.run != len(episodes[-1])):
            raise ValueError(
                "the runs of an episode must lie next to each other, all of them and in order, "
                f"but run {trajectory.run} of task {trajectory.info.get('task_id')!r} "
                "follows something else"
            )
        if goes_on:
            episodes[-1].append(trajectory)
        else:
            episodes.append([trajectory])
        goes_on = trajectory.stop_reason is StopReason.SPLIT
    if goes_on:
        raise ValueError("the last episode is not whole: its last run is missing")
    return episodes


def _rewards_on_tokens(
    length: int, spans: Int64Array, turn_rewards: Sequence[float]
) -> Float32Array:
    rewards = np.zeros(length, np.float32)
    last_generated = None
    for (start, stop), reward in zip(spans.tolist(), turn_rewards, strict=True):
        if stop > start:
            last_generated = stop - 1
        if last_generated is not None:
            rewards[last_generated] += reward
    return rewards


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Trajectories, padded on the right.

    Attributes:
        token_ids: (B, T) int64.
        padding_mask: (B, T) bool, True on real tokens.
        generated_mask: (B, T) bool, False on padding.
        logprobs: (B, T) float32, 0.0 where unknown, not generated or padding; never NaN.
        rewards: (B, T) float32, 0.0 on padding.
        valid: (B,) bool, whether the score is decided.
        terminated: (B,) bool.
        truncated: (B,) bool.
    """

    token_ids: Int64Array
    padding_mask: BoolArray
    generated_mask: BoolArray
    logprobs: Float32Array
    rewards: Float32Array
    valid: BoolArray
    terminated: BoolArray
    truncated: BoolArray


def collate(trajectories: Sequence[Trajectory], pad_token_id: int) -> Batch:
    """Pad ``trajectories`` to the longest and stack them, in their order.

    Args:
        trajectories: at least one.
        pad_token_id: what fills ``token_ids``; read ``padding_mask``, not this id, to tell padding
            from tokens, since models often pad with their end-of-turn token.

    Raises:
        ValueError: there is none.
    """
    if not trajectories:
        raise ValueError("trajectories must hold at least one, got none")
    shape = (len(trajectories), max(len(t.token_ids) for t in trajectories))
    token_ids = np.full(shape, pad_token_id, np.int64)
    padding_mask, generated_mask = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    logprobs, rewards = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for row, trajectory in enumerate(trajectories):
        length = len(trajectory.token_ids)
        token_ids[row, :length] = trajectory.token_ids
        padding_mask[row, :length] = True
        generated_mask[row, :length] = trajectory.generated_mask
        logprobs[row, :length] = np.nan_to_num(trajectory.logprobs, nan=0.0, neginf=-np.inf)
        rewards[row, :length] = trajectory.rewards
    return Batch(
        token_ids,
        padding_mask,
        generated_mask,
        logprobs,
        rewards,
        valid=np.array([t.valid for t in trajectories]),
        terminated=np.array([t.terminated for t in trajectories]),
        truncated=np.array([t.truncated for t in trajectories]),
    )
