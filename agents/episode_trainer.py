"""What the trainers share: one `Learner` whose state is theirs, and episodes that they play."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import gymnasium as gym
from torch import nn

from llmenvs.agents.optimization import Learner
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.trainer import EpisodeSource, TaskSampler
from llmenvs.running_episode import RolloutLimits


class EpisodeSettings(Protocol):
    """What the settings of every algorithm that plays have; see its ``…Config``."""

    @property
    def learning_rate(self) -> float:
        """Of AdamW."""
        ...

    @property
    def max_grad_norm(self) -> float:
        """Where the gradient is clipped."""
        ...

    @property
    def limits(self) -> RolloutLimits:
        """Of a rollout."""
        ...


ConfigT = TypeVar("ConfigT", bound=EpisodeSettings)


class LearnerTrainer:
    """A trainer all of whose state is that of its learner; given data is not part of it."""

    _learner: Learner

    def state_dict(self) -> dict[str, Any]:
        """See `Trainer.state_dict`."""
        return self._learner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Trainer.load_state_dict`."""
        self._learner.load_state_dict(state)


class EpisodeTrainer(LearnerTrainer, Generic[ConfigT]):
    """A trainer that learns from episodes which it plays itself.

    Args:
        envs: see `EpisodeSource`.
        policy: what learns.
        config: the settings.
        seed: of the tasks, the sampling and the minibatches.
        sampler: of the tasks; the reset seeds draw them by default.
    """

    def __init__(
        self,
        envs: Sequence[gym.Env[str, str]],
        policy: TransformerPolicy,
        config: ConfigT,
        *,
        seed: int = 0,
        sampler: TaskSampler | None = None,
    ) -> None:
        self.policy = policy
        self.config = config
        self.source = EpisodeSource(envs, policy, limits=config.limits, sampler=sampler)
        self._learner = Learner(
            policy,
            learning_rate=config.learning_rate,
            max_grad_norm=config.max_grad_norm,
            seed=seed,
            critic=self._make_critic(),
            reference=self._make_reference(),
        )

    def _make_critic(self) -> nn.Module | None:
        """Return what learns beside the policy; nothing here."""
        return None

    def _make_reference(self) -> TransformerPolicy | None:
        """Return the policy that stands still; none here."""
        return None
