"""REINFORCE: each action is weighted by the return that followed it.

Source: "How LLMs learn to reason" (yeesengchan.com, 2026), part 0; Williams, "Simple statistical
gradient-following algorithms" (1992). An action is a turn: all its tokens share the turn's return.
With ``baseline``, the mean return of the batch is taken off, which changes the variance of the
gradient and not its mean (up to 1/B, as the batch's own returns are in it).

Run it on an environment of your own::

    policy = TransformerPolicy(model, env.unwrapped.tokenizer)
    trainer = ReinforceTrainer([env], policy, ReinforceConfig())
    for iteration in iterate(trainer, 50):
        logger.info("%s", iteration.metrics)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from llmenvs.agents.advantages import discounted_returns
from llmenvs.agents.batching import TrainingBatch, micro_batches, training_batch
from llmenvs.agents.episode_trainer import EpisodeTrainer
from llmenvs.agents.losses import reinforce_loss, token_mean
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.settings import above, at_least, in_unit_interval
from llmenvs.agents.trainer import Iteration
from llmenvs.running_episode import RolloutLimits
from llmenvs.trajectory import Trajectory, episodes_of


@dataclass(frozen=True, slots=True)
class ReinforceConfig:
    """Settings; the defaults suit a small model on the grid world.

    Attributes:
        batch_size: episodes in an update.
        micro_batch_size: episodes whose gradient is computed at once; all if None. It saves memory
            and changes nothing else.
        micro_batch_tokens: padded tokens whose gradient is computed at once, episodes of like
            length together; None leaves it to ``micro_batch_size``.
        learning_rate: of AdamW.
        discount: for each turn, in [0, 1].
        baseline: take the mean return off.
        entropy_coefficient: of the entropy, which is rewarded; in units of the return.
        max_grad_norm: where the gradient is clipped.
        limits: of a rollout.
    """

    batch_size: int = 128
    micro_batch_size: int | None = None
    micro_batch_tokens: int | None = None
    learning_rate: float = 1e-3
    discount: float = 1.0
    baseline: bool = True
    entropy_coefficient: float = 0.0
    max_grad_norm: float = 1.0
    limits: RolloutLimits = field(default_factory=RolloutLimits)

    def __post_init__(self) -> None:
        at_least(1, batch_size=self.batch_size, micro_batch_size=self.micro_batch_size)
        at_least(1, micro_batch_tokens=self.micro_batch_tokens)
        above(0.0, learning_rate=self.learning_rate, max_grad_norm=self.max_grad_norm)
        at_least(0, entropy_coefficient=self.entropy_coefficient)
        in_unit_interval(discount=self.discount)


class ReinforceTrainer(EpisodeTrainer[ReinforceConfig]):
    """REINFORCE as a `Trainer`; ``update`` has the loss and the gradient's norm.

    Args:
        envs: see `EpisodeSource`.
        policy: what learns.
        config: the settings.
        seed: of the tasks and the sampling.
        sampler: of the tasks; the reset seeds draw them by default.
    """

    def step(self) -> Iteration:
        """Play a batch and make one update; see `Trainer.step`."""
        rng = self._learner.rng()
        trajectories = self.source.play(rng, num_groups=self.config.batch_size)
        batch = reinforce_batch(trajectories, self.config, device=self.policy.device)
        update = {"loss": 0.0, "grad_norm": 0.0}
        if batch is not None:
            descent = self._learner.descend(self._losses(batch))
            update = {"loss": descent.loss, "grad_norm": descent.grad_norm}
        return Iteration.of(self._learner.finish_iteration(), trajectories, update)

    def _losses(self, batch: TrainingBatch) -> Iterator[Tensor]:
        config = self.config
        for indices in micro_batches(
            batch.episodes,
            config.micro_batch_size,
            lengths=batch.lengths,
            max_tokens=config.micro_batch_tokens,
        ):
            rows = batch.rows(indices)
            yield _loss(self.policy, rows, self.config, num_tokens=batch.num_tokens)


def reinforce_batch(
    trajectories: Sequence[Trajectory], config: ReinforceConfig, *, device: torch.device
) -> TrainingBatch | None:
    """Return the tensors of the valid trajectories, weighted by their turns' returns, or None.

    A return goes on to the end of the episode, over all of its runs where the chat template split
    it.
    """
    valid = [trajectory for trajectory in trajectories if trajectory.valid]
    if not any(trajectory.generated_mask.any() for trajectory in valid):
        return None
    returns = [g for runs in episodes_of(valid) for g in _returns(runs, config.discount)]
    baseline = float(torch.cat(returns).mean()) if config.baseline else 0.0
    return training_batch(valid, [(g - baseline).tolist() for g in returns], device=device)


def _loss(
    policy: TransformerPolicy, rows: TrainingBatch, config: ReinforceConfig, *, num_tokens: int
) -> Tensor:
    on = rows.loss_mask
    if config.entropy_coefficient == 0.0:
        logprobs = policy.logprobs(rows.token_ids, loss_mask=on)
        return reinforce_loss(logprobs, rows.weights, on, num_tokens=num_tokens)
    evaluation = policy.evaluate(rows.token_ids, loss_mask=on)
    loss = reinforce_loss(evaluation.logprobs, rows.weights, on, num_tokens=num_tokens)
    entropy = token_mean(evaluation.entropy, on, num_tokens=num_tokens)
    return loss - config.entropy_coefficient * entropy


def _returns(runs: Sequence[Trajectory], discount: float) -> Sequence[Tensor]:
    """Return (N,) for each run of one episode."""
    rewards = np.concatenate([run.turn_rewards for run in runs])
    returns = discounted_returns(torch.from_numpy(rewards), discount=discount)
    return list(returns.split([len(run.turn_rewards) for run in runs]))
