"""How far a policy has moved from the one that sampled: what PPO and GRPO report of each update."""

import torch
from torch import Tensor

from llmenvs.agents.batching import TrainingBatch
from llmenvs.agents.losses import kl_estimate


@torch.no_grad()
def movement_sums(
    logprobs: Tensor,
    rows: TrainingBatch,
    *,
    clip_low: float,
    clip_high: float,
    log_ratio: Tensor | None = None,
) -> Tensor:
    """Return sums over the tokens (3,): of 1, of k3, and of the tokens that the clip removed.

    k3 estimates KL(old policy || policy) in nats. A token is removed where its ratio has left the
    clip range the way its advantage points, so that it gives no gradient.

    Args:
        logprobs: (B, T) under the policy.
        rows: its sequences, with the advantages as weights.
        clip_low: see `clipped_surrogate_loss`.
        clip_high: see there.
        log_ratio: (B, T), what is clipped, where that is not each token's own.
    """
    on = rows.loss_mask
    own = torch.where(on, logprobs - rows.old_logprobs, 0.0)
    ratio = (own if log_ratio is None else log_ratio).exp()
    up = (ratio > 1.0 + clip_high) & (rows.weights > 0)
    down = (ratio < 1.0 - clip_low) & (rows.weights < 0)
    k3 = torch.where(on, own.expm1() - own, 0.0)
    sums = [on.sum(), k3.sum(), ((up | down) & on).sum()]
    return torch.stack([value.cpu().double() for value in sums])


@torch.no_grad()
def reference_kl_sum(logprobs: Tensor, ref_logprobs: Tensor, loss_mask: Tensor) -> Tensor:
    """Return the sum of k3, the estimate of KL(policy || reference), over the mask."""
    kept, ref = (torch.where(loss_mask, values, 0.0) for values in (logprobs, ref_logprobs))
    return kl_estimate(kept, ref, kind="k3").sum().cpu().double()
