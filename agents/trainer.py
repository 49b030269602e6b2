"""What every algorithm is to the program that runs it: `Trainer`, one iteration at a time.

A trainer of episodes is made as ``XTrainer(envs, policy, config, seed=0, sampler=None)``, one of
given data as ``XTrainer(policy, data, config, seed=0)``. Everything that is random in iteration n
follows from ``default_rng([seed, n])``, so a trainer that is made with the same arguments and given
the state of another goes on as that one would have.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from llmenvs.agents.distributed import gathered, share
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.bench.metrics import EpisodeMetrics, episode_metrics
from llmenvs.rollout import rollout
from llmenvs.running_episode import RolloutLimits
from llmenvs.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class Iteration:
    """One iteration: what was played, and what the update made of it.

    Attributes:
        number: from 0.
        trajectories: played before the update; empty where the data is given.
        metrics: of these trajectories.
        update: what was measured of the update, by name; each trainer says what. ``loss`` is always
            there, and 0.0 where there was nothing to learn from.
    """

    number: int
    trajectories: list[Trajectory]
    metrics: EpisodeMetrics
    update: Mapping[str, float]

    @classmethod
    def of(
        cls, number: int, trajectories: list[Trajectory], update: Mapping[str, float]
    ) -> "Iteration":
        """Return the iteration, its trajectories measured."""
        return cls(number, trajectories, episode_metrics(trajectories), update)


class Trainer(Protocol):
    """Trains a policy in place."""

    def step(self) -> Iteration:
        """Make the next iteration.

        Raises:
            FloatingPointError: the loss or its gradient is not finite; the weights are left as they
                were before the update that failed.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that the trainer owns: weights, optimizer, reference, critic, counters.

        Tensors, numbers, strings, lists and dicts alone, so that ``torch.load(weights_only=True)``
        reads it back. The tensors are those in use, not copies.
        """
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where ``state`` was taken.

        Raises:
            ValueError: it is not the state of such a trainer.
        """
        ...


class TaskSampler(Protocol):
    """Chooses the tasks of an iteration. Its state is its owner's to keep."""

    def sample(self, num_tasks: int, *, rng: np.random.Generator) -> list[str]:
        """Return the ids of as many tasks; they may repeat."""
        ...

    def update(self, trajectories: Sequence[Trajectory]) -> None:
        """See how the tasks went; ``info["task_id"]`` names them."""
        ...


class EpisodeSource:
    """Plays the episodes from which a trainer learns; a trainer has it as ``source``.

    Args:
        envs: as many episodes are played at once. They must be alike, since the members of a group
            are played in several of them.
        policy: what plays.
        limits: of an episode.
        sampler: chooses the tasks; where it is None, the reset seeds draw them.
    """

    def __init__(
        self,
        envs: Sequence[gym.Env[str, str]],
        policy: TransformerPolicy,
        *,
        limits: RolloutLimits,
        sampler: TaskSampler | None = None,
    ) -> None:
        self._envs = envs
        self._policy = policy
        self._limits = limits
        self._sampler = sampler

    def play(
        self, rng: np.random.Generator, *, num_groups: int, group_size: int = 1
    ) -> list[Trajectory]:
        """Play ``group_size`` episodes of each of ``num_groups`` tasks and reset seeds.

        Where several processes train together, each plays its share and returns all of them.

        Returns:
            the trajectories of ``num_groups * group_size`` episodes, group after group.
        """
        seeds = np.repeat(rng.integers(2**31, size=num_groups), group_size)
        sampling_seed = int(rng.integers(2**31))
        task_ids = None
        if self._sampler is not None:
            chosen = self._sampler.sample(num_groups, rng=rng)
            task_ids = [task_id for task_id in chosen for _ in range(group_size)]
        numbers = share(range(len(seeds)))
        played = rollout(
            self._envs,
            self._policy,
            seeds=seeds[numbers].tolist(),
            task_ids=None if task_ids is None else [task_ids[number] for number in numbers],
            numbers=numbers,
            sampling_seed=sampling_seed,
            limits=self._limits,
        )
        trajectories = gathered(played)
        self._policy.forget_episodes()  # the update needs the memory
        if self._sampler is not None:
            self._sampler.update(trajectories)
        return trajectories


def iterate(trainer: Trainer, num_iterations: int) -> Iterator[Iteration]:
    """Yield ``num_iterations`` steps of ``trainer``; the caller may stop earlier."""
    for _ in range(num_iterations):
        yield trainer.step()
