"""Output is compared whole; what blanks and digits may differ is stated."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.code.output_compare import same_output

EQUAL: list[tuple[str, str, dict[str, Any]]] = [
    ("1 2\n", "1 2", {}),
    ("1  2 \n\n", "1 2\n", {}),
    ("  1 2", "1 2", {}),
    ("1\t2", "1 2", {}),
    ("1\r\n2\r\n", "1\n2\n", {}),
    ("0.30000000000000004", "0.3", {}),
    ("1e-3", "0.001", {}),
    ("5", "5.0", {}),
    ("3.14", "3.1416", {"tolerance": 1e-2}),
    ("a: 0.33333333333 b", "a: 0.333333333333 b", {}),
    ("", "", {}),
    ("\n\n", "", {}),
    (" x \n", " x", {"whitespace": "trailing"}),
    ("1\n", "1\n", {"whitespace": "exact"}),
]
DIFFERENT: list[tuple[str, str, dict[str, Any]]] = [
    ("1\n", "1\n3\n", {}),
    ("1\n3\n", "1\n", {}),
    ("1 3", "1\n3", {}),
    ("", "0", {}),
    ("1 2", "12", {}),
    ("6.0", "6", {}),
    ("1000000001", "1000000000", {}),
    ("1000000000.1", "1000000000", {}),
    ("9" * 400, "9" * 399 + "8", {}),
    ("9" * 1200 + ".0", "9" * 1199 + "8.0", {}),
    ("inf", "1.5", {}),
    ("nan", "1.5", {}),
    ("0.31", "0.3", {}),
    ("1_0.0", "10.0", {}),
    ("٣.0", "3.0", {}),
    ("Yes", "YES", {}),
    ("x", " x", {"whitespace": "trailing"}),
    ("a  b", "a b", {"whitespace": "trailing"}),
    ("1", "1\n", {"whitespace": "exact"}),
    ("0.30000000000000004", "0.3", {"tolerance": 0.0}),
    ("0.30000000000000004", "0.3", {"whitespace": "exact"}),
    ("a\n\nb", "a\nb", {}),
]


@pytest.mark.parametrize(("given_text", "expected", "options"), EQUAL)
def test_equal(given_text: str, expected: str, options: dict[str, Any]) -> None:
    assert same_output(given_text, expected, **options)


@pytest.mark.parametrize(("given_text", "expected", "options"), DIFFERENT)
def test_different(given_text: str, expected: str, options: dict[str, Any]) -> None:
    assert not same_output(given_text, expected, **options)


@given(st.text(alphabet="01. \n-e", max_size=30))
def test_every_output_equals_itself_and_not_with_another_line(text: str) -> None:
    for whitespace in ("exact", "trailing", "any"):
        assert same_output(text, text, whitespace=whitespace)  # a loop
        assert not same_output(text + "\n7", text, whitespace=whitespace)
