"""`DenseRetriever`: passages by the inner product of vectors, through FAISS.

Two passages with the same vector are equal and come in the order of the corpus. A query without a
visible character has no hits; any other query has as many as were asked for, as every passage is
near to it in some degree.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from llmenvs.retrievers.encoders import Encoder, encoder_from_settings
from llmenvs.retrievers.manifest import (
    IndexMismatchError,
    new_directory,
    read_manifest,
    write_manifest,
)
from llmenvs.retrievers.optional import import_extra
from llmenvs.retrievers.passages import PassageStore, as_corpus, corpus_hash, write_passages
from llmenvs.retrievers.retriever import Hit, Passage, check_search
from llmenvs.retrievers.vectors import Progress, encode_all, encode_shards

if TYPE_CHECKING:
    from llmenvs.retrievers.faiss_index import IndexSettings, Kind, VectorIndex

_INDEX_FILE = "index.faiss"
VECTORS_FOLDER = "vectors"
"""Where a build keeps vectors until they are indexed."""


class DenseRetriever:
    """A corpus searched by meaning.

    Make one with `from_passages`, `from_vectors`, `build` or `load`.

    Args:
        passages: the corpus.
        index: its vectors, in the same order.
        encoder: what made them, and makes those of the queries.
    """

    def __init__(
        self, passages: Sequence[Passage], index: "VectorIndex", *, encoder: Encoder
    ) -> None:
        if index.index.ntotal != len(passages):
            raise ValueError(f"need a vector a passage, got {index.index.ntotal}, {len(passages)}")
        self.passages = passages
        self.encoder = encoder
        self._index = index

    @classmethod
    def from_passages(
        cls,
        passages: Iterable[Passage],
        *,
        encoder: Encoder,
        index: "Kind | IndexSettings | None" = None,
        vectors_folder: Path | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Encode and index ``passages``.

        Args:
            passages: the corpus.
            encoder: makes the vectors.
            index: how they are searched; by default exactly up to 100,000 passages, by a graph up
                to 2 million, compressed beyond.
            vectors_folder: keeps the vectors on disk until they are indexed; a call that was
                killed goes on from its last file when it is made again. By default in memory.
            progress: called with the passages encoded and their total.
        """
        kept = as_corpus(passages)
        shards: Iterable[NDArray[np.float32]]
        if vectors_folder is None:
            shards = encode_all(kept, encoder, progress=progress)
        else:
            shards = encode_shards(
                kept,
                encoder,
                vectors_folder,
                corpus_sha256=corpus_hash(kept),
                progress=progress,
            )
        return cls(kept, _indexed(shards, kept, encoder, index), encoder=encoder)

    @classmethod
    def from_vectors(
        cls,
        passages: Sequence[Passage],
        vectors: NDArray[np.floating],
        *,
        encoder: Encoder,
        index: "Kind | IndexSettings | None" = None,
    ) -> Self:
        """Index vectors (D, dimension) that ``encoder`` made before; they are brought to length 1.

        Raises:
            ValueError: the vectors are of another shape, or one is zero or not finite.
        """
        expected = (len(passages), encoder.dimension)
        if vectors.shape != expected:
            raise ValueError(f"vectors must have the shape {expected}, got {vectors.shape}")
        lengths = np.linalg.norm(vectors.astype(np.float32), axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise ValueError("vectors must be finite and not zero")
        shards = [(vectors / lengths).astype(np.float32)]
        corpus = as_corpus(passages)
        return cls(corpus, _indexed(shards, corpus, encoder, index), encoder=encoder)

    @classmethod
    def build(
        cls,
        passages: Iterable[Passage],
        path: str | PathLike[str],
        *,
        encoder: Encoder,
        index: "Kind | IndexSettings | None" = None,
        progress: Progress | None = None,
    ) -> Self:
        """Encode and index ``passages`` on disk as the index directory ``path``, and load it.

        The corpus is streamed and the vectors go to disk shard by shard: a build that was killed
        goes on from its last shard when it is called again.
        """
        with new_directory(path, resume=True) as folder:
            store = write_passages(passages, folder)
            vectors = folder / VECTORS_FOLDER
            cls.from_passages(
                store, encoder=encoder, index=index, vectors_folder=vectors, progress=progress
            ).write(folder)
        return cls.load(path, encoder=encoder, verify=False)

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Return for each query its ``k`` nearest passages; none for a blank query."""
        check_search(queries, k)
        asked = [row for row, query in enumerate(queries) if query.strip()]
        results: list[list[Hit]] = [[] for _ in queries]
        if asked and len(self.passages):
            vectors = self.encoder.encode_queries([queries[row] for row in asked])
            for row, hits in zip(asked, self.search_vectors(vectors, k), strict=True):
                results[row] = hits
        return results

    def search_vectors(self, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        """Return for each of the unit ``vectors`` (B, dimension) its ``k`` nearest passages."""
        check_search((), k)
        queries = np.ascontiguousarray(vectors, np.float32)
        return [
            [
                Hit.of(self.passages[position], score=score, position=position)
                for position, score in zip(
                    found.positions.tolist(), found.scores.tolist(), strict=True
                )
            ]
            for found in self._index.search(queries, k)
        ]

    def save(self, path: str | PathLike[str]) -> None:
        """Write the index directory ``path``, which must not exist yet or be empty."""
        with new_directory(path) as folder:
            self.write(folder)

    def write(self, folder: Path) -> None:
        """Write the index into ``folder``, and its passages unless they are there already."""
        folder.mkdir(parents=True, exist_ok=True)
        if not (isinstance(self.passages, PassageStore) and self.passages.folder == folder):
            write_passages(self.passages, folder)
        shutil.rmtree(folder / VECTORS_FOLDER, ignore_errors=True)  # the index holds them now
        self._index.save(folder / _INDEX_FILE)
        write_manifest(
            folder,
            kind="dense",
            num_passages=len(self.passages),
            corpus_sha256=corpus_hash(PassageStore(folder)),
            settings={
                "index": asdict(self._index.settings),
                "encoder": dict(self.encoder.settings),
            },
        )

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        *,
        mmap: bool = True,
        verify: bool = True,
        encoder: Encoder | None = None,
    ) -> Self:
        """Return the retriever in the index directory ``path``.

        Args:
            path: what `save`, `build` or ``llmenvs index build`` wrote.
            mmap: leave passages and vectors on disk, to be read as they are needed.
            verify: compare the hashes of all files, about a second for 1.5 GB.
            encoder: must have made the index; by default loaded again by the name on record.

        Raises:
            IndexMismatchError: the directory is not a dense index, was changed since it was
                written, or is of another encoder.
        """
        folder = Path(path)
        manifest = read_manifest(folder, kind="dense", verify=verify)
        recorded = manifest.settings["encoder"]
        encoder = encoder if encoder is not None else encoder_from_settings(recorded)
        _refuse_other_encoder(encoder.settings, recorded, folder)
        faiss_index = import_extra("llmenvs.retrievers.faiss_index", extra="search")
        settings = faiss_index.IndexSettings(**manifest.settings["index"])
        index = faiss_index.VectorIndex.load(folder / _INDEX_FILE, settings, mmap=mmap)
        return cls(PassageStore(folder, in_memory=not mmap), index, encoder=encoder)


def _indexed(
    shards: Iterable[NDArray[np.float32]],
    passages: Sequence[Passage],
    encoder: Encoder,
    index: "Kind | IndexSettings | None",
) -> "VectorIndex":
    faiss_index = import_extra("llmenvs.retrievers.faiss_index", extra="search")
    kind = faiss_index.choose_kind(len(passages)) if index is None else index
    settings = faiss_index.IndexSettings(kind) if isinstance(kind, str) else kind
    built: VectorIndex = faiss_index.build_index(
        shards, dimension=encoder.dimension, num_passages=len(passages), settings=settings
    )
    return built


def _refuse_other_encoder(
    settings: Mapping[str, Any], recorded: Mapping[str, Any], folder: Path
) -> None:
    # The name may be a path, which differs from machine to machine; the weights do not.
    differing = [
        f"{key} {recorded.get(key)!r}, not {settings.get(key)!r}"
        for key in sorted((settings.keys() | recorded.keys()) - {"model"})
        if settings.get(key) != recorded.get(key)
    ]
    if differing:
        raise IndexMismatchError(f"{folder} was built with {'; '.join(differing)}")
