"""REINFORCE: each action is weighted by the return that followed it.

Source: "How LLMs learn to reason" (yeesengchan.com, 2026), part 0; Williams, "Simple statistical
gradient-following algorithms" (1992). An action is a turn: all its tokens share the turn's return.
With ``baseline``, the mean return of the batch is taken off, which changes the variance of the
gradient and not its mean (up to 1/B, as the batch's own returns are in it).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from llmenvs.agents.advantages import discounted_returns
from llmenvs.agents.batching import TrainingBatch, training_batch
from llmenvs.agents.losses import reinforce_loss
from llmenvs.agents.optimization import descend
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.bench.metrics import EpisodeMetrics, episode_metrics
from llmenvs.rollout import rollout
from llmenvs.running_episode import RolloutLimits
from llmenvs.trajectory import Trajectory, episodes_of


@dataclass(frozen=True, slots=True)
class ReinforceConfig:
    """Settings; the defaults suit a small model on the grid world.

    Attributes:
        batch_size: episodes in an update.
        learning_rate: of AdamW.
        discount: for each turn, in [0, 1].
        baseline: take the mean return off.
        max_grad_norm: where the gradient is clipped.
        limits: of a rollout.
    """

    batch_size: int = 128
    learning_rate: float = 1e-3
    discount: float = 1.0
    baseline: bool = True
    max_grad_norm: float = 1.0
    limits: RolloutLimits = field(default_factory=RolloutLimits)


@dataclass(frozen=True, slots=True)
class ReinforceIteration:
    """One update.

    Attributes:
        trajectories: played before the update.
        metrics: of these trajectories.
        loss: 0.0 where no episode was valid.
    """

    trajectories: list[Trajectory]
    metrics: EpisodeMetrics
    loss: float


def train_reinforce(
    envs: Sequence[gym.Env[str, str]],
    policy: TransformerPolicy,
    config: ReinforceConfig,
    *,
    num_iterations: int,
    seed: int = 0,
) -> Iterator[ReinforceIteration]:
    """Train ``policy`` in place; yields after each update.

    Args:
        envs: as many episodes are played at once.
        policy: what learns.
        config: the settings.
        num_iterations: updates at most.
        seed: of the tasks and the sampling.
    """
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=config.learning_rate)
    for number in range(num_iterations):
        rng = np.random.default_rng([seed, number])
        trajectories = rollout(
            envs,
            policy,
            seeds=rng.integers(2**31, size=config.batch_size).tolist(),
            sampling_seed=int(rng.integers(2**31)),
            limits=config.limits,
        )
        batch = reinforce_batch(trajectories, config, device=policy.device)
        loss = 0.0 if batch is None else _update(policy, optimizer, batch, config)
        yield ReinforceIteration(trajectories, episode_metrics(trajectories), loss)


def reinforce_batch(
    trajectories: Sequence[Trajectory], config: ReinforceConfig, *, device: torch.device
) -> TrainingBatch | None:
    """Return the tensors of the valid trajectories, weighted by their turns' returns, or None.

    A return goes on to the end of the episode, over all of its runs where the chat template split
    it.
    """
    valid = [trajectory for trajectory in trajectories if trajectory.valid]
    if not valid:
        return None
    returns = [g for runs in episodes_of(valid) for g in _returns(runs, config.discount)]
    baseline = float(torch.cat(returns).mean()) if config.baseline else 0.0
    return training_batch(valid, [(g - baseline).tolist() for g in returns], device=device)


def _returns(runs: Sequence[Trajectory], discount: float) -> Sequence[Tensor]:
    """Return (N,) for each run of one episode."""
    rewards = np.concatenate([run.turn_rewards for run in runs])
    returns = discounted_returns(torch.from_numpy(rewards), discount=discount)
    return list(returns.split([len(run.turn_rewards) for run in runs]))


def _update(
    policy: TransformerPolicy,
    optimizer: torch.optim.Optimizer,
    batch: TrainingBatch,
    config: ReinforceConfig,
) -> float:
    loss = reinforce_loss(policy.logprobs(batch.token_ids), batch.weights, batch.loss_mask)
    descend(loss, policy.model, optimizer, max_grad_norm=config.max_grad_norm)
    policy.version += 1
    return loss.item()
