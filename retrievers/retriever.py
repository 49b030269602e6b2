"""What every retriever takes and gives: `Passage`, `Hit`, the `Retriever` protocol, its error.

Search is batch-first and deterministic: hits come best first, equal scores in the order of the
corpus, and the first hits do not depend on how many were asked for. A query that holds no word has
no hits. A retriever that cannot answer raises `RetrieverError`; an empty list always means that
nothing matched.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Protocol, Self, runtime_checkable


@dataclass(frozen=True, slots=True)
class Passage:
    """One unit of a corpus: what is indexed, and what a search returns.

    Attributes:
        passage_id: unique in its corpus.
        title: one line; empty where the passage has none.
        text: the passage itself.
    """

    passage_id: str
    title: str
    text: str

    @property
    def indexed_text(self) -> str:
        """The title and the text as one string, which is what retrievers index."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found.

    Attributes:
        passage_id: unique in the corpus.
        title: one line; empty where the passage has none.
        text: the passage itself.
        score: larger is better; finite; the scale is the retriever's own.
        position: the passage's place in the corpus, by which equal scores are ordered; None where
            a server does not tell it. Two hits that differ only here are equal.
    """

    passage_id: str
    title: str
    text: str
    score: float
    position: int | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, passage: Passage, *, score: float, position: int) -> Self:
        """Return ``passage`` as a hit."""
        return cls(passage.passage_id, passage.title, passage.text, score, position)


@runtime_checkable
class Retriever(Protocol):
    """A searchable corpus; safe to call from several threads at once."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Return for each of ``queries`` its at most ``k`` best hits, best first.

        Raises:
            ValueError: ``k`` is below 1, or ``queries`` is a single string.
            RetrieverError: the search could not be made; no fault of the queries.
        """
        ...


@runtime_checkable
class StoredRetriever(Retriever, Protocol):
    """A retriever that can be kept as an index directory."""

    def save(self, path: str | PathLike[str]) -> None:
        """Write an index directory at ``path``, which must not exist yet or be empty."""
        ...

    @classmethod
    def load(cls, path: str | PathLike[str], *, mmap: bool = True) -> Self:
        """Return the retriever kept at ``path``; its arrays stay on disk where ``mmap`` is set."""
        ...


class RetrieverError(RuntimeError):
    """A retriever failed through no fault of the query: a score must not be made of this."""


def check_search(queries: Sequence[str], k: int) -> None:
    """Raise `ValueError` unless ``queries`` and ``k`` are fit for `Retriever.search`."""
    if isinstance(queries, str):
        raise ValueError(f"queries must be a sequence of strings, got the string {queries[:50]!r}")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
