"""`BM25Retriever`: one formula, two engines.

The score of passage d for query q is the sum over the terms t of q, each as often as it comes, of

    lucene  log(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + norm)
    okapi   idf(t) * tf * (k1 + 1) / (tf + norm),  norm = k1 * (1 - b + b * |d| / avgdl),

with N passages, df of them holding t, tf occurrences of t in d, and avgdl the mean length in terms.
Okapi's idf is log((N - df + 0.5) / (df + 0.5)), and where that is negative (the term is in more
than half of the passages) it is a quarter of the mean idf of all terms instead.

The engine ``"bm25s"`` sums weights that were computed when the corpus was indexed, and leaves its
index on disk if asked to; ``"rank-bm25"`` is the readable reference, slow and in memory.

Source: "lucene" is "Lucene (accurate)" of Kamphuis et al., "Which BM25 do you mean?" (ECIR 2020),
Table 1; "okapi" is `rank_bm25.BM25Okapi` with its default epsilon.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Protocol, Self, get_args

import numpy as np
from numpy.typing import NDArray

from llmenvs.retrievers.manifest import (
    IndexMismatchError,
    new_directory,
    read_manifest,
    write_manifest,
)
from llmenvs.retrievers.optional import import_extra
from llmenvs.retrievers.passages import (
    PASSAGES_FILE,
    PassageStore,
    as_corpus,
    corpus_hash,
    write_passages,
)
from llmenvs.retrievers.ranking import best_first, top_k
from llmenvs.retrievers.retriever import Hit, Passage, check_search
from llmenvs.retrievers.tokenization import WordTokenizer

Terms = Sequence[str]
Method = Literal["lucene", "okapi"]
Engine = Literal["bm25s", "rank-bm25"]

_ENGINE_MODULES = {
    "bm25s": "llmenvs.retrievers.bm25s_engine",
    "rank-bm25": "llmenvs.retrievers.rank_bm25_engine",
}


class BM25Engine(Protocol):
    """An index over the terms of passages, which scores them all for one query."""

    def scores(self, terms: Terms) -> NDArray[np.float64]:
        """Return the score (D,) of every passage; 0 where it shares no term with the query."""
        ...

    def matches(self, terms: Terms) -> NDArray[np.intp] | None:
        """Return the positions that share a term, rising; None if those are the positive scores."""
        ...


class BM25Retriever:
    """A corpus searched by its words.

    Hits are the passages that share a term with the query; other passages are never returned, not
    even to fill up to k. Make one with `from_passages` or `load`.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        engine: BM25Engine,
        *,
        tokenizer: WordTokenizer,
        settings: Mapping[str, Any],
    ) -> None:
        self.passages = passages
        self.tokenizer = tokenizer
        self.settings = settings
        self._engine = engine

    @classmethod
    def from_passages(
        cls,
        passages: Iterable[Passage],
        *,
        method: Method = "lucene",
        engine: Engine = "bm25s",
        k1: float = 1.5,
        b: float = 0.75,
        tokenizer: WordTokenizer | None = None,
    ) -> Self:
        """Index ``passages``.

        Args:
            passages: the corpus; a sequence is kept as it is and read once, so that a
                `PassageStore` never has to fit into memory.
            method: the formula, see the module.
            engine: what computes it, see the module.
            k1: saturation of the term frequency, at least 0.
            b: how much long passages are discounted, in [0, 1].
            tokenizer: splits passages and queries alike; by default into words, without the stop
                words of English, unstemmed.

        Raises:
            ValueError: an argument is not of the kind above, or two passages have the same id.
            ImportError: the engine's package is not installed.
        """
        tokenizer = tokenizer if tokenizer is not None else WordTokenizer()
        settings = _settings(method, engine, k1, b, tokenizer)
        kept = as_corpus(passages)
        terms = (tokenizer(passage.indexed_text) for passage in kept)
        index = _engine_module(engine).build(terms, method=method, k1=k1, b=b)
        return cls(kept, index, tokenizer=tokenizer, settings=settings)

    @classmethod
    def build(
        cls,
        passages: Iterable[Passage],
        path: str | PathLike[str],
        *,
        method: Method = "lucene",
        k1: float = 1.5,
        b: float = 0.75,
        tokenizer: WordTokenizer | None = None,
    ) -> Self:
        """Index ``passages`` on disk as the index directory ``path``, and load it.

        The corpus is streamed: neither its text nor its index is ever in memory as a whole. The
        arguments are those of `from_passages`; the engine is bm25s.
        """
        with new_directory(path) as folder:
            cls.build_in(folder, passages, method=method, k1=k1, b=b, tokenizer=tokenizer)
        return cls.load(path, verify=False)

    @staticmethod
    def build_in(
        folder: Path,
        passages: Iterable[Passage],
        *,
        method: Method = "lucene",
        k1: float = 1.5,
        b: float = 0.75,
        tokenizer: WordTokenizer | None = None,
    ) -> PassageStore:
        """Write passages and index into ``folder`` and return the passages; see `build`."""
        tokenizer = tokenizer if tokenizer is not None else WordTokenizer()
        settings = _settings(method, "bm25s", k1, b, tokenizer)
        store = write_passages(passages, folder)
        terms = (tokenizer(passage.indexed_text) for passage in store)
        _engine_module("bm25s").build_in(folder, terms, method=method, k1=k1, b=b)
        _describe(folder, settings)
        return store

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Return for each query its at most ``k`` best passages among those that share a term."""
        check_search(queries, k)
        return [self._search_one(query, k) for query in queries]

    def scores(self, query: str) -> NDArray[np.float64]:
        """Return the score (D,) of every passage for ``query``."""
        return self._engine.scores(self.tokenizer(query))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the index directory ``path``, which must not exist yet or be empty."""
        with new_directory(path) as folder:
            self.write(folder)

    def write(self, folder: Path) -> None:
        """Write the index into ``folder``, and its passages unless they are there already."""
        folder.mkdir(parents=True, exist_ok=True)
        if not (isinstance(self.passages, PassageStore) and self.passages.folder == folder):
            write_passages(self.passages, folder)
        if self.settings["engine"] == "bm25s":
            _engine_module("bm25s").save(self._engine, folder)
        _describe(folder, self.settings)

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        *,
        mmap: bool = True,
        verify: bool = True,
        tokenizer: WordTokenizer | None = None,
    ) -> Self:
        """Return the retriever in the index directory ``path``.

        The ``rank-bm25`` engine keeps no index: it is built again from the passages.

        Args:
            path: what `save` or ``llmenvs index build`` wrote.
            mmap: leave passages and arrays on disk, to be read as they are needed.
            verify: compare the hashes of all files, about a second for 1.5 GB.
            tokenizer: what the caller expects the index to be built with; anything by default.

        Raises:
            IndexMismatchError: the directory is not a BM25 index, was changed since it was
                written, or is not of ``tokenizer``.
        """
        folder = Path(path)
        manifest = read_manifest(folder, kind="bm25", verify=verify)
        settings = manifest.settings
        stored = _stored_tokenizer(settings, folder)
        if tokenizer is not None and tokenizer != stored:
            raise IndexMismatchError(f"{folder} was built with {stored}, not with {tokenizer}")
        passages = PassageStore(folder, in_memory=not mmap)
        if len(passages) != manifest.num_passages:
            raise IndexMismatchError(
                f"{folder / PASSAGES_FILE} must hold {manifest.num_passages} passages, "
                f"got {len(passages)}"
            )
        if settings["engine"] == "bm25s":
            engine = _engine_module("bm25s").load(folder, mmap=mmap)
            return cls(passages, engine, tokenizer=stored, settings=settings)
        formula = {name: settings[name] for name in ("method", "engine", "k1", "b")}
        return cls.from_passages(passages, tokenizer=stored, **formula)

    def _search_one(self, query: str, k: int) -> list[Hit]:
        terms = self.tokenizer(query)
        scores = self._engine.scores(terms)
        matches = self._engine.matches(terms)
        if matches is None:
            positions = top_k(scores, k)
        else:
            positions = best_first(scores[matches], matches)[:k]
        return [
            Hit.of(self.passages[position], score=score, position=position)
            for position, score in zip(positions.tolist(), scores[positions].tolist(), strict=True)
        ]


def _settings(
    method: str, engine: str, k1: float, b: float, tokenizer: WordTokenizer
) -> dict[str, Any]:
    """Return what the manifest says of an index, after checking it."""
    if not (k1 >= 0 and math.isfinite(k1) and 0 <= b <= 1):
        raise ValueError(f"need k1 >= 0 and 0 <= b <= 1, got {k1=} and {b=}")
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {get_args(Method)}, got {method!r}")
    if engine not in _ENGINE_MODULES:
        raise ValueError(f"engine must be one of {tuple(_ENGINE_MODULES)}, got {engine!r}")
    formula = {"method": method, "engine": engine, "k1": k1, "b": b}
    return {**formula, "tokenizer": tokenizer.to_dict()}


def _engine_module(engine: str) -> Any:
    return import_extra(_ENGINE_MODULES[engine], extra="search")


def _describe(folder: Path, settings: Mapping[str, Any]) -> None:
    store = PassageStore(folder)
    write_manifest(
        folder,
        kind="bm25",
        num_passages=len(store),
        corpus_sha256=corpus_hash(store),
        settings=settings,
    )


def _stored_tokenizer(settings: Mapping[str, Any], folder: Path) -> WordTokenizer:
    try:
        return WordTokenizer.from_dict(settings["tokenizer"])
    except ValueError as error:
        raise IndexMismatchError(f"{folder}: {error}; build the index again") from error
