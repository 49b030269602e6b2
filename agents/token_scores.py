"""How likely tokens are under a causal model, without the logits of all of them at once.

The logits of N tokens are N times as large as the vocabulary: for a batch of long sequences by far
the largest tensor of an update. Here they exist for one chunk of tokens at a time. They are
computed again in the backward pass, which costs one more product with the head and nothing else.
Axes: B sequences, T tokens, N the tokens that are asked about, V vocabulary.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from llmenvs.agents.decoding import LanguageModel


@runtime_checkable
class SplitModel(Protocol):
    """A causal model whose body and head can be run apart."""

    @property
    def has_plain_head(self) -> bool:
        """Whether `head_logits` of `hidden_states` are the model's logits, and nothing more."""
        ...

    def hidden_states(self, token_ids: Tensor) -> Tensor:
        """Return (B, T, width), at each position what the model has read up to it."""
        ...

    def head_logits(self, hidden: Tensor) -> Tensor:
        """Return the logits (N, V) of hidden states (N, width)."""
        ...


class Features(NamedTuple):
    """Where logits come from.

    Attributes:
        values: (N, width) hidden states, or (N, V) the logits themselves.
        logits: from some of ``values`` to their logits.
    """

    values: Tensor
    logits: Callable[[Tensor], Tensor]


class TokenScores(NamedTuple):
    """What a model says of N tokens, in nats.

    Attributes:
        logprobs: (N,), of each token.
        entropy: (N,), of the distribution from which it was drawn; None if it was not asked for.
    """

    logprobs: Tensor
    entropy: Tensor | None


def features_at(model: nn.Module, token_ids: Tensor, wanted: Tensor) -> Features:
    """Return the features of the positions where ``wanted`` (B, T) is True, by rows."""
    if isinstance(model, SplitModel) and model.has_plain_head:
        return Features(model.hidden_states(token_ids)[wanted], model.head_logits)
    if isinstance(model, LanguageModel):
        return Features(model.logits_at(token_ids, wanted), _as_they_are)
    return Features(model(token_ids)[wanted], _as_they_are)


def score_tokens(
    features: Features,
    targets: Tensor,
    *,
    known: Callable[[Tensor], Tensor],
    chunk_tokens: int,
    with_entropy: bool = False,
) -> TokenScores:
    """Return how likely ``targets`` are, with gradient.

    Args:
        features: of the N positions before them.
        targets: (N,) int64.
        known: from raw logits to those of the distribution, in float32.
        chunk_tokens: how many have logits at once, at least 1.
        with_entropy: whether the entropy is asked for too.
    """

    def of_chunk(values: Tensor, chosen: Tensor) -> Tensor:
        return _scores(known(features.logits(values)), chosen, with_entropy=with_entropy)

    if len(targets) <= chunk_tokens:
        scores = of_chunk(features.values, targets)
    else:
        pairs = zip(features.values.split(chunk_tokens), targets.split(chunk_tokens), strict=True)
        recomputed = torch.is_grad_enabled()
        chunks = [_recomputed(of_chunk, *p) if recomputed else of_chunk(*p) for p in pairs]
        scores = torch.cat(chunks, dim=1)
    return TokenScores(scores[0], scores[1] if with_entropy else None)


def _recomputed(function: Callable[[Tensor, Tensor], Tensor], *args: Tensor) -> Tensor:
    result: Tensor = checkpoint(function, *args, use_reentrant=False, preserve_rng_state=False)
    return result


def _scores(logits: Tensor, targets: Tensor, *, with_entropy: bool) -> Tensor:
    """Return (1, N), the log-probabilities, or (2, N), the entropies below them."""
    if not with_entropy:
        return -functional.cross_entropy(logits, targets, reduction="none")[None]
    distribution = logits.log_softmax(-1)
    taken = distribution.gather(-1, targets[:, None])[:, 0]
    return torch.stack([taken, -(distribution.exp() * distribution).sum(-1)])


def _as_they_are(logits: Tensor) -> Tensor:
    return logits
