"""The format verifier agrees with every labelled case and holds on floods of tags."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers import format as format_module
from llmenvs.verifiers.format import END_MARKS, GRAMMARS, FormatVerifier
from llmenvs.verifiers.verdict import Status, Verifier

OWN_CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("format_cases.jsonl").read_text("utf-8").splitlines()
]
RIGHT = "<think>a</think>\n<answer>b</answer>"


def test_it_is_a_verifier() -> None:
    assert isinstance(FormatVerifier(), Verifier)


@pytest.mark.parametrize("case", OWN_CASES, ids=lambda case: case["note"])
def test_our_own_cases_are_judged_as_labelled(case: dict[str, Any]) -> None:
    verdict = FormatVerifier(case["grammar"])(case["completion"])

    assert verdict.success is case["ok"], verdict.reason
    assert verdict.score == (1.0 if case["ok"] else 0.0)


def test_the_shared_cases_are_judged_as_labelled(shared: Path) -> None:
    lines = (shared / "cases" / "format.jsonl").read_text("utf-8").splitlines()
    columns = {
        "openr1_format": format_module.format,
        "openr1_tag_count": format_module.tag_count,
        "openr1_reasoning_steps": format_module.reasoning_steps,
        "trl_think_format": format_module.think_format,
    }
    for case in map(json.loads, lines):
        assert FormatVerifier("r1")(case["text"]).success is case["r1_ok"], case["id"]
        for column, reward in columns.items():
            assert reward(case["text"]).score == case[column], (case["id"], column)


@pytest.mark.parametrize("mark", END_MARKS)
def test_one_mark_of_the_end_of_turn_may_stand_at_the_very_end(mark: str) -> None:
    verifier = FormatVerifier("r1")

    assert verifier(RIGHT + mark + "\n").success
    assert not verifier(RIGHT + mark * 2).success
    assert not verifier(mark + RIGHT).success


def test_a_block_that_the_prompt_opened_is_counted() -> None:
    verifier = FormatVerifier("r1", prefix="<think>\n")

    assert verifier("a</think><answer>b</answer>").success
    assert not verifier(RIGHT).success


def test_where_it_is_not_strict_text_may_stand_outside_but_nothing_else_changes() -> None:
    verifier = FormatVerifier("r1", strict=False)

    assert verifier(f"Well. {RIGHT} Done.").success
    assert not verifier(f"{RIGHT} {RIGHT}").success
    assert not verifier("<answer>b</answer> <think>a</think>").success


def test_it_extracts_what_the_last_block_holds() -> None:
    assert FormatVerifier("r1")(RIGHT).extracted == "b"
    assert FormatVerifier("think")("<think>a</think> b c").extracted == "b c"


def test_a_completion_without_any_block_holds_no_answer() -> None:
    assert FormatVerifier("r1")("4").status is Status.NO_ANSWER
    assert FormatVerifier("r1")("<think>a</think>").status is Status.SCORED


@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize(
    "flood",
    [
        "<think>" * 150_000,
        "</think>" * 130_000,
        "<think>a</think>" * 60_000,
        "<think>" + "<answer" * 140_000,
        "<think>a</think>" + "<search>q</search><think>a</think>" * 30_000,
        "<" * 1_000_000,
        "\u200b" * 1_000_000,
    ],
)
def test_a_megabyte_of_tags_is_refused(grammar: str, flood: str) -> None:
    """Quadratic time would take hours here."""
    if grammar == "think" and flood.startswith("<think>a</think><s"):
        pytest.skip("that is a thought and its text")
    assert not FormatVerifier(grammar)(flood).success


@given(st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "x", "\n"])))
def test_what_passes_has_each_tag_once_in_order_and_nothing_outside(pieces: list[str]) -> None:
    text = "".join(pieces)
    if FormatVerifier("r1")(text).success:
        before, thought, between, answer, after = (
            text.partition("<think>")[0],
            text.partition("<think>")[2].partition("</think>")[0],
            text.partition("</think>")[2].partition("<answer>")[0],
            text.partition("<answer>")[2].partition("</answer>")[0],
            text.partition("</answer>")[2],
        )
        assert not (before + between + after).strip()
        assert thought.strip("\n") == thought.strip("\n").replace("<", "")
        assert answer.strip()
        assert all(text.count(tag) == 1 for tag in ("<think>", "</think>", "<answer>"))


def test_it_survives_pickling() -> None:
    verifier = pickle.loads(pickle.dumps(FormatVerifier("search-r1")))

    assert verifier(RIGHT).success


@pytest.mark.parametrize("grammar", ["R1", "", "r2", None, 3])
def test_a_grammar_that_is_none_is_refused(grammar: Any) -> None:
    with pytest.raises(ValueError, match="grammar must be 'r1', 'think', 'toolrl', 'search-r1' or"):
        FormatVerifier(grammar)


def test_a_target_is_refused() -> None:
    with pytest.raises(ValueError, match="target must be None, got '4'"):
        FormatVerifier()(RIGHT, "4")
