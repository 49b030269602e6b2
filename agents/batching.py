"""From trajectories to the tensors of one update."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from llmenvs.trajectory import Trajectory, collate


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Axes: B sequences, T tokens.

    Attributes:
        token_ids: (B, T) int64, padded on the right with 0.
        loss_mask: (B, T) bool, the tokens of the policy.
        old_logprobs: (B, T) float32, as sampled; 0.0 off the mask.
        weights: (B, T) float32, what multiplies the log-probability of each token.
    """

    token_ids: Tensor
    loss_mask: Tensor
    old_logprobs: Tensor
    weights: Tensor

    def rows(self, indices: Tensor) -> "TrainingBatch":
        """Return some of the sequences."""
        return TrainingBatch(
            self.token_ids[indices],
            self.loss_mask[indices],
            self.old_logprobs[indices],
            self.weights[indices],
        )

    def __len__(self) -> int:
        return len(self.token_ids)


def training_batch(
    trajectories: Sequence[Trajectory],
    weights: Sequence[Sequence[float]],
    *,
    device: torch.device,
) -> TrainingBatch:
    """Pad ``trajectories``; ``weights`` has one number for each turn of each of them.

    Raises:
        ValueError: weights of another shape, or no trajectories.
    """
    batch = collate(trajectories, pad_token_id=0)
    token_weights = torch.zeros(batch.token_ids.shape)
    for row, (trajectory, turn_weights) in enumerate(zip(trajectories, weights, strict=True)):
        spans = trajectory.turn_spans.tolist()
        for (start, stop), weight in zip(spans, turn_weights, strict=True):
            token_weights[row, start:stop] = weight
    return TrainingBatch(
        token_ids=torch.from_numpy(batch.token_ids).to(device),
        loss_mask=torch.from_numpy(batch.generated_mask).to(device),
        old_logprobs=torch.from_numpy(batch.logprobs).to(device),
        weights=token_weights.to(device),
    )
