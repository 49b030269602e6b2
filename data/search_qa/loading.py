"""Reading the bundled corpus and questions, which are gzipped JSON lines beside this file."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from io import TextIOWrapper
from typing import Any, Literal, get_args

from llmenvs.retrievers.retriever import Passage

Split = Literal["train", "test"]
CORPUS_FILE = "corpus.jsonl.gz"
SOURCES_FILE = "sources.json"
"""The versions of the packages that the data is made from, the seed, and the test countries."""


@cache
def load_corpus() -> tuple[Passage, ...]:
    """Return the passages of the bundled corpus; they are read once."""
    return tuple(Passage(row["id"], row["title"], row["text"]) for row in _rows(CORPUS_FILE))


def load_questions(split: Split = "train") -> list[dict[str, Any]]:
    """Return the questions of ``split``, each a dict of the caller's own.

    A question is ``{"id", "question", "answers", "gold_passages", "hops", "kind", "n_hops",
    "split"}`` and, where its last step selects, ``"select"``: see
    `llmenvs.data.search_qa.decomposition`.

    Raises:
        ValueError: there is no such split.
    """
    if split not in get_args(Split):
        raise ValueError(f"split must be one of {get_args(Split)}, got {split!r}")
    return list(_rows(questions_file(split)))


def questions_file(split: Split) -> str:
    """Return the name of the file that holds the questions of ``split``."""
    return f"questions-{split}.jsonl.gz"


def _rows(name: str) -> Iterator[dict[str, Any]]:
    path = files("llmenvs.data.search_qa") / name
    with path.open("rb") as raw, gzip.open(raw) as unpacked:
        for line in TextIOWrapper(unpacked, encoding="utf-8"):
            yield json.loads(line)
