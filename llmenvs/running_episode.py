"""One episode of a rollout as it is played, and how long it may get.

`rollout` and `rollout_async` differ in who waits for whom; what an episode is, is the same in both.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from llmenvs.env import TextEnv
from llmenvs.lookups import Answers, Lookup, answers_at_hand
from llmenvs.policy import Prompt
from llmenvs.trajectory import StopReason, Trajectory
from llmenvs.transcript import Completion

logger = logging.getLogger(__name__)

OnEpisode = Callable[[list[Trajectory]], None]
"""Called with the trajectories of each episode as it ends; one, unless its renderer splits it."""


@dataclass(frozen=True, slots=True)
class RolloutLimits:
    """How long things may get.

    Attributes:
        max_new_tokens: of one completion, at least 1.
        max_episode_tokens: prompt, completions and observations together. An episode that has
            reached it is truncated with the stop reason TOKEN_LIMIT, and a completion is asked for
            no more tokens than are left. Where a chat template splits the episode, the limit is
            that of each run, which is what the model reads at once.
    """

    max_new_tokens: int = 512
    max_episode_tokens: int = 32_768

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.max_episode_tokens < 1:
            raise ValueError(
                "max_new_tokens and max_episode_tokens must be at least 1, "
                f"got {self.max_new_tokens} and {self.max_episode_tokens}"
            )


DEFAULT_LIMITS = RolloutLimits()


class Episode(Protocol):
    """One episode as a rollout sees it, wherever its environment is. One thread at a time.

    Attributes:
        number: of the episode, from which the seeds of its prompts follow.
        position: in the rollout, which says in which environment it is played.
        blocking: whether `begin` and `take` may wait for something, so that threads pay off.
        trajectories: empty until it has ended.
    """

    number: int
    position: int
    blocking: bool
    trajectories: list[Trajectory]

    def begin(self) -> None:
        """Reset the environment; record what it raises."""
        ...

    def lookup(self, completion: Completion) -> Lookup | None:
        """Return what `take` will ask of a service that the episodes share, if anything."""
        ...

    def take(self, completion: Completion, answers: Answers) -> None:
        """Step the environment with ``answers`` at hand; record what it raises."""
        ...

    def fail(self, error: Exception) -> None:
        """End the episode as invalid, with all that was written."""
        ...

    def prompt(self) -> Prompt:
        """Return what to ask the policy."""
        ...


class RunningEpisode:
    """One episode: where it stands and how it goes on. Used by one thread at a time.

    Attributes:
        number: of the episode, from which the seeds of its prompts follow.
        position: in the rollout, which says in which environment it is played.
        trajectories: empty until it has ended.
    """

    def __init__(
        self,
        number: int,
        *,
        position: int,
        env: gym.Env[str, str],
        seed: int,
        task_id: str | None,
        sampling_seed: int,
        limits: RolloutLimits,
    ) -> None:
        self.number = number
        self.position = position
        self.env = env
        self.text_env: TextEnv[Any] = env.unwrapped  # type: ignore[assignment]  # checked by rollout
        self.blocking = self.text_env.blocking
        self._seed = seed
        self._options = {} if task_id is None else {"task_id": task_id}
        self._sampling_seed = sampling_seed
        self._limits = limits
        self._num_turns = 0
        self.trajectories: list[Trajectory] = []  # empty until it has ended

    def begin(self) -> None:
        """Reset the environment; record what it raises."""
        try:
            self.env.reset(seed=self._seed, options=dict(self._options))
        except Exception as error:
            self.trajectories = [self._failed_before_start(error)]
            return
        self._end_at_token_limit()

    def lookup(self, completion: Completion) -> Lookup | None:
        """Return what `take` will ask of a service that the episodes share, if anything."""
        try:
            return self.text_env.next_lookup(completion)
        except Exception as error:
            # The step meets the fault again, where it is recorded.
            logger.debug("episode %d could not plan its lookup: %r", self.number, error)
            return None

    def take(self, completion: Completion, answers: Answers) -> None:
        """Step the environment with ``answers`` at hand; record what it raises."""
        try:
            with answers_at_hand(answers):
                _, _, terminated, truncated, _ = self.env.step(completion)
        except Exception as error:
            self.fail(error)
            return
        self._num_turns += 1
        if terminated or truncated:
            self.trajectories = self._finish()
            if truncated and self.trajectories[-1].stop_reason is StopReason.UNFINISHED:
                # A wrapper such as TimeLimit cut it, of which the environment knows nothing.
                self.trajectories = self._finish(StopReason.TRUNCATED)
        else:
            self._end_at_token_limit()

    def fail(self, error: Exception) -> None:
        """End the episode as invalid, with all that was written."""
        logger.warning("episode %d failed: %r", self.number, error)
        self.trajectories = self._finish(StopReason.ERROR, {"error": repr(error)})

    def prompt(self) -> Prompt:
        """Return what to ask the policy."""
        transcript, limits = self.text_env.transcript, self._limits
        seed = np.random.SeedSequence([self._sampling_seed, self.number, self._num_turns])
        return Prompt(
            episode_id=f"{self._sampling_seed}-{self.number}",
            token_ids=transcript.token_ids,
            text=transcript.text,
            messages=transcript.messages,
            tools=self.text_env.tools,
            stop_strings=self.text_env.stop_strings,
            seed=int(seed.generate_state(1)[0]),
            max_new_tokens=min(limits.max_new_tokens, limits.max_episode_tokens - len(transcript)),
        )

    def _end_at_token_limit(self) -> None:
        if len(self.text_env.transcript) >= self._limits.max_episode_tokens:
            self.trajectories = self._finish(StopReason.TOKEN_LIMIT)

    def _finish(
        self, stop_reason: StopReason | None = None, info: dict[str, Any] | None = None
    ) -> list[Trajectory]:
        return self.text_env.trajectories(
            stop_reason=stop_reason, info={**self._labels, **(info or {})}
        )

    @property
    def _labels(self) -> dict[str, Any]:
        return {"episode": self.number, "seed": self._seed}

    def _failed_before_start(self, error: Exception) -> Trajectory:
        # The environment may still hold the episode before, which is not this one's transcript.
        logger.warning("episode %d failed in reset: %r", self.number, error)
        return Trajectory.empty(
            stop_reason=StopReason.ERROR, info={**self._labels, "error": repr(error)}
        )


class Tally:
    """Counts episodes as they end: moves the bar and tells the caller.

    Args:
        advance: moves a progress bar, with a note.
        on_episode: of the caller, if it wants to know.
    """

    def __init__(self, advance: Callable[[str], None], on_episode: OnEpisode | None) -> None:
        self._advance = advance
        self._on_episode = on_episode
        self._num_valid = 0
        self._total = 0.0

    def count(self, episode: Episode) -> None:
        """Count an episode that has ended."""
        last = episode.trajectories[-1]
        if last.valid:
            self._num_valid += 1
            self._total += last.total_reward
        mean = self._total / self._num_valid if self._num_valid else float("nan")
        self._advance(f"reward {mean:.2f}")
        if self._on_episode is not None:
            self._on_episode(episode.trajectories)


def check_rollout(
    envs: Sequence[gym.Env[str, str]],
    *,
    seeds: Sequence[int],
    task_ids: Sequence[str | None] | None,
    numbers: Sequence[int] | None,
) -> None:
    """Check what a rollout is asked to play.

    Raises:
        ValueError: no environments, one that is not a `TextEnv`, or lists of other lengths.
    """
    if not envs:
        raise ValueError("envs must hold at least one environment, got none")
    for index, env in enumerate(envs):
        if not isinstance(env.unwrapped, TextEnv):
            raise ValueError(f"envs[{index}] must be a TextEnv, got {type(env.unwrapped).__name__}")
    for name, values in (("task_ids", task_ids), ("numbers", numbers)):
        if values is not None and len(values) != len(seeds):
            raise ValueError(f"{name} must be as many as seeds, got {len(values)} for {len(seeds)}")


def running_episodes(
    envs: Sequence[gym.Env[str, str]],
    *,
    seeds: Sequence[int],
    task_ids: Sequence[str | None] | None,
    numbers: Sequence[int] | None,
    sampling_seed: int,
    limits: RolloutLimits,
) -> list[RunningEpisode]:
    """Return the episodes of a rollout, not begun; the arguments are those of `rollout`.

    Raises:
        ValueError: no environments, one that is not a `TextEnv`, or lists of other lengths.
    """
    check_rollout(envs, seeds=seeds, task_ids=task_ids, numbers=numbers)
    return [
        RunningEpisode(
            index if numbers is None else numbers[index],
            position=index,
            env=envs[index % len(envs)],
            seed=int(seed),
            task_id=None if task_ids is None else task_ids[index],
            sampling_seed=sampling_seed,
            limits=limits,
        )
        for index, seed in enumerate(seeds)
    ]
