"""GRPO: no critic; a completion is as good as it is better than its siblings.

Sources: "How LLMs learn to reason" (yeesengchan.com, 2026), part 2; Shao et al., "DeepSeekMath"
(2024), eq. 3 and 4. Deviations: the mean is over all tokens of the batch (DAPO, Yu et al., 2025),
not over each sequence first; the KL term is off by default, with k3 as DeepSeek has it when on; and
a sample whose verdict is undecided leaves its group before mean and deviation are taken.

Run it on an environment of your own::

    policy = TransformerPolicy(model, env.unwrapped.tokenizer)
    for iteration in train_grpo([env], policy, GRPOConfig(), num_iterations=50, seed=0):
        logger.info("%s", iteration.metrics)
"""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from llmenvs.agents.advantages import group_advantages
from llmenvs.agents.batching import TrainingBatch, training_batch
from llmenvs.agents.losses import clipped_surrogate_loss, kl_loss
from llmenvs.agents.optimization import descend
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.bench.metrics import EpisodeMetrics, episode_metrics
from llmenvs.rollout import rollout
from llmenvs.running_episode import RolloutLimits
from llmenvs.trajectory import Trajectory, episodes_of


@dataclass(frozen=True, slots=True)
class GRPOConfig:
    """Settings; the defaults suit a small model on the grid world.

    Attributes:
        num_groups: prompts in an iteration, P.
        group_size: episodes of one prompt, G, at least 2; they share the reset seed.
        learning_rate: of AdamW.
        num_epochs: passes over the batch of an iteration.
        minibatch_size: sequences in one update.
        clip_low: see `clipped_surrogate_loss`.
        clip_high: see `clipped_surrogate_loss`.
        kl_coefficient: of the KL to the initial policy; 0 leaves it out and keeps no copy.
        kl_kind: see `kl_estimate`.
        scale: see `group_advantages`.
        max_grad_norm: where the gradient is clipped.
        limits: of a rollout.
    """

    num_groups: int = 16
    group_size: int = 8
    learning_rate: float = 1e-3
    num_epochs: int = 2
    minibatch_size: int = 64
    clip_low: float = 0.2
    clip_high: float = 0.2
    kl_coefficient: float = 0.0
    kl_kind: Literal["k1", "k2", "k3"] = "k3"
    scale: Literal["sample", "population"] | None = "sample"
    max_grad_norm: float = 1.0
    limits: RolloutLimits = field(default_factory=RolloutLimits)

    def __post_init__(self) -> None:
        if self.group_size < 2:
            raise ValueError(f"group_size must be at least 2, got {self.group_size}")


@dataclass(frozen=True, slots=True)
class Iteration:
    """One iteration: what was played, and how far the policy moved.

    Attributes:
        trajectories: of (P * G,) episodes, group after group, played before the update.
        metrics: of these trajectories.
        loss: mean over the updates; 0.0 where no group held a signal.
        clip_fraction: share of tokens whose gradient the clip removed, in the last epoch.
        kl: the estimate k3 of KL(sampling policy || policy) in nats for a token, in the last epoch.
    """

    trajectories: list[Trajectory]
    metrics: EpisodeMetrics
    loss: float
    clip_fraction: float
    kl: float


def train_grpo(
    envs: Sequence[gym.Env[str, str]],
    policy: TransformerPolicy,
    config: GRPOConfig,
    *,
    num_iterations: int,
    seed: int = 0,
) -> Iterator[Iteration]:
    """Train ``policy`` in place; yields after each iteration, so that the caller may stop there.

    Args:
        envs: as many episodes are played at once. Every group plays in one kind of environment
            only if all of ``envs`` are of that kind.
        policy: what learns.
        config: the settings.
        num_iterations: how many at most.
        seed: of the tasks, the sampling and the minibatches.
    """
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=config.learning_rate)
    reference = _frozen_copy(policy) if config.kl_coefficient > 0.0 else None
    for number in range(num_iterations):
        rng = np.random.default_rng([seed, number])
        seeds = np.repeat(rng.integers(2**31, size=config.num_groups), config.group_size)
        trajectories = rollout(
            envs,
            policy,
            seeds=seeds.tolist(),
            sampling_seed=int(rng.integers(2**31)),
            limits=config.limits,
        )
        batch = grpo_batch(trajectories, config, device=policy.device)
        stats = _update(policy, reference, optimizer, batch, config, rng)
        yield Iteration(trajectories, episode_metrics(trajectories), *stats)


def grpo_batch(
    trajectories: Sequence[Trajectory], config: GRPOConfig, *, device: torch.device
) -> TrainingBatch | None:
    """Return the tensors of the trajectories that hold a signal, or None if none does.

    Where the chat template split an episode, it counts once in its group, by its return, and its
    advantage is that of all of its runs.

    Args:
        trajectories: of (P * G,) episodes, group after group.
        config: the settings.
        device: of the tensors.

    Raises:
        ValueError: a policy that did not tell its log-probabilities.
    """
    shape = (-1, config.group_size)
    episodes = episodes_of(trajectories)
    advantages = group_advantages(
        torch.tensor([runs[0].total_reward for runs in episodes]).view(shape),
        scale=config.scale,
        valid=torch.tensor([runs[0].valid for runs in episodes]).view(shape),
    ).flatten()
    kept = [
        (advantage, run)
        for advantage, runs in zip(advantages.tolist(), episodes, strict=True)
        for run in runs
        if advantage != 0.0
    ]
    if not kept:
        return None
    for _, trajectory in kept:
        if np.isnan(trajectory.logprobs[trajectory.generated_mask]).any():
            raise ValueError(
                "GRPO needs the log-probabilities with which the tokens were sampled, but the "
                f"policy told none for task {trajectory.info['task_id']!r}"
            )
    weights = [[advantage] * len(run.turn_rewards) for advantage, run in kept]
    return training_batch([run for _, run in kept], weights, device=device)


def grpo_loss(
    logprobs: Tensor, batch: TrainingBatch, config: GRPOConfig, *, ref_logprobs: Tensor | None
) -> Tensor:
    """Return the clipped surrogate, plus the KL term if there is a reference (part 2).

    Args:
        logprobs: (B, T) under the current policy, with gradient.
        batch: the trajectories, with the advantages as weights.
        config: the settings.
        ref_logprobs: (B, T) under the reference policy, or None.
    """
    loss = clipped_surrogate_loss(
        logprobs,
        batch.old_logprobs,
        batch.weights,
        batch.loss_mask,
        clip_low=config.clip_low,
        clip_high=config.clip_high,
    )
    if ref_logprobs is None:
        return loss
    kl = kl_loss(logprobs, ref_logprobs, batch.loss_mask, kind=config.kl_kind)
    return loss + config.kl_coefficient * kl


def _update(
    policy: TransformerPolicy,
    reference: TransformerPolicy | None,
    optimizer: torch.optim.Optimizer,
    batch: TrainingBatch | None,
    config: GRPOConfig,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Make the updates of one iteration; returns mean loss, clip fraction and KL."""
    if batch is None:
        return 0.0, 0.0, 0.0
    losses: list[float] = []
    moved: list[tuple[float, float]] = []
    for _ in range(config.num_epochs):
        moved = []
        order = torch.from_numpy(rng.permutation(len(batch)))
        for indices in order.split(math.ceil(len(batch) / _num_minibatches(batch, config))):
            rows = batch.rows(indices)
            logprobs = policy.logprobs(rows.token_ids, loss_mask=rows.loss_mask)
            ref_logprobs = None
            if reference is not None:
                with torch.no_grad():
                    ref_logprobs = reference.logprobs(rows.token_ids, loss_mask=rows.loss_mask)
            loss = grpo_loss(logprobs, rows, config, ref_logprobs=ref_logprobs)
            descend(loss, policy.model, optimizer, max_grad_norm=config.max_grad_norm)
            losses.append(loss.item())
            moved.append(_movement(logprobs.detach(), rows, config))
    policy.version += 1
    clip_fraction, kl = np.mean(moved, axis=0)
    return float(np.mean(losses)), float(clip_fraction), float(kl)


def _num_minibatches(batch: TrainingBatch, config: GRPOConfig) -> int:
    return max(1, round(len(batch) / config.minibatch_size))


def _movement(logprobs: Tensor, rows: TrainingBatch, config: GRPOConfig) -> tuple[float, float]:
    """Return the share of clipped tokens and the k3 estimate of how far the policy moved."""
    log_ratio = torch.where(rows.loss_mask, logprobs - rows.old_logprobs, 0.0)
    ratio, count = log_ratio.exp(), rows.loss_mask.sum().clamp(min=1)
    up = (ratio > 1.0 + config.clip_high) & (rows.weights > 0)
    down = (ratio < 1.0 - config.clip_low) & (rows.weights < 0)
    clipped = ((up | down) & rows.loss_mask).sum() / count
    return float(clipped), float((ratio - 1.0 - log_ratio).sum() / count)


def _frozen_copy(policy: TransformerPolicy) -> TransformerPolicy:
    model = copy.deepcopy(policy.model).requires_grad_(False)  # noqa: FBT003 (torch's signature)
    return TransformerPolicy(model, policy.tokenizer, temperature=policy.temperature)
