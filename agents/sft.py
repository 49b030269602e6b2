"""Supervised fine-tuning on trajectories: the generated tokens alone are learned.

Source: "How LLMs learn to reason" (yeesengchan.com, 2026), part 4, the cold start. The loss is
REINFORCE's with every weight 1, ``-mean(log pi(a_t | s_t))``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from llmenvs.agents.batching import TrainingBatch, micro_batches, training_batch
from llmenvs.agents.episode_trainer import LearnerTrainer
from llmenvs.agents.losses import reinforce_loss
from llmenvs.agents.optimization import Learner
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.settings import above, at_least
from llmenvs.agents.trainer import Iteration
from llmenvs.trajectory import Trajectory, episodes_of


@dataclass(frozen=True, slots=True)
class SFTConfig:
    """Settings.

    Attributes:
        batch_size: episodes in an update.
        micro_batch_size: episodes whose gradient is computed at once; all if None.
        micro_batch_tokens: padded tokens whose gradient is computed at once, episodes of like
            length together; None leaves it to ``micro_batch_size``.
        learning_rate: of AdamW.
        max_grad_norm: where the gradient is clipped.
    """

    batch_size: int = 32
    micro_batch_size: int | None = None
    micro_batch_tokens: int | None = None
    learning_rate: float = 1e-3
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        at_least(1, batch_size=self.batch_size, micro_batch_size=self.micro_batch_size)
        at_least(1, micro_batch_tokens=self.micro_batch_tokens)
        above(0.0, learning_rate=self.learning_rate, max_grad_norm=self.max_grad_norm)


class SFTTrainer(LearnerTrainer):
    """Supervised fine-tuning as a `Trainer`.

    ``update`` has the loss, in nats for a token, and the gradient's norm.

    Args:
        policy: what learns.
        trajectories: what to imitate; those that are not valid are left out.
        config: the settings.
        seed: of the batches, each of which is drawn afresh from all episodes.

    Raises:
        ValueError: no valid trajectory in which the policy wrote something.
    """

    def __init__(
        self,
        policy: TransformerPolicy,
        trajectories: Sequence[Trajectory],
        config: SFTConfig = SFTConfig(),
        *,
        seed: int = 0,
    ) -> None:
        self.policy = policy
        self.config = config
        self._batch = sft_batch(trajectories, device=policy.device)
        self._learner = Learner(
            policy,
            learning_rate=config.learning_rate,
            max_grad_norm=config.max_grad_norm,
            seed=seed,
        )

    def step(self) -> Iteration:
        """Make one update; see `Trainer.step`."""
        rows = self._batch.rows(self._draw())
        config = self.config
        descent = self._learner.descend(
            sft_losses(
                self.policy, rows, config.micro_batch_size, max_tokens=config.micro_batch_tokens
            )
        )
        update = {"loss": descent.loss, "grad_norm": descent.grad_norm}
        return Iteration.of(self._learner.finish_iteration(), [], update)

    def _draw(self) -> Tensor:
        num_episodes = self._batch.num_episodes
        size = min(self.config.batch_size, num_episodes)
        chosen = self._learner.rng().choice(num_episodes, size, replace=False)
        device = self._batch.episodes.device
        return torch.isin(self._batch.episodes, torch.from_numpy(chosen).to(device)).nonzero()[:, 0]


def sft_batch(trajectories: Sequence[Trajectory], *, device: torch.device) -> TrainingBatch:
    """Return the tensors of the valid trajectories, all tokens of the policy with weight 1.

    Raises:
        ValueError: no valid trajectory in which the policy wrote something.
    """
    valid = [trajectory for trajectory in trajectories if trajectory.valid]
    kept = [
        run
        for runs in episodes_of(valid)
        if any(run.generated_mask.any() for run in runs)
        for run in runs
    ]
    if not kept:
        raise ValueError(f"no valid trajectory to learn from, got {len(trajectories)}")
    ones = [[1.0] * len(trajectory.turn_rewards) for trajectory in kept]
    return training_batch(kept, ones, device=device)


def sft_losses(
    policy: TransformerPolicy,
    batch: TrainingBatch,
    micro_batch_size: int | None,
    *,
    max_tokens: int | None = None,
) -> Iterator[Tensor]:
    """Yield the loss of each micro-batch, see `micro_batches`; they add up to that of the batch."""
    for indices in micro_batches(
        batch.episodes, micro_batch_size, lengths=batch.lengths, max_tokens=max_tokens
    ):
        rows = batch.rows(indices)
        logprobs = policy.logprobs(rows.token_ids, loss_mask=rows.loss_mask)
        yield reinforce_loss(logprobs, rows.weights, rows.loss_mask, num_tokens=batch.num_tokens)
