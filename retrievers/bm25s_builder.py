"""Filling bm25s's matrix of weights in bounded memory.

bm25s's own builder holds some 40 bytes for each distinct term of each passage, and knows no okapi
with rank_bm25's floor. Here passages are counted in chunks, with some 5 bytes for each, and the
weights are then computed for a range of terms at a time, in float64, into memory or into the files
that bm25s reads. P counts the distinct terms of passages, V terms, D passages.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_CHUNK = 512
"""Passages that are counted at once; their offsets and sizes fit two bytes."""
_RANGE = 2**17
"""Weights that are computed at once, but for a term that has more, or for a large corpus."""
_MAX_RANGES = 64
EPSILON = 0.25
"""The floor of okapi's idf, as a share of the mean idf; rank_bm25's default."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The term frequencies of some passages, in the order of the terms and then of the passages.

    Attributes:
        first: the position of the chunk's first passage.
        tokens: (U,) the numbers of its terms, rising.
        starts: (U + 1,) where each term's passages begin.
        frequencies: (P,) how often the term comes in the passage, in as few bytes as hold them.
        offsets: (P,) the passages, counted from ``first``.
    """

    first: int
    tokens: NDArray[np.int32]
    starts: NDArray[np.int32]
    frequencies: NDArray[np.unsignedinteger]
    offsets: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a corpus holds.

    Attributes:
        vocabulary: the number of each term, in the order of first sight.
        df: (V,) how many passages hold each term.
        lengths: (D,) how many terms each passage has.
        chunks: the term frequencies.
    """

    vocabulary: dict[str, int]
    df: NDArray[np.int64]
    lengths: NDArray[np.int64]
    chunks: Sequence[_Chunk]


class Formula(NamedTuple):
    """The two factors of a weight that depend on the corpus, and the type that weights are kept in.

    Attributes:
        idf: (V,), okapi's with its factor k1 + 1.
        norms: (D,), what is added to the frequency in the denominator.
        dtype: float32 for ``"lucene"``, float64 for ``"okapi"``.
    """

    idf: NDArray[np.float64]
    norms: NDArray[np.float64]
    dtype: str


class Columns(NamedTuple):
    """bm25s's matrix: a column for each term, the passages rising in it.

    Attributes:
        data: (P,) weights.
        indices: (P,) passages.
        indptr: (V + 1,) where each column begins.
    """

    data: NDArray[np.floating]
    indices: NDArray[np.int32]
    indptr: NDArray[np.int64]


def count(documents: Iterable[Sequence[str]]) -> Counts:
    """Count the terms of each of ``documents``, which are read once."""
    vocabulary: dict[str, int] = {}
    lengths = array("q")
    chunks: list[_Chunk] = []
    remaining = iter(documents)
    while part := list(islice(remaining, _CHUNK)):
        chunks.append(_count_chunk(part, vocabulary, first=len(lengths)))
        lengths.extend(map(len, part))
    df = np.zeros(len(vocabulary), np.int64)
    for chunk in chunks:
        df[chunk.tokens] += np.diff(chunk.starts)
    return Counts(vocabulary, df, np.array(lengths, np.int64), chunks)


def formula(counts: Counts, *, method: str, k1: float, b: float) -> Formula:
    """Return the factors of ``method``, see `llmenvs.retrievers.bm25`."""
    num_passages, df = len(counts.lengths), counts.df
    mean_length = max(1, counts.lengths.sum()) / max(1, num_passages)
    norms = k1 * (1 - b + b * counts.lengths / mean_length)
    if method == "lucene":
        return Formula(np.log1p((num_passages - df + 0.5) / (df + 0.5)), norms, "float32")
    idf = np.log(num_passages - df + 0.5) - np.log(df + 0.5)
    floor = EPSILON * idf.mean() if len(idf) else 0.0
    return Formula((k1 + 1) * np.where(idf < 0, floor, idf), norms, "float64")


def columns(counts: Counts, factors: Formula) -> Columns:
    """Return the matrix in memory."""
    indptr = _starts(counts)
    data, indices = np.empty(indptr[-1], factors.dtype), np.empty(indptr[-1], np.int32)
    first = 0
    for weights, positions in _ranges(counts, factors, indptr):
        last = first + len(weights)
        data[first:last], indices[first:last] = weights, positions
        first = last
    return Columns(data, indices, indptr)


def write_columns(counts: Counts, factors: Formula, *, data: Path, indices: Path) -> None:
    """Write the matrix, less ``indptr``, to two ``.npy`` files, a range of terms at a time."""
    indptr = _starts(counts)
    with data.open("wb") as data_file, indices.open("wb") as indices_file:
        for file, dtype in ((data_file, factors.dtype), (indices_file, "int32")):
            shape = (int(indptr[-1]),)
            header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
        for weights, positions in _ranges(counts, factors, indptr):
            weights.astype(factors.dtype).tofile(data_file)
            positions.tofile(indices_file)


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
    distinct, sizes = np.unique(tokens, return_counts=True)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]).astype(np.int32)
    smallest = np.min_scalar_type(frequencies.max(initial=0))
    return _Chunk(first, distinct, starts, frequencies[order].astype(smallest), offsets[order])


def _starts(counts: Counts) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts.df)])


def _ranges(
    counts: Counts, factors: Formula, indptr: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int32]]]:
    """Yield the weights and the passages of ranges of terms that make up all columns in order."""
    size = max(_RANGE, int(indptr[-1]) // _MAX_RANGES)
    first = 0
    while first < len(counts.vocabulary):
        # The last term whose column ends within the range, but at least one.
        last = int(np.searchsorted(indptr, indptr[first] + size, side="right")) - 1
        last = max(last, first + 1)
        yield _range(counts, factors, first, last)
        first = last


def _range(
    counts: Counts, factors: Formula, first: int, last: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the columns of the terms from ``first`` to before ``last``, one after the other."""
    tokens, weights, positions = [], [], []
    for chunk in counts.chunks:
        start, stop = np.searchsorted(chunk.tokens, (first, last))
        part = slice(chunk.starts[start], chunk.starts[stop])
        sizes = np.diff(chunk.starts[start : stop + 1])
        here = chunk.first + chunk.offsets[part].astype(np.int32)
        tf = chunk.frequencies[part].astype(np.float64)
        idf = np.repeat(factors.idf[chunk.tokens[start:stop]], sizes)
        tokens.append(np.repeat(chunk.tokens[start:stop], sizes))
        weights.append(idf * (tf / (tf + factors.norms[here])))
        positions.append(here)
    order = np.argsort(np.concatenate(tokens), kind="stable")
    return np.concatenate(weights)[order], np.concatenate(positions)[order]
