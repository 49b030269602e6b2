"""Whether a question's passages are found by following its decomposition, and only so."""

from collections.abc import Iterable

from llmenvs.data.search_qa.decomposition import Answer, next_query
from llmenvs.data.search_qa.generation.rows import Row
from llmenvs.retrievers.bm25 import BM25Retriever
from llmenvs.retrievers.retriever import Passage

HOP_DEPTH = 3
"""Each hop's passage is among this many hits of its query: what the environment shows."""
QUESTION_DEPTH = 5
"""Not all passages are among this many hits of the question itself."""


class Findable:
    """Checks questions against BM25 over the corpus.

    Args:
        passages: the corpus.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._retriever = BM25Retriever.from_passages(passages)
        self._hits: dict[tuple[str, int], frozenset[str]] = {}

    def __call__(self, row: Row) -> bool:
        """Return whether ``row`` needs its hops and whether they lead to its passages."""
        if self._search(row["question"], QUESTION_DEPTH).issuperset(row["gold_passages"]):
            return False
        answers: list[Answer] = []
        for hop in row["hops"]:
            if hop["passage_id"] not in self._search(next_query(row, answers), HOP_DEPTH):
                return False
            answers.append(hop["answer"])
        return True

    def _search(self, query: str, k: int) -> frozenset[str]:
        if (query, k) not in self._hits:
            hits = self._retriever.search([query], k)[0]
            self._hits[query, k] = frozenset(hit.passage_id for hit in hits)
        return self._hits[query, k]
