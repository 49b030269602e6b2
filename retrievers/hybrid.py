"""`HybridRetriever`: two rankings made one by reciprocal rank fusion.

The score of a passage is the sum over the two retrievers of 1 / (c + rank), where ranks count from
1 and a passage that a retriever did not return adds nothing. Only ranks count, so that scores of
different scales need no calibration.

Source: Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual
rank learning methods" (SIGIR 2009), with its c = 60.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self

from llmenvs.retrievers.bm25 import BM25Retriever, Method
from llmenvs.retrievers.dense import VECTORS_FOLDER, DenseRetriever
from llmenvs.retrievers.encoders import Encoder
from llmenvs.retrievers.manifest import new_directory, read_manifest, write_manifest
from llmenvs.retrievers.passages import OFFSETS_FILE, PASSAGES_FILE
from llmenvs.retrievers.retriever import Hit, Passage, Retriever, check_search
from llmenvs.retrievers.tokenization import WordTokenizer
from llmenvs.retrievers.vectors import Progress

if TYPE_CHECKING:
    from llmenvs.retrievers.faiss_index import IndexSettings, Kind

_PARTS = ("first", "second")
DEPTH = 100
RANK_CONSTANT = 60.0


class HybridRetriever:
    """The fusion of any two retrievers over the same corpus.

    Equal scores come in the order of the corpus, or, where a retriever does not tell positions (a
    server), in the order in which the first retriever, then the second, returned them.

    Args:
        first: a retriever.
        second: another one; passages are the same where their ids are.
        depth: hits asked of each, or k if that is more; the hits for k below it do not depend on k.
        rank_constant: c above; larger values weigh the top ranks less.
    """

    def __init__(
        self,
        first: Retriever,
        second: Retriever,
        *,
        depth: int = DEPTH,
        rank_constant: float = RANK_CONSTANT,
    ) -> None:
        if depth < 1 or not rank_constant >= 0:
            raise ValueError(
                f"need depth >= 1 and rank_constant >= 0, got {depth=} and {rank_constant=}"
            )
        self.first = first
        self.second = second
        self.depth = depth
        self.rank_constant = rank_constant

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Return for each query the ``k`` best passages of both rankings."""
        check_search(queries, k)
        depth = max(k, self.depth)
        rankings = zip(
            self.first.search(queries, depth), self.second.search(queries, depth), strict=True
        )
        return [self._fuse(ranking)[:k] for ranking in rankings]

    def _fuse(self, rankings: Sequence[Sequence[Hit]]) -> list[Hit]:
        scores: dict[str, float] = {}
        hits: dict[str, Hit] = {}
        for ranking in rankings:
            for rank, hit in enumerate(ranking, start=1):
                share = 1 / (self.rank_constant + rank)
                scores[hit.passage_id] = scores.get(hit.passage_id, 0.0) + share
                hits.setdefault(hit.passage_id, hit)
        fused = [
            Hit(hit.passage_id, hit.title, hit.text, scores[passage_id], hit.position)
            for passage_id, hit in hits.items()
        ]
        # Sums of the same two ranks in either order are the same float, so equal scores are ties.
        return sorted(fused, key=lambda hit: (-hit.score, _place(hit)))

    @classmethod
    def build(
        cls,
        passages: Iterable[Passage],
        path: str | PathLike[str],
        *,
        encoder: Encoder,
        index: "Kind | IndexSettings | None" = None,
        method: Method = "lucene",
        tokenizer: WordTokenizer | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Index ``passages`` for BM25 and as vectors in the index directory ``path``, and load it.

        The corpus is streamed, and a build that was killed goes on from its last vectors. The
        arguments are those of `DenseRetriever.build` and `BM25Retriever.build`.
        """
        with new_directory(path, resume=True) as folder:
            first, second = (folder / name for name in _PARTS)
            store = BM25Retriever.build_in(first, passages, method=method, tokenizer=tokenizer)
            DenseRetriever.from_passages(
                store,
                encoder=encoder,
                index=index,
                vectors_folder=second / VECTORS_FOLDER,
                progress=progress,
            ).write(second)
            _describe(folder, {"depth": DEPTH, "rank_constant": RANK_CONSTANT})
        return cls.load(path, encoder=encoder, verify=False)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the index directory ``path`` with both indexes in it.

        Raises:
            ValueError: a retriever has no index to save, as a client of a server has none.
        """
        with new_directory(path) as folder:
            self.write(folder)

    def write(self, folder: Path) -> None:
        """Write both indexes into ``folder``, their passages once."""
        for name, part in zip(_PARTS, (self.first, self.second), strict=True):
            if not isinstance(part, BM25Retriever | DenseRetriever):
                raise ValueError(f"a {type(part).__name__} has no index to save")
            part.write(folder / name)
        _describe(folder, {"depth": self.depth, "rank_constant": self.rank_constant})

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
            path: what `save` or ``llmenvs index build`` wrote.
            mmap: leave passages and arrays on disk, to be read as they are needed.
            verify: compare the hashes of all files.
            encoder: of a dense part; by default loaded again by the name on record.

        Raises:
            IndexMismatchError: the directory is not a hybrid index, or was changed since.
        """
        folder = Path(path)
        manifest = read_manifest(folder, kind="hybrid", verify=verify)
        parts: list[BM25Retriever | DenseRetriever] = []
        for name in _PARTS:
            kind = read_manifest(folder / name, verify=False).kind
            if kind == "bm25":
                parts.append(BM25Retriever.load(folder / name, mmap=mmap, verify=False))
            else:
                parts.append(
                    DenseRetriever.load(folder / name, mmap=mmap, verify=False, encoder=encoder)
                )
        return cls(*parts, **manifest.settings)


def _place(hit: Hit) -> float:
    return float("inf") if hit.position is None else hit.position


def _describe(folder: Path, settings: Mapping[str, float]) -> None:
    """Write the manifest of two indexes of one corpus, whose passages become the same files."""
    first, second = (folder / name for name in _PARTS)
    manifests = [read_manifest(part, verify=False) for part in (first, second)]
    hashes = [manifest.corpus_sha256 for manifest in manifests]
    if hashes[0] != hashes[1]:
        raise ValueError(f"both indexes must be of the same corpus, got the hashes {hashes}")
    for name in (PASSAGES_FILE, OFFSETS_FILE):
        (second / name).unlink()
        os.link(first / name, second / name)
    write_manifest(
        folder,
        kind="hybrid",
        num_passages=manifests[0].num_passages,
        corpus_sha256=hashes[0],
        settings=settings,
    )
