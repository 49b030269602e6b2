"""Rows are read one at a time, and what is wrong with one is said with its line and field."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.commands import score_input
from llmenvs.commands.score_input import Fields, InputRow, open_input

FIELDS = Fields("completion", "answer", "verdict")
GOOD = b'{"completion": "c", "answer": "a"}'


def read(tmp_path: Path, content: bytes, fields: Fields = FIELDS) -> list[InputRow]:
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    return list(open_input(path, fields))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"nonsense", ": not JSON: Expecting value (column 1)"),
        (b'{"completion": "c", ', ": not JSON: Expecting property name"),
        (b"[1]", ": must be a JSON object, got list"),
        (b"null", ": must be a JSON object, got NoneType"),
        (b'{"answer": "a"}', ", field 'completion': missing; the record has 'answer'"),
        (b"{}", ", field 'completion': missing; the record has no fields"),
        (b'{"completion": "c"}', ", field 'answer': missing; the record has 'completion'"),
        (b'{"completion": 3, "answer": "a"}', ", field 'completion': must be a str, got int"),
        (b'{"completion": null, "answer": "a"}', ", field 'completion': must be a str, got None"),
        (b'{"completion": "c", "answer": NaN}', ", field 'answer': nan is no JSON number"),
        (b'{"completion": "c", "a": {"b": [1, -1e999]}}', ", field 'a.b[1]': -inf is no JSON"),
        (b'{"completion": "\\ud83d", "answer": "a"}', ", field 'completion': holds half a surr"),
        (b'{"completion": "c", "\\uDC00": 1}', "its name holds half a surrogate pair"),
        (b'{"completion": "\xff", "answer": "a"}', ": not UTF-8: byte 0xff at column 17"),
        (b'{"completion": "\xed\xa0\x80"}', ": not UTF-8: byte 0xed"),
        (b"\xef\xbb\xbf" + GOOD, ": begins with a byte order mark"),
        (b'{"completion": "c", "verdict": 1}', ", field 'verdict': is there already"),
        (b'{"completion": ' + b"1" * 5000 + b"}", ": an integer has too many digits"),
        (b'{"completion": ' + b"[" * 100_000, ": nested too deeply"),
        (b"\x00" * 10, ": not JSON"),
    ],
)
def test_a_bad_line_is_one_bad_row(tmp_path: Path, line: bytes, problem: str) -> None:
    rows = read(tmp_path, b"\n".join([GOOD, line, GOOD, b""]))

    assert [row.problem is None for row in rows] == [True, False, True]
    assert rows[1].problem is not None
    assert rows[1].problem.startswith("line 2")
    assert problem in rows[1].problem
    assert rows[1].completion == ""


def test_half_a_line_at_the_end_is_named_as_such(tmp_path: Path) -> None:
    rows = read(tmp_path, GOOD + b'\n{"completion": "c", "ans')

    assert rows[1].problem is not None
    assert rows[1].problem.endswith("the file ends in the middle of this line")


def test_a_whole_last_line_without_its_end_is_a_row(tmp_path: Path) -> None:
    assert [row.problem for row in read(tmp_path, GOOD + b"\r\n" + GOOD)] == [None, None]


def test_a_byte_order_mark_may_begin_the_file(tmp_path: Path) -> None:
    assert [row.problem for row in read(tmp_path, b"\xef\xbb\xbf" + GOOD)] == [None]


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    rows = read(tmp_path, b"\n" + GOOD + b"\n \t\r\n" + GOOD + b"\n\n")

    assert [row.place for row in rows] == ["line 2", "line 4"]
    assert rows[-1].end == len(GOOD) * 2 + 7


def test_a_pair_of_surrogates_is_one_character(tmp_path: Path) -> None:
    (row,) = read(tmp_path, b'{"completion": "\\ud83d\\ude00", "answer": ["a"]}')

    assert (row.completion, row.target, row.problem) == ("😀", ["a"], None)


def test_a_line_without_end_is_skipped_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_input, "MAX_LINE_BYTES", 50)
    exact = GOOD[:-2] + b"a" * (49 - len(GOOD)) + b'"}'

    rows = read(tmp_path, b"\n".join([exact, b"x" * 1000, exact + b" ", GOOD]))

    assert [row.problem for row in rows] == [
        None,
        "line 2: longer than 50 bytes",
        "line 3: longer than 50 bytes",
        None,
    ]


def test_a_dot_goes_into_an_object_and_a_name_with_a_dot_wins(tmp_path: Path) -> None:
    fields = Fields("completion", "reward_model.truth", "verdict")
    lines = [
        {"completion": "c", "reward_model": {"truth": "inner"}},
        {"completion": "c", "reward_model": {"truth": "inner"}, "reward_model.truth": "outer"},
        {"completion": "c", "reward_model": []},
    ]

    rows = read(tmp_path, "\n".join(map(json.dumps, lines)).encode(), fields)

    assert [row.target for row in rows] == ["inner", "outer", None]
    assert rows[2].problem is not None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["completion", "answer", "x"]), JSON_VALUES))
def test_a_record_is_good_exactly_if_it_is_json_with_its_fields(
    tmp_path_factory: pytest.TempPathFactory, record: dict[str, Any]
) -> None:
    (row,) = read(tmp_path_factory.mktemp("in"), json.dumps(record).encode())

    finite = "NaN" not in (text := json.dumps(record)) and "Infinity" not in text
    if finite:
        good = isinstance(record.get("completion"), str) and "answer" in record
        assert (row.problem is None) == good
    if row.problem is None:
        assert (row.completion, row.target) == (record["completion"], record["answer"])


def test_parquet_rows_are_read_with_their_types(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"completion": ["c", None], "answer": [["a"], ["b"]], "x": [1.5, math.nan]})
    parquet.write_table(table, tmp_path / "in.parquet")

    reader = open_input(tmp_path / "in.parquet", FIELDS)
    rows = list(reader)

    assert reader.total == 2
    assert (rows[0].place, rows[0].completion, rows[0].target) == ("row 1", "c", ["a"])
    assert rows[1].problem == "row 2, field 'completion': must be a str, got NoneType"


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.jsonl or \.parquet"):
        open_input(tmp_path / "in.csv", FIELDS)
    (tmp_path / "in.jsonl").write_text("{}", "utf-16")
    with pytest.raises(ValueError, match="must be UTF-8"):
        open_input(tmp_path / "in.jsonl", FIELDS)


def test_a_missing_pyarrow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ValueError, match="pip install pyarrow"):
        score_input.import_pyarrow("pyarrow")
