"""Vector search with FAISS: exact, by graph, or compressed.

==========  ====================================  =========================================
kind        FAISS                                 for
==========  ====================================  =========================================
``flat``    ``IndexFlatIP``                       exact; every query reads every vector
``hnsw``    ``IndexHNSWFlat``, inner product      ten to a hundred times faster, recall > 0.95
``ivfpq``   ``IndexIVFPQ``, inner product         millions of passages in little memory
==========  ====================================  =========================================

Vectors have unit length, so that the inner product is the cosine. FAISS finds the candidates of
``flat`` and ``hnsw``; their scores are then computed again one by one, because FAISS adds up in
another order for a batch than for one query, and leaves the order of equal scores open. Shards are
(S, D), queries (B, D).

Source: Malkov and Yashunin (2016) for HNSW, Jégou et al. (2011) for IVF-PQ.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

faiss: Any = _faiss  # its stubs lack the search parameters, and get_xb of a downcast index

Kind = Literal["flat", "hnsw", "ivfpq"]
_SPARE = 8
"""Candidates fetched beyond k: among equal scores, FAISS may return any."""
_EPSILON = 1e-5
"""How far FAISS's float32 inner product of unit vectors may be off."""
_QUERIES = 64
"""Queries whose candidates are scored again at once."""
_MIN_IVFPQ = 39 * 256
"""Vectors that FAISS wants for training the 256 codes of a product quantizer."""


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """How vectors are indexed.

    Attributes:
        kind: see the module.
        neighbors: hnsw: links of a node.
        ef_construction: hnsw: candidates kept while a node is linked.
        ef_search: hnsw: candidates kept while searching; more is slower and finds more.
        build_threads: hnsw: with more than one the graph differs from build to build.
        code_bytes: ivfpq: bytes a vector; divides the dimension.
        num_probes: ivfpq: lists searched, of about 4 * sqrt(D).

    Raises:
        ValueError: there is no such kind, or a number is below 1.
    """

    kind: Kind
    neighbors: int = 32
    ef_construction: int = 100
    ef_search: int = 96
    build_threads: int = 1
    code_bytes: int = 48
    num_probes: int = 32

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {get_args(Kind)}, got {self.kind!r}")
        for name in self.__slots__[1:]:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


class Found(NamedTuple):
    """What one query found: (H,) positions and scores, best first."""

    positions: NDArray[np.int64]
    scores: NDArray[np.float32]


class VectorIndex:
    """A FAISS index that answers the same for a query alone and in a batch, ties in order.

    Args:
        index: a trained and filled FAISS index.
        settings: what it was built with.
    """

    def __init__(self, index: Any, settings: IndexSettings) -> None:
        self.index = index
        self.settings = settings
        self._vectors = None if settings.kind == "ivfpq" else _stored_vectors(index)

    def search(self, queries: NDArray[np.float32], k: int) -> list[Found]:
        """Return what each query (B, D) found, at most ``k`` vectors each."""
        return self._search(queries, k, k + _SPARE)

    def _search(self, queries: NDArray[np.float32], k: int, fetch: int) -> list[Found]:
        """Search with ``fetch`` candidates, and again with more where the k-th may be tied."""
        fetch = min(fetch, self.index.ntotal)
        if fetch == 0:
            return [Found(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in queries]
        rough, candidates = self.index.search(queries, fetch, params=self._parameters(fetch))
        vectors = self._vectors
        scores = rough if vectors is None else _inner_products(vectors, queries, candidates)
        found: list[Found] = []
        for row, query in enumerate(queries):
            order = np.lexsort((candidates[row], -scores[row]))
            order = order[candidates[row][order] >= 0][:k]  # -1 where a graph found no more
            one = Found(candidates[row][order], scores[row][order])
            cut = vectors is not None and fetch < self.index.ntotal and len(order) == k
            if cut and rough[row, -1] > one.scores[-1] - _EPSILON:
                (one,) = self._search(query[None], k, 4 * fetch)
            found.append(one)
        return found

    def _parameters(self, fetch: int) -> Any:
        if self.settings.kind == "hnsw":
            return faiss.SearchParametersHNSW(efSearch=max(self.settings.ef_search, fetch))
        if self.settings.kind == "ivfpq":
            return faiss.SearchParametersIVF(nprobe=self.settings.num_probes)
        return None

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        faiss.write_index(self.index, str(path))

    @classmethod
    def load(cls, path: Path, settings: IndexSettings, *, mmap: bool) -> "VectorIndex":
        """Return the index in ``path``, which stays on disk where ``mmap`` is set."""
        flags = faiss.IO_FLAG_MMAP_IFC if mmap else 0
        return cls(faiss.read_index(str(path), flags), settings)


def choose_kind(num_passages: int) -> Kind:
    """Return the kind for a corpus of this size, where the caller has not chosen.

    >>> [choose_kind(n) for n in (10_000, 500_000, 21_000_000)]
    ['flat', 'hnsw', 'ivfpq']
    """
    if num_passages <= 100_000:
        return "flat"
    return "hnsw" if num_passages <= 2_000_000 else "ivfpq"


def build_index(
    shards: Iterable[NDArray[np.float32]],
    *,
    dimension: int,
    num_passages: int,
    settings: IndexSettings,
) -> VectorIndex:
    """Index vectors of unit length.

    Args:
        shards: the vectors (S, D) in order; read twice for ``ivfpq``.
        dimension: D.
        num_passages: how many vectors the shards hold.
        settings: how.

    Raises:
        ValueError: ``ivfpq`` is asked for with too few passages or for a dimension that
            ``code_bytes`` does not divide.
    """
    if settings.kind == "flat":
        index = faiss.IndexFlatIP(dimension)
    elif settings.kind == "hnsw":
        index = faiss.IndexHNSWFlat(dimension, settings.neighbors, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = settings.ef_construction
    else:
        index = _trained_ivfpq(shards, dimension, num_passages, settings)
    with _threads(settings.build_threads):
        for shard in shards:
            index.add(np.ascontiguousarray(shard, np.float32))
    return VectorIndex(index, settings)


def _trained_ivfpq(
    shards: Iterable[NDArray[np.float32]],
    dimension: int,
    num_passages: int,
    settings: IndexSettings,
) -> Any:
    if num_passages < _MIN_IVFPQ:
        raise ValueError(f"ivfpq needs at least {_MIN_IVFPQ} passages, got {num_passages}")
    if dimension % settings.code_bytes:
        raise ValueError(f"{settings.code_bytes=} must divide the dimension, got {dimension}")
    num_lists = min(int(4 * num_passages**0.5), num_passages // 39)
    index = faiss.index_factory(
        dimension, f"IVF{num_lists},PQ{settings.code_bytes}", faiss.METRIC_INNER_PRODUCT
    )
    wanted = min(num_passages, 64 * max(num_lists, 256))
    chosen = np.sort(np.random.default_rng(0).choice(num_passages, wanted, replace=False))
    sample: list[NDArray[np.float32]] = []
    first = 0
    for shard in shards:
        here = chosen[(chosen >= first) & (chosen < first + len(shard))]
        sample.append(shard[here - first])
        first += len(shard)
    index.train(np.concatenate(sample))
    return index


def _inner_products(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the scores (B, C) of each query's candidates, each summed by itself in float64."""
    scores = np.empty(candidates.shape, np.float32)
    for start in range(0, len(queries), _QUERIES):
        part = slice(start, start + _QUERIES)
        products = vectors[candidates[part]] * queries[part, None, :]  # (B, C, dimension)
        scores[part] = products.sum(axis=2, dtype=np.float64)
    return scores


def _stored_vectors(index: Any) -> NDArray[np.float32]:
    """Return the vectors (D, dimension) that a flat index, or the one below a graph, holds."""
    flat = faiss.downcast_index(index.storage) if hasattr(index, "storage") else index
    size = flat.ntotal * flat.d
    vectors: NDArray[np.float32] = np.zeros(0, np.float32)
    if size:
        vectors = faiss.rev_swig_ptr(flat.get_xb(), size)
    return vectors.reshape(flat.ntotal, flat.d)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(number)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
