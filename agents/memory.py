"""What to do when the memory does not suffice."""

import torch

from llmenvs.agents.train_config import TrainConfig


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch could not allocate, on a GPU or on the CPU."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or "can't allocate memory" in str(error)


def memory_advice(config: TrainConfig, error: RuntimeError) -> str:
    """Return what happened and which settings of a run are left to turn, cheapest first."""
    settings = config.settings
    size = getattr(settings, "micro_batch_size", None)
    tokens = getattr(settings, "micro_batch_tokens", None)
    limits = getattr(settings, "limits", None)
    knobs = []
    if size is None or size > 1:
        knobs.append(f"lower micro_batch_size (now {_or_all(size)})")
    if size != 1:
        knobs.append(f"set or lower micro_batch_tokens (now {_or_all(tokens)})")
    if config.precision == "fp32":
        knobs.append("precision bf16")
    if not config.gradient_checkpointing:
        knobs.append("gradient_checkpointing on")
    if config.lora_rank is None and config.model != "tiny":
        knobs.append("lora_rank 16 or so")
    if config.reference_device is None and getattr(settings, "kl_coefficient", 0.0) > 0.0:
        knobs.append("reference_device cpu")
    if limits is not None:
        knobs.append(f"lower max_episode_tokens (now {limits.max_episode_tokens})")
        knobs.append(f"lower num_envs (now {config.num_envs})")
    return f"out of memory on {config.device}: {'; '.join(knobs)} ({str(error).splitlines()[0]})"


def _or_all(value: int | None) -> str:
    return "all at once" if value is None else str(value)
