"""Gradient checkpointing: what happens inside a layer is not kept, but computed again going back.

Source: Chen et al., "Training deep nets with sublinear memory cost" (2016). It is done here rather
than by ``transformers``, whose own needs a model in training mode, where it would drop activations
out: an update would then see other probabilities than the sampling did.
"""

from functools import cache, partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.transformer import Transformer


def recompute_layers(model: nn.Module) -> None:
    """Let the backward pass compute the layers of ``model`` again, in place.

    Raises:
        ValueError: it has no layers that are known to be such.
    """
    layers = _layers_of(model)
    if not layers:
        kind = type(model.model if isinstance(model, CausalLM) else model).__name__
        raise ValueError(f"gradient_checkpointing is not there for a {kind}: leave it out")
    for layer in layers:
        # By its class, so that a copy of the model computes its own layers.
        layer.__class__ = _recomputing(type(layer))  # type: ignore[arg-type]  # classes have a hash


def _layers_of(model: nn.Module) -> list[nn.Module]:
    if isinstance(model, Transformer):
        return list(model.blocks)
    if not isinstance(model, CausalLM):
        return []
    try:
        from transformers.modeling_layers import GradientCheckpointingLayer
    except ModuleNotFoundError:  # before transformers 4.53
        return []
    return [layer for layer in model.modules() if isinstance(layer, GradientCheckpointingLayer)]


@cache
def _recomputing(kind: type[nn.Module]) -> type[nn.Module]:
    """Return the class of the layers of a kind that are computed again; it has the same name."""

    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return kind.forward(self, *args, **kwargs)
        layer = partial(kind.forward, self, **kwargs)
        return checkpoint(layer, *args, use_reentrant=False, preserve_rng_state=False)

    return type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})
