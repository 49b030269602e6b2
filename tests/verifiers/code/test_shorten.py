"""Messages stay short, on one line and printable, whatever a program returned."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.code.shorten import short_repr, shorten


@given(st.text(max_size=400), st.integers(10, 60))
def test_a_text_is_one_short_line_that_utf8_can_hold(text: str, limit: int) -> None:
    line = shorten(text, limit=limit)

    assert len(line) <= limit
    assert "\n" not in line
    line.encode()


def test_huge_values_are_shown_in_part() -> None:
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    for value in (10**100_000, "a" * 10**6, list(range(10**5)), {"k": deep}, deep, "\ud800"):
        assert len(short_repr(value)) <= 160
    assert short_repr(10**100_000) == "<an int of 332193 bits>"


def test_addresses_are_left_out_since_they_differ_from_run_to_run() -> None:
    assert shorten("<object at 0x7f12ab>") == "<object at 0x…>"
