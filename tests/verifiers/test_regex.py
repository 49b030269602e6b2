"""Patterns run on a linear-time engine, and those that it does not know are refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.regex import RegexVerifier, compile_pattern
from llmenvs.verifiers.verdict import Status


def test_all_of_the_answer_must_match_or_a_part_of_it() -> None:
    assert RegexVerifier(r"\d+")(" 42\n").success
    assert not RegexVerifier(r"\d+")("it is 42").success
    assert RegexVerifier(r"\d+", where="anywhere")("it is 42").extracted == "42"
    assert RegexVerifier(r"\d+", block="answer")("1 <answer>42</answer> 2").success
    assert RegexVerifier(r"\d+")("").status is Status.NO_ANSWER


@given(st.sampled_from(["a*b", "(a|b)+c?", "[^a]b{1,2}", "a.c", "^b"]), st.text("abc", min_size=1))
def test_it_agrees_with_pythons_engine_on_what_both_know(pattern: str, text: str) -> None:
    assert RegexVerifier(pattern)(text).success is bool(re.fullmatch(pattern, text))
    assert RegexVerifier(pattern, where="anywhere")(text).success is bool(re.search(pattern, text))


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(x+x+)+y", r"(a|a)*b", r"(.*)*c"])
def test_a_pattern_that_blows_up_elsewhere_takes_one_pass(pattern: str) -> None:
    assert not RegexVerifier(pattern)("ax" * 500_000 + "!").success


@pytest.mark.parametrize(
    "pattern", [r"(a)\1", "(?=a)", "(?<!a)b", "(a{1000}){1000}", "(", "\ud800"]
)
def test_what_re2_does_not_take_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="RE2 does not take the pattern"):
        RegexVerifier(pattern)


def test_the_pattern_can_be_the_target_of_its_row() -> None:
    assert RegexVerifier()("42", r"\d+").success
    with pytest.raises(ValueError, match="RE2 does not take the pattern"):
        RegexVerifier()("42", "(")
    for verifier, target in ((RegexVerifier(), None), (RegexVerifier("a"), "a")):
        with pytest.raises(ValueError, match="target must be a pattern exactly where"):
            verifier("42", target)


@given(st.text())
def test_every_text_has_a_score(text: str) -> None:
    assert RegexVerifier("(?s).*", where="anywhere")(text).score in (0.0, 1.0)


def test_a_lone_surrogate_is_no_match() -> None:
    assert RegexVerifier(".")("\ud800").score == 0.0


def test_other_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="where must be 'whole' or 'anywhere', got 'start'"):
        RegexVerifier("a", where="start")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="a pattern must be a str, got 3"):
        compile_pattern(3)
