"""What the settings of a run do with its model, before anything is played."""

from pathlib import Path

import torch

from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.lora import add_lora
from llmenvs.agents.model_files import can_save
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.recomputation import recompute_layers
from llmenvs.agents.train_config import TrainConfig


def settled(
    policy: TransformerPolicy, config: TrainConfig, *, handed_over: Path
) -> TransformerPolicy:
    """Return the policy as ``config`` has it; its model is changed in place.

    Args:
        policy: the one that a run starts with.
        config: of the run.
        handed_over: the folder in which a server that samples gets its weights.

    Raises:
        ValueError: a setting that does not fit the model, or a device that is not there.
        ModuleNotFoundError: a package that a setting needs is not installed.
    """
    policy.precision = config.precision
    if config.reference_device is not None:
        policy.reference_device = usable_device("reference_device", config.reference_device)
    if config.lora_rank is not None:
        add_lora(policy.model, rank=config.lora_rank, seed=config.seed)
    policy.model.to(usable_device("device", config.device))
    if config.gradient_checkpointing:
        recompute_layers(policy.model)
    if config.static_decoding:
        if not isinstance(policy.model, CausalLM):
            kind = type(policy.model).__name__
            raise ValueError(f"static_decoding needs a model of transformers, got a {kind}")
        policy.model.decode_statically()
    return policy if config.sampler_url is None else _remote(policy, config, handed_over)


def usable_device(name: str, device: str) -> torch.device:
    """Return a device, on which something was put to see that it is there.

    Raises:
        ValueError: it cannot be used; the message has the ``name`` of the setting.
    """
    try:
        return torch.zeros(1, device=device).device
    except (RuntimeError, AssertionError) as error:  # torch raises both for what is not there
        reason = str(error).splitlines()[0]
        raise ValueError(f"{name} {device!r} cannot be used: {reason}") from error


def _remote(policy: TransformerPolicy, config: TrainConfig, folder: Path) -> TransformerPolicy:
    """Return the policy with a server that samples in its place."""
    try:
        from llmenvs.agents.remote_policy import HAND_OVERS, RemotePolicy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "sampler_url needs httpx: pip install 'llmenvs[remote]'"
        ) from error
    if not can_save(policy):
        raise ValueError("sampler_url needs a model that can be saved for the server")
    return RemotePolicy(
        policy,
        str(config.sampler_url),
        folder=folder,
        model=config.sampler_model,
        hand_over=HAND_OVERS[config.sampler_kind],
    )
