"""PPO: REINFORCE with a critic, GAE, and several passes over each batch inside a clip.

Sources: "How LLMs learn to reason" (yeesengchan.com, 2026), part 1; Schulman et al., "Proximal
policy optimization" (2017), eq. 7 and 9. The details are those of the reference code: Huang et al.,
"The 37 implementation details of proximal policy optimization" (2022), for whitened advantages, the
clipped value loss and the stop on KL; Ziegler et al., "Fine-tuning language models from human
preferences" (2019), for the KL in the reward. What is an action and what a value: see `ppo_batch`.

Deviations: a minibatch is of whole episodes, and all means are over its tokens; advantages are
whitened once over the whole batch; KL stops an iteration after the update that found it too large.

Run it on an environment of your own::

    policy = TransformerPolicy(model, env.unwrapped.tokenizer)
    for iteration in iterate(PPOTrainer([env], policy, PPOConfig()), 50):
        logger.info("%s", iteration.metrics)
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from llmenvs.agents.batching import (
    TrainingBatch,
    fixed_logprobs,
    micro_batches,
    shuffled_minibatches,
)
from llmenvs.agents.distributed import gathered, summed
from llmenvs.agents.episode_trainer import EpisodeTrainer
from llmenvs.agents.losses import clipped_surrogate_loss, token_mean, value_loss
from llmenvs.agents.movement import movement_sums
from llmenvs.agents.optimization import Descent, frozen_copy
from llmenvs.agents.policy import Evaluation, TransformerPolicy
from llmenvs.agents.ppo_batch import EpisodeBatch, PPOBatch, episode_batch, ppo_batch
from llmenvs.agents.settings import above, at_least, in_unit_interval, one_of
from llmenvs.agents.trainer import Iteration
from llmenvs.agents.value_model import SeparateCritic, value_head_for
from llmenvs.running_episode import RolloutLimits


@dataclass(frozen=True, slots=True)
class PPOConfig:
    """Settings; the defaults suit a small model on the grid world.

    Attributes:
        batch_size: episodes in an iteration.
        learning_rate: of AdamW, for policy and critic.
        num_epochs: passes over the batch of an iteration, at most.
        minibatch_size: episodes in one update.
        micro_batch_size: episodes whose gradient is computed at once; all of the minibatch if None.
            It saves memory and changes nothing else.
        micro_batch_tokens: padded tokens whose gradient is computed at once, episodes of like
            length together; None leaves it to ``micro_batch_size``.
        critic: ``"shared"``, a head on the policy's body, or ``"separate"``, on a copy of it.
        discount: for each token of the policy, in [0, 1].
        gae_lambda: in [0, 1].
        bootstrap_truncated: see `ppo_batch`.
        whiten_advantages: see `ppo_batch`.
        clip: of the ratio, on both sides.
        value_clip: how far a value may move, see `value_loss`; None leaves it free.
        value_coefficient: of the value loss.
        entropy_coefficient: of the entropy, which is rewarded.
        kl_coefficient: of the KL to the initial policy, taken off the reward; 0 keeps no copy.
        target_kl: no more updates in an iteration once the policy has moved as far from the one
            that sampled, in nats for a token; None never stops.
        max_grad_norm: where the gradient is clipped.
        limits: of a rollout.
    """

    batch_size: int = 128
    learning_rate: float = 1e-3
    num_epochs: int = 4
    minibatch_size: int = 64
    micro_batch_size: int | None = None
    micro_batch_tokens: int | None = None
    critic: Literal["shared", "separate"] = "shared"
    discount: float = 1.0
    gae_lambda: float = 0.95
    bootstrap_truncated: bool = False
    whiten_advantages: bool = True
    clip: float = 0.2
    value_clip: float | None = None
    value_coefficient: float = 0.5
    entropy_coefficient: float = 0.0
    kl_coefficient: float = 0.0
    target_kl: float | None = None
    max_grad_norm: float = 1.0
    limits: RolloutLimits = field(default_factory=RolloutLimits)

    def __post_init__(self) -> None:
        at_least(1, batch_size=self.batch_size, num_epochs=self.num_epochs)
        at_least(1, minibatch_size=self.minibatch_size, micro_batch_size=self.micro_batch_size)
        at_least(1, micro_batch_tokens=self.micro_batch_tokens)
        at_least(0, clip=self.clip, value_clip=self.value_clip)
        at_least(0, value_coefficient=self.value_coefficient, kl_coefficient=self.kl_coefficient)
        at_least(0, entropy_coefficient=self.entropy_coefficient)
        above(0, learning_rate=self.learning_rate, max_grad_norm=self.max_grad_norm)
        above(0, target_kl=self.target_kl)
        in_unit_interval(discount=self.discount, gae_lambda=self.gae_lambda)
        one_of(("shared", "separate"), critic=self.critic)


class PPOTrainer(EpisodeTrainer[PPOConfig]):
    """PPO as a `Trainer`.

    ``update`` holds, as means over the tokens of the updates that were made,

    - ``loss``, ``policy_loss``, ``value_loss`` and ``grad_norm``;
    - ``kl``: the estimate k3 of KL(sampling policy || policy), before each update;
    - ``clip_fraction``: share of tokens whose gradient the clip removed;
    - ``entropy``: of the policy, in nats;
    - ``explained_variance``: of the returns by the values before the updates; 1 is perfect, 0 no
      better than a constant;
    - ``ref_kl``: where there is a reference, the estimate k1 of KL(sampling policy || reference);
    - ``num_updates``.

    Args:
        envs: see `EpisodeSource`.
        policy: what learns; its model must show its hidden states, see `HiddenStates`.
        config: the settings.
        seed: of the tasks, the sampling and the minibatches.
        sampler: of the tasks; the reset seeds draw them by default.
    """

    def step(self) -> Iteration:
        """Play a batch and go over it; see `Trainer.step`."""
        rng = self._learner.rng()
        trajectories = self.source.play(rng, num_groups=self.config.batch_size)
        episodes = episode_batch(trajectories, device=self.policy.device)
        update = {"loss": 0.0, "num_updates": 0.0}
        if episodes is not None:
            update = self._update(self._estimate(episodes), rng)
        return Iteration.of(self._learner.finish_iteration(), trajectories, update)

    def _make_critic(self) -> nn.Module | None:
        separate = self.config.critic == "separate"
        self._critic = SeparateCritic(self.policy.model) if separate else None
        self._shared_head = None if separate else value_head_for(self.policy.model)
        return self._shared_head or self._critic

    def _make_reference(self) -> TransformerPolicy | None:
        return frozen_copy(self.policy) if self.config.kl_coefficient > 0.0 else None

    @torch.no_grad()
    def _estimate(self, episodes: EpisodeBatch) -> PPOBatch:
        """Add values, the reference and advantages, once for an iteration."""
        config = self.config
        tokens = episodes.tokens
        size = config.micro_batch_size or config.minibatch_size
        if self._learner.reference is not None:
            ref_logprobs = fixed_logprobs(
                self._learner.reference, tokens, size, max_tokens=config.micro_batch_tokens
            )
            episodes = replace(episodes, tokens=replace(tokens, ref_logprobs=ref_logprobs))
        values = torch.zeros_like(tokens.old_logprobs)
        for indices in micro_batches(
            tokens.episodes, size, lengths=tokens.lengths, max_tokens=config.micro_batch_tokens
        ):
            # What the environment wrote last is read only to bootstrap: it may be longer than the
            # model can read, since the limits of a rollout end an episode after an observation.
            rows = tokens.rows(indices).token_ids
            token_ids = tokens.token_ids[indices] if config.bootstrap_truncated else rows
            values[indices, : token_ids.shape[1]] = self._values(token_ids)
        return ppo_batch(
            episodes,
            summed(values),
            discount=config.discount,
            gae_lambda=config.gae_lambda,
            kl_coefficient=config.kl_coefficient,
            bootstrap_truncated=config.bootstrap_truncated,
            whiten_advantages=config.whiten_advantages,
        )

    def _values(self, token_ids: Tensor) -> Tensor:
        """Return (B, T), at each position the value of everything up to it."""
        with self.policy.autocast():
            if self._critic is not None:
                values: Tensor = self._critic(token_ids)
                return values
            hidden = self.policy.model.hidden_states(token_ids)  # type: ignore[operator]
            shared: Tensor = self._shared_head(hidden)  # type: ignore[misc]  # one of them is there
            return shared

    def _evaluate(self, rows: TrainingBatch) -> tuple[Evaluation, Tensor]:
        """Return the policy's view of the tokens, and the values of the states before them."""
        evaluation = self.policy.evaluate(
            rows.token_ids, loss_mask=rows.loss_mask, value_head=self._shared_head
        )
        values = evaluation.values
        if values is None:
            values = self._values(rows.token_ids)
        return evaluation, torch.nn.functional.pad(values[:, :-1], (1, 0))

    def _update(self, batch: PPOBatch, rng: np.random.Generator) -> dict[str, float]:
        """Make the updates of one iteration."""
        config = self.config
        descents: list[Descent] = []
        sums: list[Tensor] = []
        kl = 0.0
        for _ in range(config.num_epochs):
            for indices in shuffled_minibatches(batch.tokens.episodes, config.minibatch_size, rng):
                if config.target_kl is not None and kl > config.target_kl:
                    break
                of_update: list[Tensor] = []
                descents.append(self._learner.descend(self._losses(batch.rows(indices), of_update)))
                sums.append(torch.stack(gathered(of_update)).sum(0))
                kl = float(sums[-1][1] / sums[-1][0])
        return {
            "loss": float(np.mean([descent.loss for descent in descents])),
            "grad_norm": float(np.mean([descent.grad_norm for descent in descents])),
            "num_updates": float(len(descents)),
            **_means(torch.stack(sums).sum(0)),
            **_of_batch(batch),
        }

    def _losses(self, minibatch: PPOBatch, sums: list[Tensor]) -> Iterator[Tensor]:
        """Yield the loss of each micro-batch; what it measures goes to ``sums``."""
        for indices in micro_batches(
            minibatch.tokens.episodes,
            self.config.micro_batch_size,
            lengths=minibatch.tokens.lengths,
            max_tokens=self.config.micro_batch_tokens,
        ):
            rows = minibatch.rows(indices)
            evaluation, values = self._evaluate(rows.tokens)
            loss, measured = ppo_loss(
                evaluation, values, rows, self.config, num_tokens=minibatch.tokens.num_tokens
            )
            sums.append(measured)
            yield loss


def ppo_loss(
    evaluation: Evaluation, values: Tensor, rows: PPOBatch, config: PPOConfig, *, num_tokens: int
) -> tuple[Tensor, Tensor]:
    """Return the loss (PPO, eq. 9), and sums over the tokens of what `PPOTrainer` reports.

    Args:
        evaluation: of the rows' tokens under the current policy, with gradient.
        values: (B, T), of the state in which each token was chosen, with gradient.
        rows: a micro-batch.
        config: the settings.
        num_tokens: of the whole minibatch.
    """
    tokens, on = rows.tokens, rows.tokens.loss_mask
    policy_term = clipped_surrogate_loss(
        evaluation.logprobs,
        tokens.old_logprobs,
        tokens.weights,
        on,
        clip_low=config.clip,
        clip_high=config.clip,
        num_tokens=num_tokens,
    )
    value_term = value_loss(
        values,
        rows.returns,
        on,
        old_values=None if config.value_clip is None else rows.old_values,
        clip=config.value_clip or 0.0,
        num_tokens=num_tokens,
    )
    entropy = token_mean(evaluation.entropy, on, num_tokens=num_tokens)
    loss = (
        policy_term + config.value_coefficient * value_term - config.entropy_coefficient * entropy
    )
    moved = movement_sums(evaluation.logprobs, tokens, clip_low=config.clip, clip_high=config.clip)
    terms = torch.stack([entropy, policy_term, value_term]).detach().cpu().double()
    return loss, torch.cat([moved, terms * num_tokens])


def _means(sums: Tensor) -> dict[str, float]:
    count, *others = sums.tolist()
    names = ("kl", "clip_fraction", "entropy", "policy_loss", "value_loss")
    return {name: value / count for name, value in zip(names, others, strict=True)}


def _of_batch(batch: PPOBatch) -> dict[str, float]:
    """Return what is measured before the updates."""
    on = batch.tokens.loss_mask
    returns, errors = batch.returns[on], (batch.returns - batch.old_values)[on]
    variance = returns.var(correction=0)
    explained = 1.0 - errors.var(correction=0) / variance if variance > 0.0 else torch.zeros(())
    measured = {"explained_variance": float(explained)}
    if batch.tokens.ref_logprobs is not None:
        log_ratio = batch.tokens.old_logprobs - batch.tokens.ref_logprobs
        measured["ref_kl"] = log_ratio[on].mean().item()
    return measured
