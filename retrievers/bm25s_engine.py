"""The fast BM25 engine: bm25s's eager index, summed in float64.

bm25s (Lù, 2024) computes the weight of every term in every passage once, in advance, and a query
only adds columns of a sparse matrix. Its index, its files and its memory maps are used as they are;
`llmenvs.retrievers.bm25s_builder` fills the matrix. The columns are summed here, in float64, which
takes no longer than in bm25s and makes the scores those of the reference.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import bm25s  # type: ignore[import-untyped]  # it ships no types
import numpy as np
from numpy.typing import NDArray

from llmenvs.retrievers.bm25s_builder import (
    Columns,
    Counts,
    Formula,
    columns,
    count,
    formula,
    write_columns,
)

_FOLDER = "bm25s"
_DATA_FILE = "data.csc.index.npy"
_INDICES_FILE = "indices.csc.index.npy"


class BM25SEngine:
    """Scores every passage with the columns of one `bm25s.BM25`.

    Args:
        index: whose ``scores`` and ``vocab_dict`` are set.
    """

    def __init__(self, index: bm25s.BM25) -> None:
        self.index = index
        # Plain views: slicing a numpy.memmap costs more than summing a short column.
        self._data, self._indices, self._indptr = (
            np.asarray(index.scores[name]) for name in ("data", "indices", "indptr")
        )
        # A weight has the sign of its term's idf, so the first of each column tells them all.
        self._some_weights_are_not_positive = index.dtype == "float64" and bool(
            (self._data[self._indptr[:-1]] <= 0).any()
        )

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return the score (D,) of every passage."""
        num_passages: int = self.index.scores["num_docs"]
        # A repeated term is added once, times its count: a query costs what its distinct terms do.
        counts = Counter(self._tokens(terms))
        if not counts:
            return np.zeros(num_passages)
        parts = [self._column(token) for token in counts]
        weights = [
            self._data[part] if number == 1 else self._data[part].astype(np.float64) * number
            for part, number in zip(parts, counts.values(), strict=True)
        ]
        positions = np.concatenate([self._indices[part] for part in parts])
        sums = np.bincount(positions, np.concatenate(weights), minlength=num_passages)
        return sums.astype(np.float64, copy=False)

    def matches(self, terms: Sequence[str]) -> NDArray[np.intp] | None:
        """Return the positions that share a term, or None if those are the positive scores."""
        if not self._some_weights_are_not_positive:
            return None
        found = [self._indices[self._column(token)] for token in set(self._tokens(terms))]
        return np.unique(np.concatenate([np.zeros(0, np.intp), *found]))

    def _tokens(self, terms: Sequence[str]) -> list[int]:
        vocabulary = self.index.vocab_dict
        return [vocabulary[term] for term in terms if term in vocabulary]

    def _column(self, token: int) -> slice:
        return slice(self._indptr[token], self._indptr[token + 1])


def build(documents: Iterable[Sequence[str]], *, method: str, k1: float, b: float) -> BM25SEngine:
    """Index ``documents``, the terms of each passage, in memory."""
    counts = count(documents)
    factors = formula(counts, method=method, k1=k1, b=b)
    return BM25SEngine(_index(counts, factors, columns(counts, factors)))


def build_in(
    folder: Path, documents: Iterable[Sequence[str]], *, method: str, k1: float, b: float
) -> None:
    """Index ``documents`` into ``folder``, where `load` finds it, without its matrix in memory."""
    counts = count(documents)
    factors = formula(counts, method=method, k1=k1, b=b)
    none = np.zeros(0, np.float32), np.zeros(0, np.int32)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts.df)])
    # bm25s writes all but the two large arrays, which then replace the empty ones.
    index = _index(counts, factors, Columns(*none, indptr))
    index.save(folder / _FOLDER, show_progress=False)
    write_columns(
        counts,
        factors,
        data=folder / _FOLDER / _DATA_FILE,
        indices=folder / _FOLDER / _INDICES_FILE,
    )


def save(engine: BM25SEngine, folder: Path) -> None:
    """Write the index into ``folder``, where `load` finds it."""
    engine.index.save(folder / _FOLDER, show_progress=False)


def load(folder: Path, *, mmap: bool) -> BM25SEngine:
    """Return the index in ``folder``; its arrays stay on disk where ``mmap`` is set."""
    return BM25SEngine(bm25s.BM25.load(folder / _FOLDER, mmap=mmap, show_progress=False))


def _index(counts: Counts, factors: Formula, matrix: Columns) -> bm25s.BM25:
    index = bm25s.BM25(dtype=factors.dtype)
    index.nonoccurrence_array = None
    index.vocab_dict = counts.vocabulary
    index.scores = {**matrix._asdict(), "num_docs": len(counts.lengths)}
    return index
