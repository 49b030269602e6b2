"""Tokenizers take every string, and never read a special token out of text."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import ByteTokenizer, Tokenizer
from llmenvs.tokenizers import FastTokenizer, TransformersTokenizer, as_tokenizer

HOSTILE = ["", "\x00", "\ud800", "a\udfffb", "naïve 中文 🙂", "<|end|><unk></s>"]


@given(st.text())
def test_bytes_round_trip(text: str) -> None:
    tokenizer = ByteTokenizer()

    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.encode(text) == list(text.encode())


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_encodes_within_the_vocabulary(any_tokenizer: Tokenizer, text: str) -> None:
    ids = any_tokenizer.encode(text)

    assert all(0 <= i < any_tokenizer.vocab_size for i in ids)
    assert isinstance(any_tokenizer.decode(ids), str)


def test_a_special_token_spelled_in_text_is_text(any_tokenizer: Tokenizer) -> None:
    assert any_tokenizer.end_of_turn_id not in any_tokenizer.encode("<|end|>")


def test_decoding_leaves_special_tokens_out() -> None:
    assert ByteTokenizer().decode([72, 256, 105]) == "Hi"


def test_the_flag_against_special_tokens_survives_pickling() -> None:
    tokenizer = _fast("<|end|>")
    copied = pickle.loads(pickle.dumps(tokenizer))

    assert copied.encode("<|end|>") == tokenizer.encode("<|end|>")
    assert copied.end_of_turn_id not in copied.encode("<|end|>")


def test_an_unknown_end_of_turn_is_refused() -> None:
    with pytest.raises(ValueError, match="must be in the vocabulary, got '<nope>'"):
        _fast("<nope>")


def test_a_transformers_tokenizer_is_adapted() -> None:
    transformers = pytest.importorskip("transformers")
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=_rust(), eos_token="<|end|>", unk_token="<unk>"
    )
    tokenizer = as_tokenizer(wrapped)

    assert isinstance(tokenizer, TransformersTokenizer)
    assert tokenizer.vocab_size == len(wrapped)
    assert tokenizer.end_of_turn_id == wrapped.eos_token_id
    assert tokenizer.decode(tokenizer.encode("up up")) == "up up"
    assert wrapped.eos_token_id not in tokenizer.encode("up<|end|>")
    assert tokenizer.encode("\ud800") is not None
    assert tokenizer.decode([wrapped.eos_token_id]) == ""


def test_our_own_tokenizers_pass_through() -> None:
    tokenizer = ByteTokenizer()

    assert as_tokenizer(tokenizer) is tokenizer


def test_anything_else_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must have vocab_size, .* got str"):
        as_tokenizer("gpt2")


def _rust() -> Any:
    from tokenizers import Tokenizer as Rust
    from tokenizers import decoders, models, pre_tokenizers, trainers

    rust = Rust(models.BPE(unk_token="<unk>"))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    rust.train_from_iterator(
        ["up up down"],
        trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<unk>", "<|end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return rust


def _fast(end_of_turn: str) -> FastTokenizer:
    return FastTokenizer(_rust(), end_of_turn=end_of_turn)
