"""From rewards to what multiplies the log-probabilities: returns, GAE, group-relative advantages.

Sources: "How LLMs learn to reason" (yeesengchan.com, 2026), parts 0 (returns), 1 (GAE) and 2
(groups); Schulman et al., "High-dimensional continuous control using generalized advantage
estimation" (2016), eq. 16; Shao et al., "DeepSeekMath" (2024), section 4.1.

Axes: P prompts, G completions of one prompt, B sequences, T steps or tokens.
"""

from typing import Literal

import torch
from torch import Tensor

_EQUAL_REWARDS = 1e-6
"""Rewards that differ by less than this share of the largest are equal: dividing by a standard
deviation of rounding errors would turn them into advantages of plus and minus one."""


def discounted_returns(rewards: Tensor, *, discount: float) -> Tensor:
    """Return ``G_t = r_t + discount * G_{t+1}`` by backward recursion (part 0, section 12).

    Args:
        rewards: (..., T).
        discount: in [0, 1].

    Returns:
        (..., T), floating point.

    >>> discounted_returns(torch.tensor([-1, -1, -1, 5]), discount=1.0)
    tensor([2., 3., 4., 5.])
    """
    _check_unit_interval(discount=discount)
    rewards = _floating(rewards)
    returns = torch.empty_like(rewards)
    following = torch.zeros(rewards.shape[:-1], dtype=rewards.dtype, device=rewards.device)
    for t in reversed(range(rewards.shape[-1])):
        following = rewards[..., t] + discount * following
        returns[..., t] = following
    return returns


def generalized_advantages(
    rewards: Tensor,
    values: Tensor,
    loss_mask: Tensor,
    *,
    discount: float,
    gae_lambda: float,
    last_values: Tensor | None = None,
) -> Tensor:
    """Return the GAE over the tokens of the policy (part 1; Schulman et al. 2016, eq. 16).

    ``A_t = delta_t + discount * gae_lambda * A_{t+1}`` with the residual ``delta_t = r_t + discount
    * V_{t+1} - V_t``, where t + 1 is the *next token of the policy*: what the environment wrote in
    between is skipped, not a step. V_{t+1} at the end of a turn is therefore the value at the first
    token of the next turn, which has seen the observation.

    Args:
        rewards: (B, T); what stands off the mask does not count.
        values: (B, T), at each token the value of the state in which it was chosen.
        loss_mask: (B, T) bool, the tokens of the policy.
        discount: in [0, 1], for each token.
        gae_lambda: in [0, 1]; 0 gives the residual, 1 the return less the value.
        last_values: (B,), the value after the last token, to bootstrap from where an episode was
            truncated; 0 by default, as after the end of an episode.

    Returns:
        (B, T), 0.0 off the mask.
    """
    _check_unit_interval(discount=discount, gae_lambda=gae_lambda)
    rewards, values = _floating(rewards), _floating(values)
    if not rewards.shape == values.shape == loss_mask.shape:
        raise ValueError(
            "rewards, values and loss_mask must have one shape, got "
            f"{tuple(rewards.shape)}, {tuple(values.shape)} and {tuple(loss_mask.shape)}"
        )
    advantages = torch.zeros_like(rewards)
    next_value = torch.zeros_like(rewards[..., 0]) if last_values is None else last_values
    next_advantage = torch.zeros_like(rewards[..., 0])
    for t in reversed(range(rewards.shape[-1])):
        residual = rewards[..., t] + discount * next_value - values[..., t]
        advantage = residual + discount * gae_lambda * next_advantage
        taken = loss_mask[..., t]
        advantages[..., t] = torch.where(taken, advantage, 0.0)
        next_advantage = torch.where(taken, advantage, next_advantage)
        next_value = torch.where(taken, values[..., t], next_value)
    return advantages


def group_advantages(
    rewards: Tensor,
    *,
    scale: Literal["sample", "population"] | None = "sample",
    valid: Tensor | None = None,
) -> Tensor:
    """Return ``(r_i - mean) / std`` within each group (part 2; DeepSeekMath, section 4.1).

    A group of equal rewards gives zeros: it holds no signal.

    Args:
        rewards: (P, G), G at least 2.
        scale: ``"sample"`` divides by the standard deviation with n - 1, ``"population"`` with n;
            None leaves it out (Liu et al., "Understanding R1-Zero-like training", 2025).
        valid: (P, G) bool. A reward that could not be decided enters neither mean nor deviation,
            and its advantage is 0; a group with fewer than two valid rewards gives zeros.

    Returns:
        (P, G), floating point; each row sums to 0.

    Raises:
        ValueError: another shape, or an unknown ``scale``.

    >>> group_advantages(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), scale="population")
    tensor([[ 1., -1.,  1., -1.]])
    """
    rewards = _floating(rewards)
    if rewards.ndim != 2 or rewards.shape[1] < 2:
        raise ValueError(f"rewards must be (P, G) with G >= 2, got shape {tuple(rewards.shape)}")
    if scale not in ("sample", "population", None):
        raise ValueError(f"scale must be 'sample', 'population' or None, got {scale!r}")
    kept = torch.ones_like(rewards, dtype=torch.bool) if valid is None else valid
    rewards = torch.where(kept, rewards, 0.0)  # an undecided reward may be NaN
    count = kept.sum(dim=1, keepdim=True)
    mean = rewards.sum(dim=1, keepdim=True) / count.clamp(min=1)
    centred = torch.where(kept, rewards - mean, 0.0)
    informative = (count >= 2) & (
        centred.abs().amax(1, keepdim=True) > _EQUAL_REWARDS * rewards.abs().amax(1, keepdim=True)
    )
    if scale is not None:
        degrees = (count - 1 if scale == "sample" else count).clamp(min=1)
        std = (centred.square().sum(dim=1, keepdim=True) / degrees).sqrt()
        centred = centred / torch.where(informative, std, 1.0)
    return torch.where(informative, centred, 0.0)


def whiten(values: Tensor, loss_mask: Tensor) -> Tensor:
    """Return ``values`` less their mean and divided by their deviation (n), both over the mask.

    Args:
        values: (B, T), advantages.
        loss_mask: (B, T) bool.

    Returns:
        (B, T), 0.0 off the mask, and everywhere if all values on it are equal.

    >>> whiten(torch.tensor([[1.0, 3.0, 99.0]]), torch.tensor([[True, True, False]]))
    tensor([[-1.,  1.,  0.]])
    """
    kept = _floating(values)[loss_mask]
    if len(kept) == 0:
        return torch.zeros_like(_floating(values))
    centred = kept - kept.mean()
    std = centred.square().mean().sqrt()
    equal = centred.abs().max() <= _EQUAL_REWARDS * kept.abs().max()
    scaled = torch.zeros_like(centred) if equal else centred / std
    return torch.zeros_like(_floating(values)).masked_scatter(loss_mask, scaled)


def _floating(values: Tensor) -> Tensor:
    return values if values.is_floating_point() else values.to(torch.get_default_dtype())


def _check_unit_interval(**values: float) -> None:
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} must be in [0, 1], got {value!r}")
