"""JSON is read as the standard says, and whatever else comes is refused within bounds."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.tool_call.strict_json import (
    MAX_DEPTH,
    JSONReader,
    NotJSONError,
    check_depth,
    read_json,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(-1e30, 1e30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


@given(JSON, st.sampled_from([None, 2]), st.booleans())
def test_what_the_standard_library_writes_is_read_back(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    assert read_json(f" {json.dumps(value, indent=indent, ensure_ascii=ascii_only)}\n") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value at character 0"),
        ("{'a': 1}", "property name"),
        ('{"a": 1,}', "not JSON"),
        ('{"a": 1, "a": 1}', "the key 'a' stands twice"),
        ('{"x": {"a": 1, "b": 2, "a": 1}}', "the key 'a' stands twice"),
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("1e999", "beyond what a float holds"),
        ("9" * 4301, "a number of 4301 digits"),
        ("[" * 65 + "]" * 65, "nested more than 64 deep"),
        ("1 2", "more text at character 2"),
        ('"a\nb"', "control character"),
    ],
)
def test_what_is_not_json_or_too_much_is_refused(text: str, message: str) -> None:
    with pytest.raises(NotJSONError, match=message):
        read_json(text)


def test_nesting_up_to_the_limit_is_read_and_brackets_in_strings_do_not_count() -> None:
    assert read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert read_json(json.dumps(["[" * 500, '"{\\' * 99]))
    assert len(read_json(json.dumps([{}] * 500))) == 500


def test_only_the_value_that_is_read_is_measured() -> None:
    text = "[1]" + "[" * 1000

    assert JSONReader(text).read(0) == ([1], 3)
    with pytest.raises(NotJSONError, match="nested more than 64 deep"):
        JSONReader(text).read(3)


def test_the_limit_of_nesting_can_be_set() -> None:
    check_depth("[[]]", limit=2)
    with pytest.raises(NotJSONError, match="more than 1 deep"):
        check_depth("[[]]", limit=1)


def test_a_process_with_a_lower_limit_of_digits_is_answered_too() -> None:
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        with pytest.raises(NotJSONError, match="not readable"):
            read_json("9" * 1000)
    finally:
        sys.set_int_max_str_digits(limit)
