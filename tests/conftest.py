"""Fixtures shared by all tests."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from llmenvs.tokenizers import ByteTokenizer, Tokenizer, as_tokenizer

SHARED = Path(__file__).parent.parent.parent / "shared"

CORPUS = [
    "You walk on a grid of 4 by 4 cells (x, y); (0, 0) is the bottom left one.\n",
    "Answer with <action>up</action>, down, left or right. You have 20 moves.\n",
    "<action>up</action>\nYou are at (0, 1).\n<action>right</action>\nYou are at (1, 1).\n",
] * 4


def pytest_configure(config: pytest.Config) -> None:
    """Speed is measured in benchmarks, not asserted; small tensors are faster with one thread."""
    hypothesis.settings.register_profile("llmenvs", deadline=None)
    hypothesis.settings.load_profile("llmenvs")
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)


def word_bpe() -> Tokenizer:
    """A BPE over words, trained here; characters that it never saw become its unknown token."""
    from tokenizers import Tokenizer as Rust
    from tokenizers import decoders, models, pre_tokenizers, trainers

    rust = Rust(models.BPE(unk_token="<unk>"))
    rust.pre_tokenizer = pre_tokenizers.Metaspace()
    rust.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=200, special_tokens=["<unk>", "<|end|>"], show_progress=False
    )
    rust.train_from_iterator(CORPUS, trainer)
    return as_tokenizer(rust)


def boundary_crossing_bpe() -> Tokenizer:
    """A byte-level BPE with tokens such as ``>\\nYou``, which joined text has and its parts not.

    Encoding a transcript as one text gives other tokens than its segments did, so an environment
    that encodes again cannot pass with it.
    """
    from tokenizers import Tokenizer as Rust
    from tokenizers import decoders, models, pre_tokenizers, trainers

    rust = Rust(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    rust.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rust.train_from_iterator(["</action>\nYou are at (0, 1).\n<action>"] * 20, trainer)
    return as_tokenizer(rust)


TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "bytes": ByteTokenizer,
    "word-bpe": word_bpe,
    "boundary-crossing-bpe": boundary_crossing_bpe,
}


@pytest.fixture(params=TOKENIZERS)
def any_tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """Each of three tokenizers that differ in what the joints of texts do to them."""
    make: Callable[[], Any] = TOKENIZERS[request.param]
    tokenizer: Tokenizer = make()
    return tokenizer


@pytest.fixture
def crossing_tokenizer() -> Tokenizer:
    """The tokenizer whose merges cross the boundaries of segments."""
    return boundary_crossing_bpe()


@pytest.fixture
def shared() -> Path:
    """The folder of labelled cases and anchors, where it lies beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder shared/ beside the checkout")
    return SHARED
