"""The critic of PPO: a scalar head on the policy's own body, or on a body of its own.

Source: "How LLMs learn to reason" (yeesengchan.com, 2026), part 1, fix 2. The head begins at zero,
so that before any learning every value is 0 and an advantage is a return. Axes: B sequences, T
tokens.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from llmenvs.agents.lora import copy_learned


@runtime_checkable
class HiddenStates(Protocol):
    """A causal model that shows what its language-model head reads."""

    def hidden_states(self, token_ids: Tensor) -> Tensor:
        """Return (B, T, width), at each position what the model has read up to it."""
        ...

    def hidden_and_logits_at(self, token_ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden states, and logits (N, V) where ``wanted`` (B, T) is True, of one pass."""
        ...


class ValueHead(nn.Module):
    """A linear map from hidden states (B, T, width) to values (B, T).

    Args:
        width: of the hidden states.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the value of everything up to each position."""
        return (hidden.float() * self.weight).sum(-1) + self.bias  # not a product: never in bf16


class SeparateCritic(nn.Module):
    """A value head on a copy of the policy's model, which learns apart from it.

    Args:
        model: where the body starts from; what learns of it is copied.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.head = value_head_for(model)
        self.body = copy_learned(model)

    def forward(self, token_ids: Tensor) -> Tensor:
        """Return the values (B, T) of everything up to each position."""
        values: Tensor = self.head(self.body.hidden_states(token_ids))
        return values


@torch.no_grad()
def value_head_for(model: nn.Module) -> ValueHead:
    """Return a head that fits the hidden states of ``model``.

    Raises:
        ValueError: the model does not show them.
    """
    if not isinstance(model, HiddenStates):
        raise ValueError(
            "a critic needs a model with hidden_states and hidden_and_logits_at, "
            f"got a {type(model).__name__}"
        )
    parameter = next(model.parameters())
    hidden = model.hidden_states(torch.zeros(1, 1, dtype=torch.long, device=parameter.device))
    return ValueHead(hidden.shape[-1]).to(parameter.device)
