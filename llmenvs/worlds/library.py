"""A library: the bundled corpus with a search, and lists of what to read."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal

from llmenvs.data.search_qa import load_corpus
from llmenvs.retrievers import BM25Retriever, Passage
from llmenvs.tools import ToolError, tool
from llmenvs.worlds.declining import DecliningWorld
from llmenvs.worlds.world import TABLE, Call

CLOSED = "reference"
"""The list that may not be changed."""

MAX_HITS = 5


@cache
def corpus_index() -> BM25Retriever:
    """Return the index of the bundled corpus, which is built when it is first asked for."""
    return BM25Retriever.from_passages(load_corpus())


@cache
def _passages() -> dict[str, Passage]:
    return {passage.passage_id: passage for passage in load_corpus()}


@dataclass(frozen=True, slots=True)
class Entry:
    """An article on a list."""

    list_name: str
    passage_id: str


@dataclass(eq=False)
class LibraryWorld(DecliningWorld):
    """Articles that can be searched and read, and a reader's lists of them."""

    RULES: ClassVar[str] = (
        "You help a reader of a library. Articles have ids, which the search tells. An article is "
        f"on a list once at most. The list {CLOSED!r} is closed: nothing may be put on it or taken "
        "off it. Where a rule forbids what is asked, change nothing, call decline with the reason, "
        "and tell the reader."
    )
    MISSTEP: ClassVar[Call] = ("decline", {"reason": "already_listed"})

    entries: dict[str, Entry] = field(default_factory=dict, metadata=TABLE)

    @tool(timeout_s=None)
    def search_articles(self, query: str, limit: int = 3) -> dict[str, Any]:
        """Find articles by their words, the best first.

        Args:
            query: what to look for.
            limit: at most so many, from 1 to 5.
        """
        if not 1 <= limit <= MAX_HITS:
            raise ToolError(f"limit must be from 1 to {MAX_HITS}, got {limit}")
        [hits] = corpus_index().search([query], limit)
        return {"articles": [{"id": hit.passage_id, "title": hit.title} for hit in hits]}

    @tool(timeout_s=None)
    def read_article(self, article_id: str) -> dict[str, Any]:
        """Read an article.

        Args:
            article_id: as the search tells it.
        """
        passage = self._passage(article_id)
        return {"id": article_id, "title": passage.title, "text": passage.text}

    @tool(timeout_s=None)
    def list_lists(self) -> dict[str, Any]:
        """Tell the names of all lists with the number of articles on each, the longest first."""
        names = sorted({entry.list_name for entry in self.entries.values()})
        counts = [{"name": name, "count": len(self._on(name))} for name in names]
        return {"lists": sorted(counts, key=lambda row: -row["count"])}

    @tool(timeout_s=None)
    def show_list(self, list_name: str) -> dict[str, Any]:
        """Tell the articles on a list, in the order in which they were put there."""
        keys = self._on(list_name)
        if not keys:
            raise ToolError(f"there is no list {list_name!r}")
        ids = [self.entries[key].passage_id for key in keys]
        return {
            "articles": [{"id": key, "title": _passages()[key].title} for key in ids],
            "count": len(ids),
        }

    @tool(timeout_s=None)
    def add_to_list(self, list_name: str, article_id: str) -> dict[str, Any]:
        """Put an article on a list, which need not be there yet."""
        self._check_open(list_name)
        passage = self._passage(article_id)
        if any(self.entries[key].passage_id == article_id for key in self._on(list_name)):
            raise ToolError(f"{article_id} is on {list_name!r} already")
        number = 1 + max((int(key[2:]) for key in self.entries), default=0)
        self.entries[f"N-{number}"] = Entry(list_name.casefold(), article_id)
        return {"title": passage.title, "count": len(self._on(list_name))}

    @tool(timeout_s=None)
    def remove_from_list(self, list_name: str, article_id: str) -> dict[str, Any]:
        """Take an article off a list."""
        self._check_open(list_name)
        for key in self._on(list_name):
            if self.entries[key].passage_id == article_id:
                del self.entries[key]
                return {"removed": article_id, "count": len(self._on(list_name))}
        raise ToolError(f"{article_id!r} is not on {list_name!r}")

    @tool(timeout_s=None)
    def decline(self, reason: Literal["closed_list", "already_listed"]) -> dict[str, Any]:
        """Put on record that the request was declined, and why."""
        self.record_decline(reason)
        return {"declined": True, "reason": reason}

    def _passage(self, article_id: str) -> Passage:
        if article_id not in _passages():
            raise ToolError(f"there is no article {article_id!r}")
        return _passages()[article_id]

    def _on(self, list_name: str) -> list[str]:
        name = list_name.casefold()
        return [key for key, entry in self.entries.items() if entry.list_name == name]

    def _check_open(self, list_name: str) -> None:
        if list_name.casefold() == CLOSED:
            raise ToolError(f"the list {CLOSED!r} is closed")
