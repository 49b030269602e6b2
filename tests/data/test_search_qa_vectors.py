"""Vectors of the bundled corpus are made once, kept small, and never used when stale."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llmenvs.data.search_qa import load_corpus
from llmenvs.data.search_qa.vectors import dense_retriever, hybrid_retriever


class CountingEncoder:
    """Letters counted: the same text has the same vector. It says how many passages it encoded."""

    dimension = 26

    def __init__(self, name: str = "letters") -> None:
        self.num_encoded = 0
        self._name = name

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"model": self._name}

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        counts = np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts])
        lengths = np.linalg.norm(counts + 0.01, axis=1, keepdims=True)
        vectors: NDArray[np.float32] = ((counts + 0.01) / lengths).astype(np.float32)
        return vectors

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.num_encoded += len(texts)
        return self.encode_queries(texts)


def test_vectors_are_made_once_and_kept_small(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    first = dense_retriever(tmp_path, encoder=encoder, show_progress=False)
    encoder.num_encoded, made = 0, encoder.num_encoded
    second = dense_retriever(tmp_path, encoder=encoder, show_progress=False)
    query = load_corpus()[5].indexed_text

    assert (made, encoder.num_encoded) == (len(load_corpus()), 0)
    assert np.load(tmp_path / "vectors.npy").dtype == np.float16
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vectors.json", "vectors.npy"]
    assert first.search([query], 3) == second.search([query], 3)
    assert second.search([query], 3)[0][0].passage_id == load_corpus()[5].passage_id


def test_vectors_of_another_encoder_or_of_a_broken_file_are_made_again(tmp_path: Path) -> None:
    dense_retriever(tmp_path, encoder=CountingEncoder(), show_progress=False)
    other = CountingEncoder("others")
    dense_retriever(tmp_path, encoder=other, show_progress=False)
    (tmp_path / "vectors.json").write_text("{")
    again = CountingEncoder("others")
    dense_retriever(tmp_path, encoder=again, show_progress=False)

    assert other.num_encoded == again.num_encoded == len(load_corpus())


def test_progress_is_shown_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hybrid = hybrid_retriever(tmp_path, encoder=CountingEncoder())
    shown = capsys.readouterr()

    assert shown.out == ""
    assert "encoding passages" in shown.err
    assert hybrid.search(["Which city does Riga International Airport serve?"], 3)[0]
