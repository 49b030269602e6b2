"""LoRA through ``peft``: small matrices beside the frozen weights are all that learns.

Source: Hu et al., "LoRA: low-rank adaptation of large language models" (2021). A layer computes
``W x + (alpha / r) B A x``; B begins at zero, so that the model begins as it was. As there, alpha
does not follow the rank, so that a learning rate holds for several of them; all linear layers but
the head have adapters, as Schulman et al., "LoRA without regret" (2025) found to be needed.

A model with adapters stays of its class: everything else that is done with it need not know.
"""

import copy
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from llmenvs.agents.causal_lm import CausalLM

_ALPHA = 32
_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
ADAPTER = "adapter"
"""The folder beside a saved model that holds its adapters alone."""


def add_lora(model: nn.Module, *, rank: int, seed: int) -> None:
    """Freeze the weights of ``model`` and put adapters beside them, in place.

    Args:
        model: a `CausalLM` without adapters.
        rank: of the adapters, r, at least 1.
        seed: of their weights.

    Raises:
        ValueError: a rank below 1, a model of another kind, or one that has adapters.
        ModuleNotFoundError: ``peft`` is not installed.
    """
    if rank < 1:
        raise ValueError(f"lora_rank must be at least 1, got {rank}")
    if not isinstance(model, CausalLM):
        raise ValueError(
            f"lora_rank needs a model of transformers, got a {type(model).__name__}: leave it out, "
            "or choose another model"
        )
    if has_adapters(model):
        raise ValueError("lora_rank needs a model without adapters, got one that has them: merge")
    try:
        from peft import LoraConfig
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("lora_rank needs peft: pip install 'llmenvs[lora]'") from error
    settings = LoraConfig(
        r=rank, lora_alpha=_ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    with torch.random.fork_rng(devices=[]):  # peft draws weights from the global generator
        model.model.add_adapter(settings)
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_A" in name:
            bound = 1.0 / math.sqrt(parameter.shape[1])
            drawn = torch.rand(parameter.shape, generator=generator).mul(2.0).sub(1.0) * bound
            parameter.data.copy_(drawn)


def has_adapters(model: nn.Module) -> bool:
    """Return whether there are adapters of ``peft`` in ``model``."""
    return next(_adapted_layers(model), None) is not None


def without_adapters(model: nn.Module) -> Any:
    """Return the model as it is with the adapters off; the weights are the same, not copied."""
    bare: Any = copy_learned(model)
    for name, layer in list(_adapted_layers(bare)):
        parent, _, child = name.rpartition(".")
        setattr(bare.get_submodule(parent), child, layer.get_base_layer())
    inner = bare.model if isinstance(bare, CausalLM) else bare
    inner._hf_peft_config_loaded = False  # transformers would save adapters alone
    return bare


def copy_learned(model: nn.Module) -> Any:
    """Return a copy of ``model`` that shares with it what does not learn."""
    shared = {id(p): p for p in model.parameters() if not p.requires_grad}
    return copy.deepcopy(model, shared)


def are_unlearned(model: nn.Module) -> bool:
    """Return whether ``model`` has adapters, and says what it would without them."""
    learned = [p for name, p in model.named_parameters() if "lora_B" in name]
    others = [p for name, p in model.named_parameters() if p.requires_grad and "lora_" not in name]
    return bool(learned) and not others and not any(bool(p.any()) for p in learned)


@torch.no_grad()
def save_merged(folder: Path, model: CausalLM) -> None:
    """Save a model with its adapters so that it loads with ``peft`` and without.

    ``folder`` has the merged weights, as if all of them had learned, and ``folder/adapter`` the
    adapters alone, for `peft.PeftModel.from_pretrained` over the model that they were made for.
    """
    bare = without_adapters(model).model
    state: dict[str, Tensor] = bare.state_dict()
    for name, layer in _adapted_layers(model.model):
        weight = state[f"{name}.weight"]
        state[f"{name}.weight"] = weight + layer.get_delta_weight("default").to(weight.dtype)
    bare.save_pretrained(folder, state_dict=state)
    model.model.save_pretrained(folder / ADAPTER)


def fingerprint(model: nn.Module) -> str:
    """Return what tells the weights that do not learn from others: a hash of their exact sums."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            integers = parameter.detach().view(_INTEGERS[parameter.element_size()])
            digest.update(f"{name} {tuple(parameter.shape)} {int(integers.sum())}\n".encode())
    return digest.hexdigest()


def _adapted_layers(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield the name of each layer with an adapter, and the layer."""
    for name, module in model.named_modules():
        if hasattr(module, "lora_A") and hasattr(module, "get_base_layer"):
            yield name, module
