"""A tiny model and two tokenizers for the trainers: real classes of transformers, made here."""

from pathlib import Path
from typing import Any

import pytest

MOVES = [f"<action>{move}</action>" for move in ("up", "down", "left", "right")]
ONE_STEP = {
    "task_id": "one-step",
    "width": 2,
    "height": 2,
    "start": [0, 0],
    "terminals": [[1, 0, 5.0]],
}

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def word_tokenizer() -> Any:
    """Moves and the characters of cells are tokens, all else is unknown: 24 tokens in all."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<end>", "<unk>", *MOVES, *"0123456789(),"]
    rust = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>"))
    pattern = Regex(r"<action>\w+</action>|[0-9(),]")
    rust.pre_tokenizer = pre_tokenizers.Split(pattern, behavior="isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=rust, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )


def byte_tokenizer(template: str) -> Any:
    """A byte-level tokenizer with the special tokens of ChatML."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    rust = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=rust, pad_token="<|endoftext|>", eos_token="<|im_end|>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = template
    return tokenizer


def tiny_model(vocab_size: int, *, hidden_size: int = 32) -> Any:
    """A Llama of two layers with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.random.fork_rng():
        torch.random.default_generator.manual_seed(0)
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=vocab_size,
                hidden_size=hidden_size,
                intermediate_size=2 * hidden_size,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=4096,
                pad_token_id=0,
                bos_token_id=None,
                eos_token_id=1,
            )
        )


def tool_template() -> str:
    """Qwen3's chat template, as TRL has it."""
    trl = pytest.importorskip("trl")
    return (Path(trl.__path__[0]) / "chat_templates" / "qwen3.jinja").read_text()
