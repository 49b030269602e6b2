"""How an episode of ``SearchQA-v0`` reaches a retriever, shared with others and alone.

A failure of the retriever is an answer like any other here, `SearchFailure`, so that one failing
call leaves every episode that was in it with a reason, and none with a score.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from llmenvs.retrievers import BM25Retriever, Hit, HTTPRetriever, Retriever, RetrieverError
from llmenvs.retrievers.client import RefusedError
from llmenvs.retrievers.index import load_retriever

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SearchFailure:
    """Why a search has no result, through no fault of the query.

    Attributes:
        reason: one line.
        timed_out: it took too long.
    """

    reason: str
    timed_out: bool = False


class PassageSearch:
    """A `LookupService` over a retriever; equal where retriever and k are the same.

    Args:
        retriever: asked for all queries at once.
        k: passages a query, at least 1.
    """

    def __init__(self, retriever: Retriever, k: int) -> None:
        self.retriever = retriever
        self.k = k

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PassageSearch)
            and self.retriever is other.retriever
            and self.k == other.k
        )

    def __hash__(self) -> int:
        return hash((id(self.retriever), self.k))

    def __call__(self, questions: Sequence[str]) -> list[list[Hit] | SearchFailure]:
        """Return the hits of each query, or why there are none.

        Where the retriever is away, that holds for all of them. Where it fails otherwise, one of
        the queries may be to blame, and each is asked alone.
        """
        try:
            found = self.retriever.search(list(questions), self.k)
            if len(found) != len(questions):
                raise RetrieverError(f"got {len(found)} results for {len(questions)} queries")
        except Exception as error:
            logger.warning("a search failed, with %d queries: %r", len(questions), error)
            away = isinstance(error, RetrieverError | OSError)
            if len(questions) > 1 and (isinstance(error, RefusedError) or not away):
                return [self([query])[0] for query in questions]
            failure = SearchFailure(
                f"the search failed: {type(error).__name__}: {error}"[:500],
                timed_out=isinstance(error, TimeoutError),
            )
            return [failure] * len(questions)
        return [list(hits[: self.k]) for hits in found]


@cache
def open_index(index: str) -> Retriever:
    """Return the retriever of an index directory, or of a server's URL; one for each in a process.

    Raises:
        ValueError: there is no index.
        ImportError: a package of its extra is not installed.
    """
    if index.startswith(("http://", "https://")):
        return HTTPRetriever(index)
    return load_retriever(index)


@cache
def bundled_retriever() -> Retriever:
    """Return BM25 over the bundled corpus, built on the first call.

    Raises:
        ImportError: the extra ``[search]`` is not installed.
    """
    from llmenvs.data.search_qa import load_corpus  # megabytes that other corpora do not need

    return BM25Retriever.from_passages(load_corpus())
