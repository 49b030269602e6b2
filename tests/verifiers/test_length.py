"""The length verifier scores 1 within its band, less on its slopes, and says what it counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.length import LengthVerifier
from llmenvs.verifiers.verdict import Status, Verifier


def test_it_is_a_verifier() -> None:
    assert isinstance(LengthVerifier(), Verifier)


@pytest.mark.parametrize(
    ("length", "score"),
    [(0, 0.0), (5, 0.0), (7, 0.4), (10, 1.0), (20, 1.0), (21, 0.8), (25, 0.0), (1000, 0.0)],
)
def test_the_score_falls_linearly_on_both_sides(length: int, score: float) -> None:
    verdict = LengthVerifier(min_length=10, max_length=20, margin=5)("x" * length, None)

    assert verdict.score == pytest.approx(score)
    assert verdict.success is (score == 1.0)
    assert verdict.status is Status.SCORED
    assert verdict.parts == {"length": length}


def test_without_a_margin_the_score_is_all_or_nothing() -> None:
    verifier = LengthVerifier(min_length=1, max_length=2)

    assert [verifier(text).score for text in ("", "1", "12", "123")] == [0.0, 1.0, 1.0, 0.0]


def test_words_are_runs_between_whitespace_and_tokens_are_the_tokenizers() -> None:
    text = " two\u2003words "

    assert LengthVerifier(unit="words")(text).parts["length"] == 2
    assert LengthVerifier(unit="tokens", tokenizer=str.encode)("é").parts["length"] == 2
    assert LengthVerifier()("é").parts["length"] == 1


@given(st.text(), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_every_text_has_a_score_in_range(text: str, low: int, width: int, margin: int) -> None:
    verdict = LengthVerifier(min_length=low, max_length=low + width, margin=margin)(text)

    assert verdict.score is not None
    assert 0.0 <= verdict.score <= 1.0
    assert verdict.success == (verdict.score == 1.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_length": -1}, "0 <= min_length <= max_length"),
        ({"min_length": 3, "max_length": 2}, "min_length=3, max_length=2"),
        ({"margin": -1}, "margin=-1"),
        ({"unit": "bytes"}, "got 'bytes'"),
        ({"unit": "tokens"}, "a tokenizer go together"),
        ({"tokenizer": str.encode}, "a tokenizer go together"),
    ],
)
def test_a_bad_argument_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LengthVerifier(**arguments)  # type: ignore[arg-type]  # the point of the test


def test_a_target_is_refused() -> None:
    with pytest.raises(ValueError, match="target must be None, got 'four'"):
        LengthVerifier()("four", "four")
