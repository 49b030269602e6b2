"""An answer tells a fact in any usual way of writing it, and not by accident."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.worlds.facts import tells


@pytest.mark.parametrize(
    ("response", "fact"),
    [
        ("You have 1,250.50 euros.", "1250.5"),
        ("It comes to 1250.50.", "1250.5"),
        ("You spent 49.96 euros", "-49.96"),
        ("That is 3 of them", "3"),
        ("On 3 March 2026", "2026-03-03"),
        ("On Mar 3, 2026.", "2026-03-03"),
        ("on 2026-03-03", "2026-03-03"),
        ("at 9 am", "09:00"),
        ("at 2:30 PM", "14:30"),
        ("at 14:30", "14:30"),
        ("the  BRISK\nlamp", "Brisk lamp"),
        ("order (A-17).", "A-17"),
        ("/notes/a.txt", "/notes/a.txt"),
    ],
)
def test_what_is_told(response: str, fact: str) -> None:
    assert tells(response, fact)


@pytest.mark.parametrize(
    ("response", "fact"),
    [
        ("", "3"),
        ("13 of them", "3"),
        ("3.5 of them", "3"),
        ("on 2026-03-03", "3"),
        ("on 2026-03-13", "2026-03-03"),
        ("A-170", "A-17"),
        ("lampshade", "lamp"),
        ("at 19:00", "09:00"),
        ("1,2504", "12504"),
    ],
)
def test_what_is_not_told(response: str, fact: str) -> None:
    assert not tells(response, fact)


@given(st.text(), st.text(min_size=1).filter(str.strip))
def test_no_answer_and_no_fact_raises(response: str, fact: str) -> None:
    tells(response, fact)


@given(st.integers(-(10**9), 10**9), st.booleans())
def test_a_number_is_told_by_itself_with_or_without_separators(number: int, split: bool) -> None:
    assert tells(f"It is {number:,}." if split else f"It is {number}.", str(number))
