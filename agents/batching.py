"""From trajectories to the tensors of one update, and how they are cut.

Axes: B sequences, T tokens. Where a chat template splits an episode, each of its runs is a
sequence. An episode is never cut in two, so that what is computed of whole episodes does not depend
on the cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from llmenvs.agents.distributed import share, summed
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.trajectory import Trajectory, collate, episodes_of


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Sequences, and what the losses need to know of each token.

    Attributes:
        token_ids: (B, T) int64, padded on the right with 0.
        loss_mask: (B, T) bool, the tokens of the policy.
        old_logprobs: (B, T) float32, under the policy that the ratio is taken to: as sampled, if
            nothing else is said; 0.0 off the mask.
        weights: (B, T) float32, what multiplies the log-probability of each token: a return, an
            advantage.
        episodes: (B,) int64, the number of the episode that the sequence belongs to.
        ref_logprobs: (B, T) float32, under the reference policy, if there is one.
        importance_weights: (B, T) float32, see `truncated_importance_weights`, if they are used.
    """

    token_ids: Tensor
    loss_mask: Tensor
    old_logprobs: Tensor
    weights: Tensor
    episodes: Tensor
    ref_logprobs: Tensor | None = None
    importance_weights: Tensor | None = None

    @property
    def num_tokens(self) -> int:
        """Tokens on the mask."""
        return int(self.loss_mask.sum())

    @property
    def lengths(self) -> Tensor:
        """(B,) int64, tokens up to the last one of the policy, of which a model must read."""
        positions = torch.arange(1, self.loss_mask.shape[1] + 1, device=self.loss_mask.device)
        return (self.loss_mask * positions).amax(dim=1)

    @property
    def num_episodes(self) -> int:
        """Episodes, however many sequences each of them is."""
        return len(self.episodes.unique())

    def rows(self, indices: Tensor) -> "TrainingBatch":
        """Return some of the sequences, cut behind the last token of the policy in any of them.

        What stands behind it has no effect on a causal model's log-probabilities before it.
        """
        used = self.loss_mask[indices].any(0).nonzero()
        width = int(used.max()) + 1 if len(used) else 1

        def cut(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[indices, :width]

        return TrainingBatch(
            self.token_ids[indices, :width],
            self.loss_mask[indices, :width],
            self.old_logprobs[indices, :width],
            self.weights[indices, :width],
            self.episodes[indices],
            cut(self.ref_logprobs),
            cut(self.importance_weights),
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
        ValueError: weights of another shape, no trajectories, or part of an episode.
    """
    batch = collate(trajectories, pad_token_id=0)
    token_weights = torch.zeros(batch.token_ids.shape)
    for row, (trajectory, turn_weights) in enumerate(zip(trajectories, weights, strict=True)):
        spans = trajectory.turn_spans.tolist()
        for (start, stop), weight in zip(spans, turn_weights, strict=True):
            token_weights[row, start:stop] = weight
    num_runs = [len(runs) for runs in episodes_of(trajectories)]
    return TrainingBatch(
        token_ids=torch.from_numpy(batch.token_ids).to(device),
        loss_mask=torch.from_numpy(batch.generated_mask).to(device),
        old_logprobs=torch.from_numpy(batch.logprobs).to(device),
        weights=token_weights.to(device),
        episodes=torch.from_numpy(np.repeat(np.arange(len(num_runs)), num_runs)).to(device),
    )


def require_logprobs(trajectories: Sequence[Trajectory], *, algorithm: str) -> None:
    """Check that the policy told how likely its tokens were.

    Raises:
        ValueError: it told nothing for one of them.
    """
    for trajectory in trajectories:
        if np.isnan(trajectory.logprobs[trajectory.generated_mask]).any():
            raise ValueError(
                f"{algorithm} needs the log-probabilities with which the tokens were sampled, but "
                f"the policy told none for task {trajectory.info.get('task_id')!r}"
            )


def shuffled_minibatches(
    episodes: Tensor, minibatch_size: int, rng: np.random.Generator
) -> Iterator[Tensor]:
    """Yield the rows (b,) of each minibatch of one epoch: about ``minibatch_size`` episodes each.

    They are of one size, as nearly as can be, rather than full ones and a rest.

    Args:
        episodes: (B,) int64, see `TrainingBatch`.
        minibatch_size: at least 1.
        rng: of the order.
    """
    numbers = episodes.unique()
    order = torch.from_numpy(rng.permutation(len(numbers))).to(episodes.device)
    for chosen in numbers[order].tensor_split(max(1, round(len(numbers) / minibatch_size))):
        yield _rows_of(episodes, chosen)


def micro_batches(
    episodes: Tensor,
    micro_batch_size: int | None,
    *,
    lengths: Tensor | None = None,
    max_tokens: int | None = None,
) -> Iterator[Tensor]:
    """Yield the rows (b,) of each micro-batch, in order: all of them in one if nothing is bounded.

    With ``max_tokens`` the longest episodes come first, so that the padding is least, and memory
    that does not suffice shows at once.

    Where several processes train together, those of this process's share of the episodes, which
    may be none; see `llmenvs.agents.distributed`.

    Args:
        episodes: (B,) int64, see `TrainingBatch`.
        micro_batch_size: episodes at most, at least 1.
        lengths: (B,) int64, of the sequences; for ``max_tokens``.
        max_tokens: padded tokens at most, at least 1; a longer episode is alone.
    """
    numbers = share(episodes.unique_consecutive())
    if len(numbers) == 0:
        return
    size = len(numbers) if micro_batch_size is None else micro_batch_size
    if max_tokens is None or lengths is None:
        for chosen in numbers.split(size):
            yield _rows_of(episodes, chosen)
        return
    rows = [_rows_of(episodes, number[None]) for number in numbers]
    longest = [int(lengths[of_episode].max()) for of_episode in rows]
    packed: list[Tensor] = []
    length = num_rows = 0
    for place in sorted(range(len(rows)), key=lambda place: -longest[place]):
        length = length if packed else longest[place]
        num_rows += len(rows[place])
        if packed and (num_rows * length > max_tokens or len(packed) == size):
            yield torch.cat(packed)
            packed, length, num_rows = [], longest[place], len(rows[place])
        packed.append(rows[place])
    if packed:
        yield torch.cat(packed)


def _rows_of(episodes: Tensor, chosen: Tensor) -> Tensor:
    """Return the rows of the chosen episodes, in the order in which they were chosen."""
    return (episodes == chosen[:, None]).nonzero()[:, 1]


@torch.no_grad()
def fixed_logprobs(
    policy: TransformerPolicy, batch: TrainingBatch, size: int, *, max_tokens: int | None = None
) -> Tensor:
    """Return the log-probabilities (B, T) of a policy as it is now, without gradient.

    Args:
        policy: of its tokens.
        batch: the sequences.
        size: episodes whose log-probabilities are computed at once.
        max_tokens: see `micro_batches`.
    """
    logprobs, device = torch.zeros_like(batch.old_logprobs), policy.device
    for indices in micro_batches(
        batch.episodes, size, lengths=batch.lengths, max_tokens=max_tokens
    ):
        rows = batch.rows(indices)
        computed = policy.logprobs(rows.token_ids.to(device), loss_mask=rows.loss_mask.to(device))
        logprobs[indices, : rows.token_ids.shape[1]] = computed.to(logprobs.device)
    return torch.where(batch.loss_mask, summed(logprobs), 0.0)
