"""The three means of GRPO: what each token's term weighs in the loss of a batch.

Sources: Shao et al., "DeepSeekMath" (2024), eq. 3, by sequence: the mean over the tokens of each
completion, then over completions. Yu et al., "DAPO" (2025), eq. 8, by token: every token weighs the
same, a long completion more than a short one. Liu et al., "Understanding R1-Zero-like training"
(2025), "Dr. GRPO", by a constant: the sum over the tokens of a completion, divided by a length that
does not depend on it, so that a long wrong answer is not punished less for each token.

Axes: B sequences, T tokens. "Sequence" is the papers' word for a whole episode: where a chat
template splits one, its runs count as one.
"""

from typing import Literal

import torch
from torch import Tensor

from llmenvs.agents.batching import TrainingBatch

Aggregation = Literal["token", "sequence", "constant"]


def token_weights(
    rows: TrainingBatch,
    batch: TrainingBatch,
    *,
    aggregation: Aggregation,
    constant_length: int | None = None,
) -> Tensor:
    """Return the weights (B, T) of the tokens of ``rows``, a micro-batch of ``batch``.

    Give them to a loss with ``num_tokens=1``; the losses of the micro-batches add up to the loss of
    the batch, however it is cut.

    Args:
        rows: whole episodes of the batch.
        batch: all that one update is made of.
        aggregation: which mean.
        constant_length: in tokens, at least 1, for ``"constant"``: the most that an
            episode may generate.

    Raises:
        ValueError: an unknown ``aggregation``, or no ``constant_length`` where one is needed.
    """
    ones = rows.loss_mask.to(rows.old_logprobs.dtype)
    if aggregation == "token":
        return ones / max(1, batch.num_tokens)
    if aggregation == "sequence":
        return ones / (episode_lengths(rows)[:, None].clamp(min=1) * batch.num_episodes)
    if aggregation != "constant":
        raise ValueError(
            f"aggregation must be 'token', 'sequence' or 'constant', got {aggregation!r}"
        )
    if constant_length is None or constant_length < 1:
        raise ValueError(f"constant_length must be at least 1, got {constant_length!r}")
    return ones / (constant_length * batch.num_episodes)


def episode_lengths(rows: TrainingBatch) -> Tensor:
    """Return (B,) int64, the tokens of the policy in the episode that each row belongs to."""
    _, index = rows.episodes.unique(return_inverse=True)
    counts = rows.loss_mask.sum(1)
    return torch.zeros_like(counts).index_add(0, index, counts)[index]
