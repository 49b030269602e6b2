"""One step of gradient descent, which all trainers share."""

import torch
from torch import Tensor, nn


def descend(
    loss: Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, *, max_grad_norm: float
) -> None:
    """Take one step down ``loss``, the gradient clipped to a norm of ``max_grad_norm``.

    Raises:
        FloatingPointError: the gradient is not finite; the weights are left as they were.
    """
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    if not torch.isfinite(norm):
        raise FloatingPointError(
            f"the gradient's norm is {norm.item()} with a loss of {loss.item()}: "
            "look for NaN rewards or log-probabilities in the batch"
        )
    optimizer.step()
