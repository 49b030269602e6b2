"""The actor that has environments of a rollout, on a node of a Ray cluster."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmenvs.episode_state import Snapshot
from llmenvs.policy import Prompt
from llmenvs.running_episode import RolloutLimits, RunningEpisode
from llmenvs.trajectory import Trajectory
from llmenvs.transcript import Completion


@dataclass(frozen=True, slots=True)
class Start:
    """All that an episode follows from, beside its environment and the policy.

    Attributes:
        number: of the episode.
        position: in the rollout.
        seed: of the reset.
        task_id: of the task, or None where the seed draws it.
        sampling_seed: of the policy.
        limits: of tokens.
    """

    number: int
    position: int
    seed: int
    task_id: str | None
    sampling_seed: int
    limits: RolloutLimits


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an episode stands: it waits for the policy, or it has ended.

    Attributes:
        prompt: what to ask the policy; None where the episode has ended.
        trajectories: of an episode that has ended, else empty.
        snapshot: of the environment of an episode that has ended; None if it could not start.
    """

    prompt: Prompt | None
    trajectories: list[Trajectory]
    snapshot: Snapshot | None = None


class Fault(Exception):
    """An error of the driver's, of which only its description has come along."""

    def __repr__(self) -> str:
        return str(self.args[0])


class EnvHost:
    """Holds environments and the episode under way in each of them.

    An episode follows from its start and the completions so far, and each call brings both. So the
    successor of a host that was lost plays it again up to where it was, to the same state.

    Args:
        pickled: environments, each with its number in the rollout.
    """

    def __init__(self, pickled: bytes) -> None:
        self._envs: dict[int, Any] = pickle.loads(pickled)  # noqa: S301 (of the driver)
        self._under_way: dict[int, tuple[Start, int, RunningEpisode]] = {}

    def advance(self, slot: int, start: Start, completions: Sequence[Completion]) -> Standing:
        """Begin the episode, or take its last completion.

        Args:
            slot: which environment.
            start: of the episode.
            completions: all so far.
        """
        episode = self._episode(slot, start, completions[:-1])
        if completions and not episode.trajectories:
            episode.take(completions[-1], {})
        return self._standing(slot, start, len(completions), episode)

    def fail(
        self, slot: int, start: Start, completions: Sequence[Completion], error: str
    ) -> Standing:
        """End the episode as invalid, since the policy raised ``error``."""
        episode = self._episode(slot, start, completions)
        if not episode.trajectories:
            episode.fail(Fault(error))
        return self._standing(slot, start, len(completions), episode)

    def _episode(
        self, slot: int, start: Start, completions: Sequence[Completion]
    ) -> RunningEpisode:
        """Return the episode after ``completions``: the one under way, or else played again."""
        known = self._under_way.get(slot)
        if known is not None and known[:2] == (start, len(completions)):
            return known[2]
        episode = RunningEpisode(
            start.number,
            position=start.position,
            env=self._envs[slot],
            seed=start.seed,
            task_id=start.task_id,
            sampling_seed=start.sampling_seed,
            limits=start.limits,
        )
        episode.begin()
        for completion in completions:
            if not episode.trajectories:
                episode.take(completion, {})
        return episode

    def _standing(
        self, slot: int, start: Start, num_turns: int, episode: RunningEpisode
    ) -> Standing:
        if episode.trajectories:
            self._under_way.pop(slot, None)
            started = bool(episode.trajectories[-1].info.get("task_id"))
            snapshot = episode.text_env.snapshot() if started else None
            return Standing(None, episode.trajectories, snapshot)
        self._under_way[slot] = (start, num_turns, episode)
        return Standing(episode.prompt(), [])
