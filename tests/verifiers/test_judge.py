"""Whatever a verifier does on one row becomes a verdict on that row."""

from typing import Any

import pytest

from llmenvs.verifiers.judge import MAX_REASON_CHARS, judge
from llmenvs.verifiers.length import LengthVerifier
from llmenvs.verifiers.verdict import Status, Verdict


def test_a_verdict_passes_as_it_is() -> None:
    assert judge(LengthVerifier(), "x", None) == LengthVerifier()("x")


@pytest.mark.parametrize("error", [KeyError("k"), SystemExit(3), RecursionError(), MemoryError()])
def test_an_exception_is_named_in_the_reason(error: BaseException) -> None:
    def raises(completion: str, target: Any) -> Verdict:
        raise error

    verdict = judge(raises, "x", None)

    assert verdict.status is Status.ERROR
    assert verdict.score is None
    assert type(error).__name__ in verdict.reason


def test_a_long_message_of_many_lines_becomes_a_bounded_line() -> None:
    def raises(completion: str, target: Any) -> Verdict:
        raise ValueError("line\n" * 10_000)

    reason = judge(raises, "x", None).reason

    assert len(reason) == MAX_REASON_CHARS
    assert "\n" not in reason


def test_an_exception_whose_message_cannot_be_computed_is_still_a_row() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    def raises(completion: str, target: Any) -> Verdict:
        raise Unprintable

    assert "Unprintable" in judge(raises, "x", None).reason


def test_what_is_no_verdict_is_an_error() -> None:
    verdict = judge(lambda completion, target: 1.0, "x", None)  # type: ignore[arg-type]  # the point

    assert verdict.reason == "the verifier must return a Verdict, got float"


def test_a_completion_that_is_no_text_does_not_reach_the_verifier() -> None:
    verdict = judge(LengthVerifier(), None, None)  # type: ignore[arg-type]  # the point of the test

    assert verdict.reason == "completion must be a str, got NoneType"


def test_an_interrupt_passes_through() -> None:
    def interrupted(completion: str, target: Any) -> Verdict:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(interrupted, "x", None)
