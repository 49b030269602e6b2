"""A policy's model and tokenizer in a folder, from which it can be made again.

A model of ``transformers`` is saved as that package does it, so that its users can load it; its
adapters are merged, and in the folder ``adapter`` besides. A
`Transformer` of ours is ``config.json`` with its sizes, ``weights.pt``, and ``tokenizer.json``,
unless its tokenizer is the bytes.
"""

import json
import os
import pickle
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from llmenvs.agents.causal_lm import CausalLM
from llmenvs.agents.lora import has_adapters, save_merged
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.smollm import SMOLLM2, smollm2_folder
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.tokenizers import ByteTokenizer, FastTokenizer, Tokenizer, TransformersTokenizer

_KIND = "llmenvs.Transformer"
_CONFIG, _WEIGHTS, _TOKENIZER = "config.json", "weights.pt", "tokenizer.json"


def can_save(policy: TransformerPolicy) -> bool:
    """Return whether `save_model` knows both the model and the tokenizer."""
    if isinstance(policy.model, CausalLM):
        return isinstance(policy.tokenizer, TransformersTokenizer)
    return isinstance(policy.model, Transformer) and isinstance(
        policy.tokenizer, ByteTokenizer | FastTokenizer
    )


def save_model(folder: Path, policy: TransformerPolicy) -> None:
    """Write the model and its tokenizer to ``folder``; what was there before goes at the end.

    Raises:
        TypeError: a model or tokenizer of another kind; see `can_save`.
    """
    if not can_save(policy):
        raise TypeError(
            f"cannot save a {type(policy.model).__name__} with a {type(policy.tokenizer).__name__}"
        )
    unfinished = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    if isinstance(policy.model, CausalLM):
        if has_adapters(policy.model):
            save_merged(unfinished, policy.model)
        else:
            policy.model.model.save_pretrained(unfinished)
        policy.tokenizer.tokenizer.save_pretrained(unfinished)  # type: ignore[attr-defined]
    else:
        _save_transformer(unfinished, policy)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)


def load_policy(source: str, *, temperature: float = 1.0) -> TransformerPolicy:
    """Return the policy of a folder, or of a name that ``transformers`` knows.

    Args:
        source: a folder that `save_model` or ``save_pretrained`` made, a model's name, or
            ``smollm2-135m-instruct``, which needs no hub, see `smollm2_folder`.
        temperature: see `TransformerPolicy`.

    Raises:
        ValueError: there is no model, or it cannot be read.
        ModuleNotFoundError: ``transformers``, which it needs, is not installed.
    """
    if source == SMOLLM2:
        source = str(smollm2_folder())
    config = Path(source) / _CONFIG
    if Path(source).is_dir() and not config.is_file():
        raise ValueError(f"{source} is no model: {_CONFIG} is missing")
    if config.is_file():
        try:
            found = json.loads(config.read_bytes())
        except ValueError as error:
            raise ValueError(f"{config} is not JSON: {error}") from error
        if found.get("kind") == _KIND:
            return _load_transformer(Path(source), found, temperature)
    return _load_causal_lm(source, temperature)


def _save_transformer(folder: Path, policy: TransformerPolicy) -> None:
    model: Any = policy.model
    config: dict[str, Any] = {"kind": _KIND, "sizes": asdict(model.config), "end_of_turn": None}
    if isinstance(policy.tokenizer, FastTokenizer):
        rust = policy.tokenizer.tokenizer
        (folder / _TOKENIZER).write_text(rust.to_str(), encoding="utf-8")
        if policy.tokenizer.end_of_turn_id is not None:
            config["end_of_turn"] = rust.id_to_token(policy.tokenizer.end_of_turn_id)
    torch.save(model.state_dict(), folder / _WEIGHTS)
    (folder / _CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _load_transformer(
    folder: Path, config: dict[str, Any], temperature: float
) -> TransformerPolicy:
    try:
        model = Transformer(TransformerConfig(**config["sizes"]))
        weights = torch.load(folder / _WEIGHTS, map_location="cpu", weights_only=True)
        model.load_state_dict(weights)
    except (KeyError, TypeError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{folder} cannot be read as a model: {error}") from error
    return TransformerPolicy(model, _load_tokenizer(folder, config), temperature=temperature)


def _load_tokenizer(folder: Path, config: dict[str, Any]) -> Tokenizer:
    file = folder / _TOKENIZER
    if not file.exists():
        return ByteTokenizer()
    import tokenizers

    try:
        rust = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the Rust library raises no other class
        raise ValueError(f"{file} cannot be read: {error}") from error
    return FastTokenizer(rust, end_of_turn=config["end_of_turn"])


def _load_causal_lm(source: str, temperature: float) -> TransformerPolicy:
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"loading the model {source!r} needs transformers: pip install transformers"
        ) from error
    try:
        model = AutoModelForCausalLM.from_pretrained(source)
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"model {source!r} is neither 'tiny' nor a folder with a model, and transformers "
            f"cannot load it: {str(error).splitlines()[0]}"
        ) from error
    return TransformerPolicy(
        CausalLM(model), TransformersTokenizer(tokenizer), temperature=temperature
    )
