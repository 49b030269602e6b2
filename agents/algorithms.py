"""The algorithms by the names that the command line has for them: settings, and how one is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llmenvs.agents.dpo import OnlineDPOConfig, OnlineDPOTrainer
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.ppo import PPOConfig, PPOTrainer
from llmenvs.agents.reinforce import ReinforceConfig, ReinforceTrainer
from llmenvs.agents.rejection_sampling import RejectionSamplingConfig, RejectionSamplingTrainer
from llmenvs.agents.sft import SFTConfig, SFTTrainer
from llmenvs.agents.trainer import TaskSampler, Trainer
from llmenvs.env import TextEnv
from llmenvs.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a trainer is made of.

    Attributes:
        policy: what learns.
        envs: where it plays; empty for an algorithm that learns from given episodes.
        data: the given episodes; empty for an algorithm that plays.
        settings: of the algorithm, of its own class.
        seed: of everything random.
        sampler: of the tasks, or None.
    """

    policy: TransformerPolicy
    envs: Sequence[TextEnv[Any]]
    data: Sequence[Trajectory]
    settings: Any
    seed: int
    sampler: TaskSampler | None


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One of them.

    Attributes:
        summary: one line for the command's help.
        settings: the dataclass of its settings, all of which have defaults.
        make: returns the trainer.
        plays: whether it plays episodes, rather than learn from given ones.
    """

    summary: str
    settings: type[Any]
    make: Callable[[Ingredients], Trainer]
    plays: bool = True


def _playing(trainer: Callable[..., Trainer]) -> Callable[[Ingredients], Trainer]:
    def make(given: Ingredients) -> Trainer:
        return trainer(
            given.envs, given.policy, given.settings, seed=given.seed, sampler=given.sampler
        )

    return make


def _make_sft(given: Ingredients) -> Trainer:
    return SFTTrainer(given.policy, given.data, given.settings, seed=given.seed)


ALGORITHMS = {
    "reinforce": Algorithm(
        "weight each turn by the return that followed it",
        ReinforceConfig,
        _playing(ReinforceTrainer),
    ),
    "ppo": Algorithm("clipped updates with a critic", PPOConfig, _playing(PPOTrainer)),
    "grpo": Algorithm("judge each episode by its group", GRPOConfig, _playing(GRPOTrainer)),
    "dpo": Algorithm(
        "prefer solved episodes to others of the same task",
        OnlineDPOConfig,
        _playing(OnlineDPOTrainer),
    ),
    "sft": Algorithm("imitate given episodes", SFTConfig, _make_sft, plays=False),
    "rejection-sampling": Algorithm(
        "imitate one's own solved episodes",
        RejectionSamplingConfig,
        _playing(RejectionSamplingTrainer),
    ),
}


def algorithm_of(name: str) -> Algorithm:
    """Return the algorithm of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in ALGORITHMS:
        raise ValueError(f"algorithm must be one of {list(ALGORITHMS)}, got {name!r}")
    return ALGORITHMS[name]
