"""Supervised fine-tuning on trajectories: the generated tokens alone are learned.

Source: "How LLMs learn to reason" (yeesengchan.com, 2026), part 4, the cold start. The loss is
REINFORCE's with every weight 1, ``-mean(log pi(a_t | s_t))``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from llmenvs.agents.batching import training_batch
from llmenvs.agents.losses import reinforce_loss
from llmenvs.agents.optimization import descend
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class SFTConfig:
    """Settings.

    Attributes:
        num_steps: updates.
        batch_size: trajectories in one.
        learning_rate: of AdamW.
        max_grad_norm: where the gradient is clipped.
    """

    num_steps: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-3
    max_grad_norm: float = 1.0


def train_sft(
    policy: TransformerPolicy,
    trajectories: Sequence[Trajectory],
    config: SFTConfig = SFTConfig(),
    *,
    seed: int = 0,
) -> Iterator[float]:
    """Train ``policy`` in place; yields the loss of each step, in nats for a token.

    Args:
        policy: what learns.
        trajectories: what to imitate; those that are not valid are left out.
        config: the settings.
        seed: of the batches.

    Raises:
        ValueError: no trajectory is valid.
    """
    kept = [trajectory for trajectory in trajectories if trajectory.valid]
    if not kept:
        raise ValueError(f"no valid trajectory to learn from, got {len(trajectories)}")
    ones = [[1.0] * len(trajectory.turn_rewards) for trajectory in kept]
    batch = training_batch(kept, ones, device=policy.device)
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=config.learning_rate)
    rng = np.random.default_rng([seed, 0])
    for _ in range(config.num_steps):
        size = min(config.batch_size, len(kept))
        rows = batch.rows(torch.from_numpy(rng.choice(len(kept), size, replace=False)))
        loss = reinforce_loss(policy.logprobs(rows.token_ids), rows.weights, rows.loss_mask)
        descend(loss, policy.model, optimizer, max_grad_norm=config.max_grad_norm)
        policy.version += 1
        yield loss.item()
