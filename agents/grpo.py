"""GRPO: no critic; a completion is as good as it is better than its siblings.

Sources: "How LLMs learn to reason" (yeesengchan.com, 2026), part 2; Shao et al., "DeepSeekMath"
(2024), eq. 3 and 4. Its variants are settings, each under the name of its paper:

- DAPO (Yu et al., 2025): ``clip_high`` above ``clip_low``, ``dynamic_sampling``, the mean by token.
- Dr. GRPO (Liu et al., 2025): ``scale=None`` and the mean by a constant length.
- GSPO (Zheng et al., 2025): ``ratio="sequence"`` with the mean by sequence and a narrow clip.
- Truncated importance sampling (Yao et al., 2025): ``importance_cap``.

Deviations: the mean is by token and the KL term off unless they are asked for; there is no epsilon
beside the standard deviation, since a group of equal rewards is left out, its KL term with it; and
a sample whose verdict is undecided leaves its group before mean and deviation are taken.

Run it on an environment of your own::

    policy = TransformerPolicy(model, env.unwrapped.tokenizer)
    for iteration in iterate(GRPOTrainer([env], policy, GRPOConfig()), 50):
        logger.info("%s", iteration.metrics)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from llmenvs.agents.advantages import group_advantages
from llmenvs.agents.aggregation import Aggregation, token_weights
from llmenvs.agents.batching import (
    TrainingBatch,
    fixed_logprobs,
    micro_batches,
    require_logprobs,
    shuffled_minibatches,
    training_batch,
)
from llmenvs.agents.distributed import gathered
from llmenvs.agents.episode_trainer import EpisodeTrainer
from llmenvs.agents.losses import (
    clipped_surrogate_loss,
    kl_loss,
    sequence_means,
    sequence_ratio_loss,
    truncated_importance_weights,
)
from llmenvs.agents.movement import movement_sums, reference_kl_sum
from llmenvs.agents.optimization import frozen_copy
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.settings import above, at_least, one_of
from llmenvs.agents.trainer import Iteration
from llmenvs.running_episode import RolloutLimits
from llmenvs.trajectory import Trajectory, episodes_of


@dataclass(frozen=True, slots=True)
class GRPOConfig:
    """Settings; the defaults suit a small model on the grid world.

    Attributes:
        num_groups: prompts in an iteration, P.
        group_size: episodes of one prompt, G, at least 2; they share task and reset seed.
        learning_rate: of AdamW.
        num_epochs: passes over the batch of an iteration.
        minibatch_size: episodes in one update.
        micro_batch_size: episodes whose gradient is computed at once; all of the minibatch if None.
            It saves memory and changes nothing else.
        micro_batch_tokens: padded tokens whose gradient is computed at once, episodes of like
            length together; None leaves it to ``micro_batch_size``.
        ratio: of each token, or of the whole sequence, see `sequence_ratio_loss`.
        clip_low: see `clipped_surrogate_loss`.
        clip_high: see `clipped_surrogate_loss`.
        aggregation: the mean by token, by sequence, or by a constant, see `token_weights`.
        constant_length: in tokens; for ``aggregation="constant"``, and only there.
        kl_coefficient: of the KL to the initial policy; 0 leaves it out and keeps no copy.
        kl_kind: see `kl_estimate`.
        scale: see `group_advantages`.
        dynamic_sampling: play further groups in place of those whose rewards are all equal.
        max_sampling_rounds: how often at most, the first time included.
        importance_cap: see `truncated_importance_weights`; None leaves them out.
        max_grad_norm: where the gradient is clipped.
        limits: of a rollout.
    """

    num_groups: int = 16
    group_size: int = 8
    learning_rate: float = 1e-3
    num_epochs: int = 2
    minibatch_size: int = 64
    micro_batch_size: int | None = None
    micro_batch_tokens: int | None = None
    ratio: Literal["token", "sequence"] = "token"
    clip_low: float = 0.2
    clip_high: float = 0.2
    aggregation: Aggregation = "token"
    constant_length: int | None = None
    kl_coefficient: float = 0.0
    kl_kind: Literal["k1", "k2", "k3"] = "k3"
    scale: Literal["sample", "population"] | None = "sample"
    dynamic_sampling: bool = False
    max_sampling_rounds: int = 4
    importance_cap: float | None = None
    max_grad_norm: float = 1.0
    limits: RolloutLimits = field(default_factory=RolloutLimits)

    def __post_init__(self) -> None:
        at_least(2, group_size=self.group_size)
        at_least(1, num_groups=self.num_groups, num_epochs=self.num_epochs)
        at_least(1, minibatch_size=self.minibatch_size, micro_batch_size=self.micro_batch_size)
        at_least(1, micro_batch_tokens=self.micro_batch_tokens)
        at_least(1, max_sampling_rounds=self.max_sampling_rounds)
        at_least(0, clip_low=self.clip_low, clip_high=self.clip_high)
        at_least(0, kl_coefficient=self.kl_coefficient)
        above(0, learning_rate=self.learning_rate, max_grad_norm=self.max_grad_norm)
        above(0, importance_cap=self.importance_cap)
        one_of(("token", "sequence"), ratio=self.ratio)
        one_of(get_args(Aggregation), aggregation=self.aggregation)
        one_of(("k1", "k2", "k3"), kl_kind=self.kl_kind)
        one_of(("sample", "population", None), scale=self.scale)
        if (self.constant_length is not None) != (self.aggregation == "constant"):
            raise ValueError(
                "constant_length goes with aggregation='constant' and only with it, got "
                f"{self.constant_length!r} with aggregation={self.aggregation!r}"
            )
        at_least(1, constant_length=self.constant_length)


class GRPOTrainer(EpisodeTrainer[GRPOConfig]):
    """GRPO as a `Trainer`.

    ``update`` holds

    - ``loss`` and ``grad_norm``: means over the updates;
    - ``kl``: the estimate k3 of KL(sampling policy || policy) for a token, in the last epoch;
    - ``clip_fraction``: share of tokens whose gradient the clip removed, in the last epoch;
    - ``entropy``: of the sampling policy for a token, estimated by ``-mean(log pi(a))``;
    - ``ref_kl``: where there is a reference, the estimate k3 of KL(policy || reference);
    - ``signal_share``: of the groups that were played, those that hold a signal;
    - ``importance_weight``: where they are used, their mean.

    All are per token, in nats where that applies. Where no group held a signal there was no update,
    and ``loss`` and ``signal_share`` alone are there, both 0.0.

    Args:
        envs: see `EpisodeSource`.
        policy: what learns.
        config: the settings.
        seed: of the tasks, the sampling and the minibatches.
        sampler: of the tasks; the reset seeds draw them by default.
    """

    def step(self) -> Iteration:
        """Play groups and learn from those that hold a signal; see `Trainer.step`."""
        rng = self._learner.rng()
        played, kept = self._play(rng)
        batch = grpo_batch(kept, self.config, device=self.policy.device) if kept else None
        update = {"loss": 0.0}
        if batch is not None:
            update = self._update(self._prepare(batch), rng)
        num_groups = len(episodes_of(played)) / self.config.group_size
        with_signal = len(kept_groups(played, self.config))
        update["signal_share"] = with_signal / num_groups
        return Iteration.of(self._learner.finish_iteration(), played, update)

    def _make_reference(self) -> TransformerPolicy | None:
        return frozen_copy(self.policy) if self.config.kl_coefficient > 0.0 else None

    def _play(self, rng: np.random.Generator) -> tuple[list[Trajectory], list[Trajectory]]:
        """Return everything that was played, and what of it is learned from."""
        config = self.config
        played: list[Trajectory] = []
        groups: list[list[Trajectory]] = []
        for _ in range(config.max_sampling_rounds if config.dynamic_sampling else 1):
            trajectories = self.source.play(
                rng, num_groups=config.num_groups, group_size=config.group_size
            )
            played += trajectories
            groups += kept_groups(trajectories, config)
            if len(groups) >= config.num_groups:
                break
        return played, [run for group in groups[: config.num_groups] for run in group]

    def _prepare(self, batch: TrainingBatch) -> TrainingBatch:
        """Add what is computed once for an iteration: the reference, and importance weights."""
        size = self.config.micro_batch_size or self.config.minibatch_size
        if self._learner.reference is not None:
            ref_logprobs = fixed_logprobs(
                self._learner.reference, batch, size, max_tokens=self.config.micro_batch_tokens
            )
            batch = replace(batch, ref_logprobs=ref_logprobs)
        if self.config.importance_cap is not None:
            logprobs = fixed_logprobs(
                self.policy, batch, size, max_tokens=self.config.micro_batch_tokens
            )
            weights = truncated_importance_weights(
                logprobs, batch.old_logprobs, batch.loss_mask, cap=self.config.importance_cap
            )
            batch = replace(batch, old_logprobs=logprobs, importance_weights=weights)
        return batch

    def _update(self, batch: TrainingBatch, rng: np.random.Generator) -> dict[str, float]:
        """Make the updates of one iteration."""
        descents = []
        moved: list[Tensor] = []
        for _ in range(self.config.num_epochs):
            moved = []
            for indices in shuffled_minibatches(batch.episodes, self.config.minibatch_size, rng):
                losses = self._losses(batch.rows(indices), moved)
                descents.append(self._learner.descend(losses))
        count, kl, clipped, ref_kl = torch.stack(gathered(moved)).sum(0).tolist()
        update = {
            "loss": float(np.mean([descent.loss for descent in descents])),
            "grad_norm": float(np.mean([descent.grad_norm for descent in descents])),
            "kl": kl / count,
            "clip_fraction": clipped / count,
            "entropy": -batch.old_logprobs[batch.loss_mask].mean().item(),
        }
        if batch.ref_logprobs is not None:
            update["ref_kl"] = ref_kl / count
        if batch.importance_weights is not None:
            update["importance_weight"] = batch.importance_weights[batch.loss_mask].mean().item()
        return update

    def _losses(self, minibatch: TrainingBatch, moved: list[Tensor]) -> Iterator[Tensor]:
        """Yield the loss of each micro-batch; what it measures goes to ``moved``."""
        for indices in micro_batches(
            minibatch.episodes,
            self.config.micro_batch_size,
            lengths=minibatch.lengths,
            max_tokens=self.config.micro_batch_tokens,
        ):
            rows = minibatch.rows(indices)
            logprobs = self.policy.logprobs(rows.token_ids, loss_mask=rows.loss_mask)
            moved.append(_movement(logprobs.detach(), rows, self.config))
            yield grpo_loss(logprobs, rows, self.config, batch=minibatch)


def kept_groups(trajectories: Sequence[Trajectory], config: GRPOConfig) -> list[list[Trajectory]]:
    """Return the trajectories of each group whose valid rewards differ.

    Raises:
        ValueError: there are no whole groups.
    """
    episodes = episodes_of(trajectories)
    size = config.group_size
    groups = [
        [run for runs in episodes[start : start + size] for run in runs]
        for start in range(0, len(episodes), size)
    ]
    informative = _advantages(episodes, config).ne(0.0).any(1).tolist()
    return [group for group, is_kept in zip(groups, informative, strict=True) if is_kept]


def grpo_batch(
    trajectories: Sequence[Trajectory], config: GRPOConfig, *, device: torch.device
) -> TrainingBatch | None:
    """Return the tensors of the groups that hold a signal, or None if none does.

    Undecided episodes are not in it. Where the chat template split an episode, it counts once in
    its group, by its return, and its advantage is that of all of its runs.

    Args:
        trajectories: of (P * G,) episodes, group after group.
        config: the settings.
        device: of the tensors.

    Raises:
        ValueError: there are no whole groups, or the policy did not tell its log-probabilities.
    """
    episodes = episodes_of(trajectories)
    advantages = _advantages(episodes, config)
    informative = advantages.ne(0.0).any(1, keepdim=True).expand_as(advantages)
    kept = [
        (advantage, run)
        for advantage, is_kept, runs in zip(
            advantages.flatten().tolist(), informative.flatten().tolist(), episodes, strict=True
        )
        if is_kept and runs[0].valid and any(run.generated_mask.any() for run in runs)
        for run in runs
    ]
    if not kept:
        return None
    require_logprobs([run for _, run in kept], algorithm="GRPO")
    weights = [[advantage] * len(run.turn_rewards) for advantage, run in kept]
    return training_batch([run for _, run in kept], weights, device=device)


def grpo_loss(
    logprobs: Tensor, rows: TrainingBatch, config: GRPOConfig, *, batch: TrainingBatch | None = None
) -> Tensor:
    """Return the clipped surrogate, plus the KL term if there is a reference (part 2).

    Args:
        logprobs: (B, T) under the current policy, with gradient.
        rows: the trajectories, with the advantages as weights.
        config: the settings.
        batch: what ``rows`` are a micro-batch of, so that the losses of all of them add up to that
            of the batch; they are all of it by default.
    """
    weights = token_weights(
        rows,
        rows if batch is None else batch,
        aggregation=config.aggregation,
        constant_length=config.constant_length,
    )
    importance = 1.0 if rows.importance_weights is None else rows.importance_weights
    if config.ratio == "sequence":
        loss = sequence_ratio_loss(
            logprobs,
            rows.old_logprobs,
            rows.weights,
            rows.loss_mask,
            clip_low=config.clip_low,
            clip_high=config.clip_high,
            episodes=rows.episodes,
            num_tokens=1,
            token_weights=weights * importance,
        )
    else:
        loss = clipped_surrogate_loss(
            logprobs,
            rows.old_logprobs,
            rows.weights,
            rows.loss_mask,
            clip_low=config.clip_low,
            clip_high=config.clip_high,
            num_tokens=1,
            token_weights=weights * importance,
        )
    if rows.ref_logprobs is None:
        return loss
    kl = kl_loss(
        logprobs,
        rows.ref_logprobs,
        rows.loss_mask,
        kind=config.kl_kind,
        num_tokens=1,
        token_weights=weights,
    )
    return loss + config.kl_coefficient * kl


def _advantages(episodes: Sequence[Sequence[Trajectory]], config: GRPOConfig) -> Tensor:
    """Return (P, G)."""
    if len(episodes) % config.group_size != 0:
        raise ValueError(
            f"trajectories must be of whole groups of {config.group_size} episodes, "
            f"got {len(episodes)} episodes"
        )
    shape = (-1, config.group_size)
    return group_advantages(
        torch.tensor([runs[0].total_reward for runs in episodes]).view(shape),
        scale=config.scale,
        valid=torch.tensor([runs[0].valid for runs in episodes]).view(shape),
    )


def _movement(logprobs: Tensor, rows: TrainingBatch, config: GRPOConfig) -> Tensor:
    """Return `movement_sums`, and the sum of k3 to the reference, (4,)."""
    log_ratio = None
    if config.ratio == "sequence":
        means = sequence_means(logprobs - rows.old_logprobs, rows.loss_mask, rows.episodes)
        log_ratio = means[:, None].expand_as(logprobs)
    sums = movement_sums(
        logprobs, rows, clip_low=config.clip_low, clip_high=config.clip_high, log_ratio=log_ratio
    )
    ref_kl = torch.zeros(()).double()
    if rows.ref_logprobs is not None:
        ref_kl = reference_kl_sum(logprobs, rows.ref_logprobs, rows.loss_mask)
    return torch.cat([sums, ref_kl[None]])
