"""A length is within its band or loses score in a straight line outside."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.length import LengthVerifier


@pytest.mark.parametrize(
    ("text", "score", "success"),
    [("", 0.0, False), ("a", 0.5, False), ("ab", 1.0, True), ("abcd", 1.0, True),
     ("abcde", 0.5, False), ("abcdef", 0.0, False), ("abcdefg", 0.0, False)],
)  # fmt: skip
def test_the_slopes_by_hand(text: str, score: float, success: bool) -> None:
    verdict = LengthVerifier(min_length=2, max_length=4, margin=2)(text)

    assert (verdict.score, verdict.success) == (score, success)
    assert verdict.parts == {"length": len(text)}


@given(st.text(), st.integers(0, 20), st.integers(0, 20), st.integers(0, 9))
def test_the_score_is_one_exactly_within_the_band(
    text: str, low: int, width: int, margin: int
) -> None:
    verdict = LengthVerifier(min_length=low, max_length=low + width, margin=margin)(text)

    assert verdict.success == (low <= len(text) <= low + width)
    assert (verdict.score == 1.0) == verdict.success
    assert verdict.score is not None
    assert 0.0 <= verdict.score <= 1.0


def test_words_and_tokens_are_counted_on_request() -> None:
    assert LengthVerifier(max_length=2, unit="words")("one  two\n").success
    assert LengthVerifier(max_length=2, unit="tokens", tokenizer=list)("abc").success is False
    assert LengthVerifier(min_length=3)("x" * 10_000).success


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_length": 3, "max_length": 2}, "0 <= min_length <= max_length"),
        ({"min_length": -1}, "0 <= min_length"),
        ({"margin": -1}, "margin >= 0"),
        ({"unit": "lines"}, "unit must be 'characters', 'words' or 'tokens', got 'lines'"),
        ({"unit": "tokens"}, "unit 'tokens' and a tokenizer go together"),
        ({"tokenizer": list}, "unit 'tokens' and a tokenizer go together"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LengthVerifier(**options)


def test_a_target_is_refused() -> None:
    with pytest.raises(ValueError, match="target must be None, got 'x'"):
        LengthVerifier()("text", "x")
