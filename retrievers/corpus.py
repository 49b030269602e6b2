"""Reading a corpus from JSONL or Parquet, one passage at a time.

A row is ``{"id", "title", "text"}``, or Search-R1's ``{"id", "contents"}``, where the first line of
the contents is the title in quotation marks. Ids may be numbers. Nothing is guessed: a row without
an id or without text is an error that names its place.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from llmenvs.retrievers.optional import import_extra
from llmenvs.retrievers.retriever import Passage

_COLUMNS = ("id", "title", "text", "contents")
_PARQUET_ROWS = 1024
"""Rows a batch: what is in memory at once."""


def read_corpus(path: str | PathLike[str]) -> Iterator[Passage]:
    """Yield the passages of a ``.jsonl``, ``.jsonl.gz`` or ``.parquet`` file in their order.

    Raises:
        ValueError: the file's name ends otherwise, or a row is not of the form above.
        ImportError: the file is Parquet and pyarrow is not installed.
    """
    path = Path(path)
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        rows = _jsonl_rows(path)
    elif path.name.endswith(".parquet"):
        rows = _parquet_rows(path)
    else:
        raise ValueError(f"a corpus must be .jsonl, .jsonl.gz or .parquet, got {path.name!r}")
    return _passages(rows, path)


def parse_contents(contents: str) -> tuple[str, str]:
    r"""Return the title and the text of Search-R1's ``contents``.

    Its first line is the title, in quotation marks or not; contents of one line that has none are
    all text.

    >>> parse_contents('"Ada Lovelace"\nAn English mathematician.')
    ('Ada Lovelace', 'An English mathematician.')
    >>> parse_contents("An English mathematician.")
    ('', 'An English mathematician.')
    """
    first, newline, rest = contents.partition("\n")
    if len(first) >= 2 and first.startswith('"') and first.endswith('"'):
        return first[1:-1], rest
    return (first, rest) if newline else ("", contents)


def format_contents(title: str, text: str) -> str:
    r"""Return Search-R1's ``contents``, from which `parse_contents` gets both back.

    >>> format_contents("Ada Lovelace", "An English mathematician.")
    '"Ada Lovelace"\nAn English mathematician.'
    """
    return f'"{one_line(title)}"\n{text}'


def one_line(title: str) -> str:
    """Return ``title`` with its line breaks, if any, as spaces."""
    return title if "\n" not in title else " ".join(title.split())


def _passages(rows: Iterable[tuple[int, Any]], path: Path) -> Iterator[Passage]:
    for number, row in rows:
        try:
            yield _passage(row)
        except ValueError as error:
            raise ValueError(f"{path.name}, row {number}: {error}") from error


def _passage(row: Any) -> Passage:
    if not isinstance(row, Mapping):
        raise ValueError(f"a row must be an object, got {str(row)[:80]!r}")
    passage_id = row.get("id")
    if isinstance(passage_id, bool) or not isinstance(passage_id, str | int):
        raise ValueError(f"'id' must be a string or an integer, got {passage_id!r}")
    if isinstance(row.get("text"), str):
        title = row.get("title") or ""
        if not isinstance(title, str):
            raise ValueError(f"'title' must be a string, got {title!r}")
        return Passage(str(passage_id), one_line(title), row["text"])
    if isinstance(row.get("contents"), str):
        return Passage(str(passage_id), *parse_contents(row["contents"]))
    raise ValueError(f"needs 'text' or 'contents' as a string, got the keys {sorted(row)}")


def _jsonl_rows(path: Path) -> Iterator[tuple[int, Any]]:
    open_file = gzip.open if path.suffix == ".gz" else open
    with open_file(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except json.JSONDecodeError as error:
                    raise ValueError(
                        f"{path.name}, row {number}: no valid JSON: {error}"
                    ) from error


def _parquet_rows(path: Path) -> Iterator[tuple[int, Any]]:
    file = import_extra("pyarrow.parquet", extra="search").ParquetFile(path)
    columns = [name for name in file.schema_arrow.names if name in _COLUMNS]
    number = 0
    for batch in file.iter_batches(batch_size=_PARQUET_ROWS, columns=columns):
        for row in batch.to_pylist():
            number += 1
            yield number, row
