"""The losses, each a scalar to minimise over the tokens of ``loss_mask``.

Sources: "How LLMs learn to reason" (yeesengchan.com, 2026), parts 0 to 3; Schulman et al.,
"Proximal policy optimization" (2017), eq. 7; Schulman, "Approximating KL divergence" (2020) for k1,
k2 and k3; Zheng et al., "Group sequence policy optimization" (2025) for the ratio of whole
sequences; Rafailov et al., "Direct preference optimization" (2023), eq. 7.

Axes: B sequences, T tokens. Log-probabilities are of the tokens that were taken, in nats. What
stands off the mask does not matter, NaN included: neither the loss nor the gradient sees it.

A loss over tokens is the sum of ``token_weights`` times each token's term, divided by
``num_tokens``. By default these are 1 and the True positions of the mask: the mean over tokens.
With the count of the whole batch, the losses of its micro-batches add up to the loss of the batch;
`token_weights` of the module ``aggregation`` gives the means of GRPO and Dr. GRPO.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


def reinforce_loss(
    logprobs: Tensor, weights: Tensor, loss_mask: Tensor, *, num_tokens: int | None = None
) -> Tensor:
    """Return ``-mean(w_t * log pi(a_t | s_t))`` (part 0, section 10).

    Args:
        logprobs: (B, T) under the current policy, with gradient.
        weights: (B, T) or (B,): returns, or advantages.
        loss_mask: (B, T) bool.
        num_tokens: see the module; 1 gives the sum, the series' ``-J``.

    >>> logprobs = torch.tensor([[0.4, 0.3, 0.5, 0.7]]).log()
    >>> returns = torch.tensor([[2.0, 3.0, 4.0, 5.0]])
    >>> mask = torch.ones(1, 4, dtype=torch.bool)
    >>> round(-reinforce_loss(logprobs, returns, mask, num_tokens=1).item(), 1)
    -10.0
    """
    return -_masked_mean(logprobs, loss_mask, num_tokens, weights)


def clipped_surrogate_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    loss_mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    num_tokens: int | None = None,
    token_weights: Tensor | None = None,
) -> Tensor:
    """Return ``-mean(min(r A, clip(r, 1 - clip_low, 1 + clip_high) A))`` (PPO, eq. 7).

    ``r`` is the ratio of the probabilities now and when the token was sampled. The minimum takes
    the clipped term where the policy has already moved the way the advantage points, and lets the
    whole gradient through where it has moved the other way.

    Args:
        logprobs: (B, T) under the current policy, with gradient.
        old_logprobs: (B, T) under the policy that sampled.
        advantages: (B, T) or (B,).
        loss_mask: (B, T) bool.
        clip_low: at least 0.
        clip_high: at least 0; above ``clip_low`` in DAPO (Yu et al., 2025).
        num_tokens: see the module.
        token_weights: (B, T), see the module.
    """
    log_ratio = _on_mask(logprobs - old_logprobs.detach(), loss_mask)
    gain = _clipped_gain(log_ratio, advantages, loss_mask, clip_low, clip_high)
    return -_masked_mean(gain, loss_mask, num_tokens, token_weights)


def sequence_ratio_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    loss_mask: Tensor,
    *,
    clip_low: float = 3e-4,
    clip_high: float = 4e-4,
    episodes: Tensor | None = None,
    num_tokens: int | None = None,
    token_weights: Tensor | None = None,
) -> Tensor:
    """Return the clipped surrogate with one ratio for a whole sequence (GSPO, eq. 5 and 7).

    ``s_i = exp(mean_t log r_t)``, the geometric mean of the tokens' ratios, stands in place of each
    token's own. Where advantages differ within a sequence, each token's term has its own advantage
    and the sequence's ratio, and the gradient reaches the token alone: GSPO-token. With one
    advantage for a sequence and the mean by sequence, the two are the same, value and gradient.

    Args:
        logprobs: (B, T) under the current policy, with gradient.
        old_logprobs: (B, T) under the policy that sampled.
        advantages: (B, T) or (B,).
        loss_mask: (B, T) bool.
        clip_low: at least 0; the defaults are the paper's, as these ratios hardly move.
        clip_high: at least 0.
        episodes: (B,), of what episode each row is a run, see `TrainingBatch`; a ratio is that of
            the whole episode. Each row is one of its own by default.
        num_tokens: see the module.
        token_weights: (B, T), see the module.
    """
    log_ratio = _on_mask(logprobs - old_logprobs.detach(), loss_mask)
    mean = sequence_means(log_ratio, loss_mask, episodes)[:, None].detach()
    log_ratio = mean + _on_mask(logprobs - logprobs.detach(), loss_mask)
    gain = _clipped_gain(log_ratio, advantages, loss_mask, clip_low, clip_high)
    return -_masked_mean(gain, loss_mask, num_tokens, token_weights)


def truncated_importance_weights(
    logprobs: Tensor, sampling_logprobs: Tensor, loss_mask: Tensor, *, cap: float
) -> Tensor:
    """Return ``min(pi_train / pi_sample, cap)`` at each token, without gradient.

    The program that samples (vLLM, half precision, quantised weights) and the one that trains give
    the same weights other probabilities. Multiplied into the terms of the surrogate, whose ratio is
    then to the training program's own old probabilities, these weights make up for it; the cap
    bounds their variance (Yao et al., "Your efficient RL framework secretly brings you off-policy
    RL training", 2025).

    Args:
        logprobs: (B, T) in the training program, under the weights that sampled.
        sampling_logprobs: (B, T) as the sampling program told them.
        loss_mask: (B, T) bool.
        cap: above 0; 2 is usual.

    Returns:
        (B, T), 1.0 off the mask.
    """
    if not cap > 0.0:
        raise ValueError(f"cap must be above 0, got {cap!r}")
    log_ratio = _on_mask(logprobs - sampling_logprobs, loss_mask).detach()
    return torch.where(loss_mask, log_ratio.exp().clamp(max=cap), 1.0)


def value_loss(
    values: Tensor,
    returns: Tensor,
    loss_mask: Tensor,
    *,
    old_values: Tensor | None = None,
    clip: float = 0.2,
    num_tokens: int | None = None,
) -> Tensor:
    """Return half the mean squared error of the critic.

    Args:
        values: (B, T), with gradient.
        returns: (B, T), what they should be.
        loss_mask: (B, T) bool.
        old_values: (B, T) when the tokens were sampled. If given, a value that moved further than
            ``clip`` from its old one is held there where that makes the error larger (the
            pessimistic maximum of the PPO reference code).
        clip: at least 0.
        num_tokens: see the module.
    """
    values, returns = _on_mask(values, loss_mask), _on_mask(returns, loss_mask)
    error = (values - returns).square()
    if old_values is not None:
        old_values = _on_mask(old_values, loss_mask)
        held = old_values + (values - old_values).clamp(-clip, clip)
        error = torch.maximum(error, (held - returns).square())
    return 0.5 * _masked_mean(error, loss_mask, num_tokens)


def kl_estimate(
    logprobs: Tensor, ref_logprobs: Tensor, *, kind: Literal["k1", "k2", "k3"]
) -> Tensor:
    """Return the estimate of KL(policy || reference) at each token (Schulman, 2020).

    With ``x = log(reference / policy)`` at a token that the policy sampled: ``k1 = -x`` is unbiased
    and may be negative, ``k2 = x**2 / 2`` is biased and not negative, ``k3 = exp(x) - 1 - x`` is
    unbiased and not negative. Their gradients are another matter: on-policy the expected gradient
    of k1 is 0, that of k2 is the gradient of KL(policy || reference), and that of k3 the gradient
    of KL(reference || policy).

    Args:
        logprobs: (...) under the policy.
        ref_logprobs: (...) under the reference policy, without gradient.
        kind: which estimator.

    Returns:
        (...), in nats. There is no mask: give it to the mean, as `kl_loss` does.
    """
    log_ratio = ref_logprobs.detach() - logprobs
    if kind == "k1":
        return -log_ratio
    if kind == "k2":
        return 0.5 * log_ratio.square()
    if kind == "k3":
        return log_ratio.expm1() - log_ratio
    raise ValueError(f"kind must be 'k1', 'k2' or 'k3', got {kind!r}")


def kl_loss(
    logprobs: Tensor,
    ref_logprobs: Tensor,
    loss_mask: Tensor,
    *,
    kind: Literal["k1", "k2", "k3"] = "k3",
    num_tokens: int | None = None,
    token_weights: Tensor | None = None,
) -> Tensor:
    """Return the mean of `kl_estimate` over the mask, the KL term of GRPO (part 2).

    Args:
        logprobs: (B, T) under the policy, with gradient.
        ref_logprobs: (B, T) under the reference policy.
        loss_mask: (B, T) bool.
        kind: which estimator; DeepSeekMath's eq. 4 is k3. Mind that the gradient of k1 is zero in
            expectation on-policy: as a loss it anchors nothing.
        num_tokens: see the module.
        token_weights: (B, T), see the module.
    """
    kept, ref = _on_mask(logprobs, loss_mask), _on_mask(ref_logprobs, loss_mask)
    return _masked_mean(kl_estimate(kept, ref, kind=kind), loss_mask, num_tokens, token_weights)


def dpo_loss(
    chosen_logprobs: Tensor,
    rejected_logprobs: Tensor,
    ref_chosen_logprobs: Tensor,
    ref_rejected_logprobs: Tensor,
    *,
    beta: float,
) -> Tensor:
    """Return ``-mean(log sigmoid(beta * margin))`` (part 3; Rafailov et al. 2023, eq. 7).

    The margin is how much more than the reference the policy prefers the chosen completion.

    Args:
        chosen_logprobs: (B,), of whole completions: summed over their tokens.
        rejected_logprobs: (B,).
        ref_chosen_logprobs: (B,), under the reference policy.
        ref_rejected_logprobs: (B,).
        beta: strength of the anchor, above 0.
    """
    if beta <= 0.0:
        raise ValueError(f"beta must be above 0, got {beta!r}")
    chosen = chosen_logprobs - ref_chosen_logprobs
    rejected = rejected_logprobs - ref_rejected_logprobs
    return -functional.logsigmoid(beta * (chosen - rejected)).mean()


def token_mean(values: Tensor, loss_mask: Tensor, *, num_tokens: int | None = None) -> Tensor:
    """Return the mean of ``values`` (B, T) over the mask; ``num_tokens`` as in the module."""
    return _masked_mean(values, loss_mask, num_tokens)


def sequence_means(values: Tensor, loss_mask: Tensor, episodes: Tensor | None = None) -> Tensor:
    """Return the mean of ``values`` over the mask of each sequence, or of its whole episode.

    Args:
        values: (B, T).
        loss_mask: (B, T) bool.
        episodes: (B,), rows of one number belong together; each row to itself by default.

    Returns:
        (B,), 0.0 where the mask is empty.
    """
    sums, counts = _on_mask(values, loss_mask).sum(1), loss_mask.sum(1)
    if episodes is not None:
        index = episodes.unique(return_inverse=True)[1]
        num_episodes = int(index.max()) + 1 if len(index) else 0
        sums = sums.new_zeros(num_episodes).index_add(0, index, sums)[index]
        counts = counts.new_zeros(num_episodes).index_add(0, index, counts)[index]
    return sums / counts.clamp(min=1)


def _clipped_gain(
    log_ratio: Tensor, advantages: Tensor, loss_mask: Tensor, clip_low: float, clip_high: float
) -> Tensor:
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    advantages = _on_mask(_per_token(advantages), loss_mask)
    return torch.minimum(ratio * advantages, clipped * advantages)


def _masked_mean(
    values: Tensor, loss_mask: Tensor, num_tokens: int | None, weights: Tensor | None = None
) -> Tensor:
    if loss_mask.dtype != torch.bool:
        raise ValueError(f"loss_mask must be bool, got {loss_mask.dtype}")
    kept = _on_mask(values, loss_mask)
    if weights is not None:
        kept = kept * _on_mask(_per_token(weights), loss_mask)
    divisor = loss_mask.sum().clamp(min=1) if num_tokens is None else num_tokens
    return kept.sum() / divisor


def _on_mask(values: Tensor, loss_mask: Tensor) -> Tensor:
    """Return zeros off the mask; the gradient there is exactly zero as well, unlike a product's."""
    return torch.where(loss_mask, values, 0.0)


def _per_token(weights: Tensor) -> Tensor:
    return weights[:, None] if weights.ndim == 1 else weights
