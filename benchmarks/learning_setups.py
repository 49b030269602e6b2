"""What `learning.py` trains: a table on the grid world, and a tiny transformer in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from llmenvs.agents.fitted_tokenizer import fit_tokenizer
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.ppo import PPOConfig, PPOTrainer
from llmenvs.agents.reinforce import ReinforceConfig, ReinforceTrainer
from llmenvs.agents.sft import SFTConfig, SFTTrainer
from llmenvs.agents.tabular import CellTokenizer, TabularModel
from llmenvs.agents.trainer import EpisodeSource, Trainer, iterate
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.envs import GridWorldEnv, MathAnswerEnv
from llmenvs.policy import FunctionPolicy
from llmenvs.rollout import rollout
from llmenvs.running_episode import RolloutLimits
from llmenvs.tasks import TaskSet
from llmenvs.tokenizers import ByteTokenizer
from llmenvs.trajectory import Trajectory

ONE_TOKEN = RolloutLimits(max_new_tokens=1)
MOVES = RolloutLimits(max_new_tokens=8, max_episode_tokens=240)


@dataclass(frozen=True, slots=True)
class Setup:
    """What is trained.

    Attributes:
        envs: to play in.
        policy: before training.
        limits: of an episode.
        learning_rate: of the trainers of text.
    """

    envs: Sequence[Any]
    policy: TransformerPolicy
    limits: RolloutLimits
    learning_rate: float = 1e-3


def tabular_setup(*, slip_probability: float) -> tuple[Setup, TabularModel]:
    """Return the series' grid world, any start, and a policy that is a table."""
    tokenizer = CellTokenizer(4, 4)
    envs = [
        GridWorldEnv(random_start=True, slip_probability=slip_probability, tokenizer=tokenizer)
        for _ in range(128)
    ]
    model = TabularModel(tokenizer)
    return Setup(envs, TransformerPolicy(model, tokenizer), ONE_TOKEN), model


def tabular_trainer(algorithm: str, setup: Setup, *, seed: int) -> Trainer:
    """Return REINFORCE or PPO; a grid without a limit is meant, so PPO bootstraps at it."""
    if algorithm == "reinforce":
        reinforce = ReinforceConfig(
            batch_size=128, learning_rate=0.1, entropy_coefficient=0.3, limits=setup.limits
        )
        return ReinforceTrainer(setup.envs, setup.policy, reinforce, seed=seed)
    ppo = PPOConfig(
        batch_size=256,
        learning_rate=0.02,
        minibatch_size=64,
        entropy_coefficient=0.02,
        bootstrap_truncated=True,
        limits=setup.limits,
    )
    return PPOTrainer(setup.envs, setup.policy, ppo, seed=seed)


def math_setup(*, seed: int) -> Setup:
    """Return sums of two numbers up to 4, one byte to answer them, and a warm start on digits."""
    tasks = [{"question": f"{a}+{b}=", "answer": str(a + b)} for a in range(5) for b in range(5)]
    envs = [MathAnswerEnv(tasks=TaskSet(tasks), prompt_template="{question}") for _ in range(64)]
    network = Transformer(TransformerConfig(vocab_size=257, max_length=32), seed=seed)
    setup = Setup(envs, TransformerPolicy(network, ByteTokenizer()), ONE_TOKEN)
    digits = FunctionPolicy(lambda prompt: str(prompt.seed % 10))
    return _warm(setup, rollout(envs, digits, seeds=_seeds(seed, 512)), seed=seed)


def grid_setup(*, seed: int) -> Setup:
    """Return the grid world in words, six moves, and a warm start on random moves."""
    env = GridWorldEnv(random_start=True, max_turns=6)
    moves = env.scripted_policies()["random"]
    shown = rollout([env], moves, seeds=_seeds(seed, 300))
    texts = [message["content"] for episode in shown for message in episode.messages]
    tokenizer = fit_tokenizer(texts, vocab_size=512)
    envs = [GridWorldEnv(random_start=True, max_turns=6, tokenizer=tokenizer) for _ in range(128)]
    network = Transformer(
        TransformerConfig(vocab_size=tokenizer.vocab_size, max_length=256), seed=seed
    )
    setup = Setup(envs, TransformerPolicy(network, tokenizer), MOVES, learning_rate=5e-4)
    return _warm(setup, rollout(envs, moves, seeds=_seeds(seed + 1000, 512)), seed=seed)


TEXT_SETUPS: dict[str, Callable[..., Setup]] = {"math_answer": math_setup, "grid_world": grid_setup}


def text_trainer(algorithm: str, setup: Setup, *, seed: int, control: bool) -> Trainer:
    """Return PPO or GRPO with 256 episodes in an iteration; the control's rewards are shuffled."""
    trainer: PPOTrainer | GRPOTrainer
    if algorithm == "ppo":
        ppo = PPOConfig(
            batch_size=256,
            learning_rate=setup.learning_rate,
            minibatch_size=128,
            kl_coefficient=0.05,
            limits=setup.limits,
        )
        trainer = PPOTrainer(setup.envs, setup.policy, ppo, seed=seed)
    else:
        grpo = GRPOConfig(
            group_size=16,
            learning_rate=setup.learning_rate,
            minibatch_size=128,
            kl_coefficient=0.05,
            limits=setup.limits,
        )
        trainer = GRPOTrainer(setup.envs, setup.policy, grpo, seed=seed)
    if control:
        trainer.source = ShuffledRewards(setup.envs, setup.policy, limits=setup.limits)
    return trainer


class ShuffledRewards(EpisodeSource):
    """Gives each episode the return of another, on its last turn."""

    def play(
        self, rng: np.random.Generator, *, num_groups: int, group_size: int = 1
    ) -> list[Trajectory]:
        """Play as ever, and shuffle."""
        played = super().play(rng, num_groups=num_groups, group_size=group_size)
        order = rng.permutation(len(played))
        return [
            _with_return(trajectory, played[other].total_reward)
            for trajectory, other in zip(played, order, strict=True)
        ]


def _with_return(trajectory: Trajectory, total: float) -> Trajectory:
    turn_rewards = np.zeros_like(trajectory.turn_rewards)
    rewards = np.zeros_like(trajectory.rewards)
    turn_rewards[-1] = total
    rewards[np.flatnonzero(trajectory.generated_mask)[-1]] = total
    return replace(trajectory, turn_rewards=turn_rewards, rewards=rewards)


def _warm(setup: Setup, shown: list[Trajectory], *, seed: int) -> Setup:
    imitation = SFTTrainer(setup.policy, shown, SFTConfig(learning_rate=3e-3), seed=seed)
    for _ in iterate(imitation, 60):
        pass
    return setup


def _seeds(seed: int, count: int) -> list[int]:
    seeds: list[int] = np.random.default_rng([seed, count]).integers(2**31, size=count).tolist()
    return seeds
