"""The fast BM25 engine: bm25s's eager index, built and summed in bounded memory.

bm25s (Lù, 2024) computes the weight of every term in every passage once, in advance, and a query
only adds columns of a sparse matrix. Its index, its files and its memory maps are used as they are.
Two steps are done here: the matrix is filled chunk by chunk, with some 15 bytes for each distinct
term of each passage where bm25s's builder needs 40 (nor has it okapi with rank_bm25's floor), and
the columns are summed in float64, which costs no time and makes the scores those of
the reference. Weights are kept as float32 for the method ``"lucene"``, float64 for ``"okapi"``.
"""

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import bm25s  # type: ignore[import-untyped]  # it ships no types
import numpy as np
from numpy.typing import NDArray

_FOLDER = "bm25s"
_CHUNK = 512
"""Passages that are counted, and later weighed, at once; their offsets fit two bytes."""
EPSILON = 0.25
"""The floor of okapi's idf, as a share of the mean idf; rank_bm25's default."""


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
        self._some_weights_are_not_positive = bool((self._data[self._indptr[:-1]] <= 0).any())

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return the score (D,) of every passage."""
        num_passages: int = self.index.scores["num_docs"]
        # A repeated term is added once, times its count: a query costs what its distinct terms do.
        counts = Counter(self._tokens(terms))
        if not counts:
            return np.zeros(num_passages)
        columns = [self._column(token) for token in counts]
        weights = [
            self._data[column] if count == 1 else self._data[column].astype(np.float64) * count
            for column, count in zip(columns, counts.values(), strict=True)
        ]
        positions = np.concatenate([self._indices[column] for column in columns])
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
    """Index ``documents``, the terms of each passage, which are read once."""
    counts = _count(documents)
    if method == "okapi":
        idf, dtype = (k1 + 1) * _okapi_idf(counts), "float64"
    else:
        idf, dtype = _lucene_idf(counts), "float32"
    mean_length = max(1, counts.lengths.sum()) / max(1, len(counts.lengths))
    norms = k1 * (1 - b + b * counts.lengths / mean_length)
    index = bm25s.BM25(k1=k1, b=b, dtype=dtype, method="lucene")
    index.nonoccurrence_array = None
    index.vocab_dict = counts.vocabulary
    index.scores = _columns(counts, idf, norms, dtype)
    return BM25SEngine(index)


def save(engine: BM25SEngine, folder: Path) -> None:
    """Write the index into a folder of ``folder``."""
    engine.index.save(folder / _FOLDER, show_progress=False)


def load(folder: Path, *, mmap: bool) -> BM25SEngine:
    """Return the index in ``folder``; its arrays stay on disk where ``mmap`` is set."""
    return BM25SEngine(bm25s.BM25.load(folder / _FOLDER, mmap=mmap, show_progress=False))


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The term frequencies of some passages, in the order of the terms and then of the passages.

    Attributes:
        first: the position of the chunk's first passage.
        tokens: (P,) the terms' numbers.
        frequencies: (P,) how often each comes in its passage, in as few bytes as hold them.
        offsets: (P,) the passages, counted from ``first``.
    """

    first: int
    tokens: NDArray[np.int32]
    frequencies: NDArray[np.unsignedinteger]
    offsets: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class _Counts:
    """What a corpus holds.

    Attributes:
        vocabulary: the number of each term, in the order of first sight.
        df: (V,) how many passages hold each term.
        lengths: (D,) how many terms each passage has.
        chunks: the term frequencies; taken out as they are used, to free their memory.
    """

    vocabulary: dict[str, int]
    df: NDArray[np.int64]
    lengths: NDArray[np.int64]
    chunks: deque[_Chunk]


def _count(documents: Iterable[Sequence[str]]) -> _Counts:
    vocabulary: dict[str, int] = {}
    lengths = array("q")
    chunks: deque[_Chunk] = deque()
    remaining = iter(documents)
    while part := list(islice(remaining, _CHUNK)):
        chunks.append(_count_chunk(part, vocabulary, first=len(lengths)))
        lengths.extend(map(len, part))
    df = np.zeros(len(vocabulary), np.int64)
    for chunk in chunks:
        np.add.at(df, chunk.tokens, 1)
    return _Counts(vocabulary, df, np.array(lengths, np.int64), chunks)


def _count_chunk(
    documents: Sequence[Sequence[str]], vocabulary: dict[str, int], *, first: int
) -> _Chunk:
    counters = [Counter(terms) for terms in documents]
    tokens = np.array(
        [vocabulary.setdefault(term, len(vocabulary)) for counter in counters for term in counter],
        np.int32,
    )
    frequencies = np.array([n for counter in counters for n in counter.values()], np.uint32)
    offsets = np.repeat(np.arange(len(counters), dtype=np.uint16), [len(c) for c in counters])
    order = np.argsort(tokens, kind="stable")
    smallest = np.min_scalar_type(frequencies.max(initial=0))
    return _Chunk(first, tokens[order], frequencies[order].astype(smallest), offsets[order])


def _columns(
    counts: _Counts, idf: NDArray[np.float64], norms: NDArray[np.float64], dtype: str
) -> dict[str, object]:
    """Return bm25s's matrix of weights: a column for each term (V,), passages rising in it."""
    indptr = np.zeros(len(counts.vocabulary) + 1, np.int64)
    np.cumsum(counts.df, out=indptr[1:])
    heads = indptr[:-1].copy()  # where the next passage of each term goes
    data = np.empty(indptr[-1], dtype)
    indices = np.empty(indptr[-1], np.int32)
    while counts.chunks:
        chunk = counts.chunks.popleft()
        tokens, starts, sizes = np.unique(chunk.tokens, return_index=True, return_counts=True)
        within = np.arange(len(chunk.tokens)) - np.repeat(starts, sizes)
        places = np.repeat(heads[tokens], sizes) + within
        heads[tokens] += sizes
        positions = chunk.first + chunk.offsets.astype(np.int32)
        tf = chunk.frequencies.astype(np.float64)
        data[places] = idf[chunk.tokens] * (tf / (tf + norms[positions]))
        indices[places] = positions
    return {"data": data, "indices": indices, "indptr": indptr, "num_docs": len(norms)}


def _lucene_idf(counts: _Counts) -> NDArray[np.float64]:
    return np.log1p((len(counts.lengths) - counts.df + 0.5) / (counts.df + 0.5))


def _okapi_idf(counts: _Counts) -> NDArray[np.float64]:
    idf = np.log(len(counts.lengths) - counts.df + 0.5) - np.log(counts.df + 0.5)
    floor = EPSILON * idf.mean() if len(idf) else 0.0
    return np.where(idf < 0, floor, idf)
