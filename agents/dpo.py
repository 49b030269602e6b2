"""DPO: one supervised loss on preference pairs, relative to the reference policy.

Sources: "How LLMs learn to reason" (yeesengchan.com, 2026), part 3; Rafailov et al., "Direct
preference optimization" (2023), eq. 7. The log-probability of an episode is the sum over the tokens
of the policy: what the environment wrote in between is the same for every policy and cancels.

`DPOTrainer` learns from given pairs, as the paper does. `OnlineDPOTrainer` makes new pairs from its
own rollouts in each iteration, with the verifiers in place of a judge (Guo et al., "Direct language
model alignment from online AI feedback", 2024). Both keep the policy that they begin with as the
reference.

Axes: N pairs; B sequences, the runs of the episodes of all pairs; T tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from llmenvs.agents.batching import (
    TrainingBatch,
    fixed_logprobs,
    micro_batches,
    shuffled_minibatches,
    training_batch,
)
from llmenvs.agents.distributed import gathered
from llmenvs.agents.episode_trainer import EpisodeTrainer, LearnerTrainer
from llmenvs.agents.losses import dpo_loss
from llmenvs.agents.optimization import Descent, Learner, frozen_copy
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.preference_pairs import PreferencePair, preference_pairs
from llmenvs.agents.settings import above, at_least
from llmenvs.agents.trainer import Iteration
from llmenvs.running_episode import RolloutLimits


@dataclass(frozen=True, slots=True)
class DPOConfig:
    """Settings of learning from given pairs.

    Attributes:
        beta: strength of the anchor to the reference, above 0.
        batch_size: pairs in an update.
        micro_batch_size: pairs whose gradient is computed at once; all if None.
        micro_batch_tokens: padded tokens whose gradient is computed at once, episodes of like
            length together; None leaves it to ``micro_batch_size``.
        learning_rate: of AdamW.
        max_grad_norm: where the gradient is clipped.
    """

    beta: float = 0.1
    batch_size: int = 32
    micro_batch_size: int | None = None
    micro_batch_tokens: int | None = None
    learning_rate: float = 1e-4
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        at_least(1, batch_size=self.batch_size, micro_batch_size=self.micro_batch_size)
        above(0, beta=self.beta)
        above(0, learning_rate=self.learning_rate, max_grad_norm=self.max_grad_norm)
        at_least(1, micro_batch_tokens=self.micro_batch_tokens)


@dataclass(frozen=True, slots=True)
class OnlineDPOConfig:
    """Settings of learning from pairs of one's own.

    Attributes:
        num_groups: prompts in an iteration.
        group_size: episodes of one prompt, at least 2; they share task and reset seed.
        max_pairs_per_prompt: see `preference_pairs`; None is all.
        num_epochs: passes over the pairs of an iteration.
        minibatch_size: pairs in an update.
        micro_batch_size: pairs whose gradient is computed at once; all if None.
        micro_batch_tokens: padded tokens whose gradient is computed at once, episodes of like
            length together; None leaves it to ``micro_batch_size``.
        beta: strength of the anchor to the reference, above 0.
        learning_rate: of AdamW.
        max_grad_norm: where the gradient is clipped.
        limits: of a rollout.
    """

    num_groups: int = 16
    group_size: int = 8
    max_pairs_per_prompt: int | None = None
    num_epochs: int = 1
    minibatch_size: int = 32
    micro_batch_size: int | None = None
    micro_batch_tokens: int | None = None
    beta: float = 0.1
    learning_rate: float = 1e-4
    max_grad_norm: float = 1.0
    limits: RolloutLimits = field(default_factory=RolloutLimits)

    def __post_init__(self) -> None:
        at_least(2, group_size=self.group_size)
        at_least(1, num_groups=self.num_groups, max_pairs_per_prompt=self.max_pairs_per_prompt)
        at_least(1, num_epochs=self.num_epochs, minibatch_size=self.minibatch_size)
        at_least(1, micro_batch_size=self.micro_batch_size)
        above(0, beta=self.beta)
        above(0, learning_rate=self.learning_rate, max_grad_norm=self.max_grad_norm)
        at_least(1, micro_batch_tokens=self.micro_batch_tokens)


class DPOTrainer(LearnerTrainer):
    """DPO on given pairs as a `Trainer`; one update is an iteration.

    ``update`` holds ``loss``, ``grad_norm``, ``accuracy``, the share of pairs whose chosen episode
    has the higher implicit reward, ``margin``, by how much, and ``chosen_reward`` and
    ``rejected_reward``: the implicit reward is ``beta * log(pi / pi_ref)``, measured before the
    update.

    Args:
        policy: what learns; as it is now, it is the reference too.
        pairs: what it learns from, at least one.
        config: the settings.
        seed: of the order of the pairs.

    Raises:
        ValueError: there are no pairs.
    """

    def __init__(
        self,
        policy: TransformerPolicy,
        pairs: Sequence[PreferencePair],
        config: DPOConfig = DPOConfig(),
        *,
        seed: int = 0,
    ) -> None:
        if not pairs:
            raise ValueError("pairs must hold at least one, got none")
        self.policy = policy
        self.config = config
        self._batch = dpo_batch(pairs, device=policy.device)
        self._num_pairs = len(pairs)
        self._reference = frozen_copy(policy)
        self._learner = Learner(
            policy,
            learning_rate=config.learning_rate,
            max_grad_norm=config.max_grad_norm,
            seed=seed,
            reference=self._reference,
        )

    def step(self) -> Iteration:
        """Make one update on pairs drawn without replacement; see `Trainer.step`."""
        config = self.config
        size = min(config.batch_size, self._num_pairs)
        drawn = self._learner.rng().choice(self._num_pairs, size, replace=False)
        chosen = torch.from_numpy(drawn).to(self._batch.episodes.device)
        rows = self._batch.rows(torch.isin(_pair_of(self._batch), chosen).nonzero()[:, 0])
        rows = with_reference(self._reference, rows, config.micro_batch_size or size)
        update = _descend(self._learner, rows, config)
        return Iteration.of(self._learner.finish_iteration(), [], update)


class OnlineDPOTrainer(EpisodeTrainer[OnlineDPOConfig]):
    """DPO on the pairs of each iteration's own rollouts, as a `Trainer`.

    ``update`` is that of `DPOTrainer`, as means over the updates, and ``num_pairs``.

    Args:
        envs: see `EpisodeSource`.
        policy: what learns; as it is now, it is the reference too.
        config: the settings.
        seed: of the tasks, the sampling and the pairs.
        sampler: of the tasks; the reset seeds draw them by default.
    """

    def _make_reference(self) -> TransformerPolicy:
        self._reference = frozen_copy(self.policy)
        return self._reference

    def step(self) -> Iteration:
        """Play groups and learn from their pairs; see `Trainer.step`."""
        config = self.config
        rng = self._learner.rng()
        trajectories = self.source.play(
            rng, num_groups=config.num_groups, group_size=config.group_size
        )
        pairs = preference_pairs(trajectories, max_per_prompt=config.max_pairs_per_prompt, rng=rng)
        update = {"loss": 0.0}
        if pairs:
            batch = dpo_batch(pairs, device=self.policy.device)
            size = config.micro_batch_size or config.minibatch_size
            batch = with_reference(self._reference, batch, size)
            updates = [
                _descend(self._learner, batch.rows(rows), config)
                for _ in range(config.num_epochs)
                for rows in shuffled_minibatches(_pair_of(batch), config.minibatch_size, rng)
            ]
            update = {name: float(np.mean([u[name] for u in updates])) for name in updates[0]}
        update["num_pairs"] = float(len(pairs))
        return Iteration.of(self._learner.finish_iteration(), trajectories, update)


def dpo_batch(pairs: Sequence[PreferencePair], *, device: torch.device) -> TrainingBatch:
    """Return the tensors of the pairs: episode 2n is chosen and 2n + 1 rejected in pair n."""
    runs = [run for pair in pairs for episode in (pair.chosen, pair.rejected) for run in episode]
    return training_batch(runs, [[1.0] * len(run.turn_rewards) for run in runs], device=device)


def episode_logprobs(logprobs: Tensor, rows: TrainingBatch) -> tuple[Tensor, Tensor]:
    """Return the log-probabilities (N,) of the chosen and of the rejected episode of each pair.

    Args:
        logprobs: (B, T) of the tokens.
        rows: whole pairs, one after the other.
    """
    sums = torch.where(rows.loss_mask, logprobs, 0.0).sum(1)
    numbers, index = rows.episodes.unique_consecutive(return_inverse=True)
    of_episodes = sums.new_zeros(len(numbers)).index_add(0, index, sums)
    return of_episodes[0::2], of_episodes[1::2]


def with_reference(reference: TransformerPolicy, batch: TrainingBatch, size: int) -> TrainingBatch:
    """Return the batch with the log-probabilities under the reference."""
    return replace(batch, ref_logprobs=fixed_logprobs(reference, batch, size))


def _descend(
    learner: Learner, batch: TrainingBatch, config: DPOConfig | OnlineDPOConfig
) -> dict[str, float]:
    """Make one update on whole pairs."""
    rewards: list[Tensor] = []
    descent: Descent = learner.descend(_losses(learner.policy, batch, config, rewards))
    chosen, rejected = torch.cat(gathered(rewards), dim=1).unbind()
    return {
        "loss": descent.loss,
        "grad_norm": descent.grad_norm,
        "accuracy": (chosen > rejected).double().mean().item(),
        "margin": (chosen - rejected).mean().item(),
        "chosen_reward": chosen.mean().item(),
        "rejected_reward": rejected.mean().item(),
    }


def _losses(
    policy: TransformerPolicy,
    batch: TrainingBatch,
    config: DPOConfig | OnlineDPOConfig,
    rewards: list[Tensor],
) -> Iterator[Tensor]:
    """Yield the loss of each micro-batch; the implicit rewards (2, N) go to ``rewards``."""
    num_pairs = batch.num_episodes // 2
    beta = config.beta
    for indices in micro_batches(
        _pair_of(batch),
        config.micro_batch_size,
        lengths=batch.lengths,
        max_tokens=config.micro_batch_tokens,
    ):
        rows = batch.rows(indices)
        at = episode_logprobs(policy.logprobs(rows.token_ids, loss_mask=rows.loss_mask), rows)
        ref = episode_logprobs(_reference_of(rows), rows)
        rewards.append(beta * (torch.stack(at).detach() - torch.stack(ref)).cpu())
        yield dpo_loss(*at, *ref, beta=beta) * (len(at[0]) / num_pairs)


def _reference_of(rows: TrainingBatch) -> Tensor:
    if rows.ref_logprobs is None:
        raise ValueError("DPO needs ref_logprobs in its batch, got none")
    return rows.ref_logprobs


def _pair_of(batch: TrainingBatch) -> Tensor:
    """Return (B,), the number of the pair that each row belongs to."""
    return batch.episodes // 2
