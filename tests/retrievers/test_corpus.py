"""A corpus is read row by row, in both forms, and a bad row is named by its place."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.retrievers import Passage, read_corpus
from llmenvs.retrievers.corpus import format_contents, parse_contents

ROWS: list[dict[str, Any]] = [
    {"id": "a", "title": "Ada", "text": "wrote\nprograms"},
    {"id": 7, "text": "no title"},
    {"id": "c", "contents": '"Paris"\nThe capital\nof France'},
    {"id": "d", "contents": "Lyon\nA city"},
    {"id": "e", "contents": "only text"},
    {"id": "f", "title": "two\nlines", "text": ""},
]
PASSAGES = [
    Passage("a", "Ada", "wrote\nprograms"),
    Passage("7", "", "no title"),
    Passage("c", "Paris", "The capital\nof France"),
    Passage("d", "Lyon", "A city"),
    Passage("e", "", "only text"),
    Passage("f", "two lines", ""),
]


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    lines = "\n".join(json.dumps(row) for row in rows)
    path.write_text(lines + "\n\n", "utf-8")
    return path


def test_jsonl_holds_both_forms(tmp_path: Path) -> None:
    assert list(read_corpus(write_jsonl(tmp_path / "c.jsonl", ROWS))) == PASSAGES


def test_gzipped_jsonl_is_read(tmp_path: Path) -> None:
    plain = write_jsonl(tmp_path / "c.jsonl", ROWS)
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))

    assert list(read_corpus(tmp_path / "c.jsonl.gz")) == PASSAGES


@pytest.mark.parametrize("form", ["text", "contents"])
def test_parquet_is_read_in_batches(tmp_path: Path, form: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns: dict[str, list[Any]] = {"id": list(range(3000)), "other": [None] * 3000}
    if form == "text":
        columns |= {"title": ["T"] * 3000, "text": [f"x{n}" for n in range(3000)]}
    else:
        columns |= {"contents": [f'"T"\nx{n}' for n in range(3000)]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "c.parquet")

    found = list(read_corpus(tmp_path / "c.parquet"))
    assert found == [Passage(str(n), "T", f"x{n}") for n in range(3000)]


def test_reading_is_lazy(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "c.jsonl", [ROWS[0], "not an object"])

    assert next(read_corpus(path)) == PASSAGES[0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("not an object", "row 2: a row must be an object"),
        ({"text": "x"}, "row 2: 'id' must be a string or an integer, got None"),
        ({"id": True, "text": "x"}, "row 2: 'id' must be"),
        ({"id": "x"}, r"row 2: needs 'text' or 'contents' as a string, got the keys \['id'\]"),
        ({"id": "x", "text": None}, "row 2: needs 'text' or 'contents'"),
        ({"id": "x", "text": "t", "title": 3}, "row 2: 'title' must be a string, got 3"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: Any, message: str) -> None:
    path = write_jsonl(tmp_path / "c.jsonl", [ROWS[0], row])

    with pytest.raises(ValueError, match=message):
        list(read_corpus(path))


def test_broken_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"id": 1, "text": "x"}\n{"id": 2,\n')

    with pytest.raises(ValueError, match=r"c\.jsonl, row 2: no valid JSON"):
        list(read_corpus(tmp_path / "c.jsonl"))


def test_another_kind_of_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.jsonl, \.jsonl\.gz or \.parquet, got 'c\.csv'"):
        read_corpus(tmp_path / "c.csv")


@given(st.text(st.characters(exclude_characters="\n")), st.text())
def test_contents_give_back_title_and_text(title: str, text: str) -> None:
    assert parse_contents(format_contents(title, text)) == (title, text)
