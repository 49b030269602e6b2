"""The tool-call verifier scores the labelled cases as labelled and refuses what it cannot mean."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.registry import load_verifier
from llmenvs.verifiers.tool_call import ToolCallVerifier
from llmenvs.verifiers.verdict import Status, Verifier

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "call_cases.jsonl").read_text("utf-8").splitlines()
]
CALL = {"name": "f", "parameters": {"x": 1}}
TEXT = f"<think> t </think>\n<tool_call>\n{json.dumps(CALL)}\n</tool_call>"
RESPONSE = "<think> t </think>\n<response> r </response>"


def test_it_is_a_verifier_that_pickles() -> None:
    verifier = pickle.loads(pickle.dumps(ToolCallVerifier(tools=[{"name": "f"}])))

    assert isinstance(verifier, Verifier)
    assert verifier(TEXT, [CALL]).success


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_every_labelled_case_is_scored_as_labelled(case: dict[str, Any]) -> None:
    verdict = ToolCallVerifier()(case["completion"], case["wanted"])

    assert verdict.success is case["success"]
    if "score" in case:
        assert verdict.score == pytest.approx(case["score"])


RESPONSE_NOT_WANTED = "tool-080"
"""Wrong only for its form, which the exact mode leaves to the format verifier."""


def test_the_shared_cases_succeed_as_labelled(shared: Path) -> None:
    exact, toolrl = ToolCallVerifier(), ToolCallVerifier(mode="toolrl")
    for line in (shared / "cases" / "toolcalls.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        correct = case["semantically_correct"]

        assert toolrl(case["pred"], case["gold_text"]).success is correct, case["id"]
        if case["id"] != RESPONSE_NOT_WANTED:
            assert exact(case["pred"], case["gold_calls"]).success is correct, case["id"]


def test_the_score_can_be_mapped_to_any_range() -> None:
    wrong, half, right = "", TEXT.replace("</tool_call>", "{}\n</tool_call>"), TEXT
    verifier = ToolCallVerifier(score_range=(-3.0, 3.0))
    from_json = load_verifier("tool_call", {"score_range": [-3.0, 3.0]})

    assert [verifier(text, [CALL]).score for text in (wrong, half, right)] == [-3.0, 0.0, 3.0]
    assert from_json(TEXT, [CALL]).score == 3.0


def test_abstaining_is_right_only_where_no_call_is_wanted() -> None:
    verifier = ToolCallVerifier()
    nothing: list[Any] = [None, [], "[]"]

    for wanted in nothing:
        assert (verifier(RESPONSE, wanted).score, verifier(TEXT, wanted).score) == (1.0, 0.0)
    missing = verifier(RESPONSE, [CALL])
    assert (missing.status, missing.score, missing.extracted) == (Status.NO_ANSWER, 0.0, None)
    assert verifier(TEXT, None).status is Status.SCORED


def test_the_text_that_was_read_is_reported() -> None:
    verifier = ToolCallVerifier()

    assert verifier(f"so {TEXT} done", [CALL]).extracted == TEXT.partition("\n")[2]
    assert verifier("<think> t </think> f(x=1)<|eot_id|>", [CALL]).extracted == "f(x=1)"
    assert verifier(RESPONSE, None).extracted is None


def test_tools_give_a_fourth_part_that_the_score_does_not_depend_on() -> None:
    tools = [{"name": "f", "parameters": {"properties": {"x": {"type": "integer"}}}}]
    verifier = ToolCallVerifier(tools=tools)
    other = TEXT.replace("1", '"1"')

    assert verifier(TEXT, [CALL]).parts["schema"] == 1.0
    assert verifier(other, [CALL]).parts["schema"] == 0.0
    assert "parameter 'x' of 'f': '1' is not of type 'integer'" in verifier(other, [CALL]).reason
    assert verifier(other, [CALL]).score == ToolCallVerifier()(other, [CALL]).score
    assert (
        verifier(TEXT.replace("</tool_call>", "bad\n</tool_call>"), [CALL]).parts["schema"] == 0.5
    )
    assert verifier("", [CALL]).parts["schema"] == 1.0


def test_the_mode_toolrl_has_the_published_parts_and_our_own_success() -> None:
    verifier = ToolCallVerifier(mode="toolrl")
    true_for_one = verifier(TEXT.replace("1", "true"), TEXT)
    pretty = verifier(TEXT.replace('{"x": 1}', '\n{"x": 1}'), TEXT)

    assert verifier(TEXT, TEXT).parts == {"format": 1.0, "correctness": 3.0, "length": 0.0}
    assert (verifier(TEXT, TEXT).score, verifier(TEXT, TEXT).success) == (4.0, True)
    assert (true_for_one.score, true_for_one.success) == (4.0, False)
    assert (pretty.score, pretty.success) == (-2.0, True)


def test_in_the_mode_toolrl_a_list_stands_for_the_ground_truth_with_these_calls() -> None:
    verifier = ToolCallVerifier(mode="toolrl")
    one_call: list[Any] = [[CALL], json.dumps([CALL]), TEXT]
    nothing: list[Any] = [[], None, "[]", RESPONSE]

    for target in one_call:
        assert verifier(TEXT, target).score == 4.0
    for target in nothing:
        assert verifier(RESPONSE, target).score == 1.0
        assert verifier(TEXT, target).success is False


def test_in_the_mode_toolrl_a_response_must_be_there_exactly_if_it_is_wanted() -> None:
    verifier = ToolCallVerifier(mode="toolrl")
    thought = "<think> t </think>"

    assert verifier(thought, thought).success
    assert not verifier(RESPONSE, thought).success
    assert not verifier(thought, RESPONSE).success


def test_the_step_can_be_moved_on() -> None:
    verifier = ToolCallVerifier(mode="toolrl", two_stage=True)
    before = verifier(TEXT, TEXT).score
    verifier.step = 30

    assert (before, verifier(TEXT, TEXT).score) == (2.0, 3.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "tool_rl"}, "got 'tool_rl'"),
        ({"dialect": "xml"}, "'xml' is not a valid Dialect"),
        ({"score_range": (1.0, 0.0)}, r"got \(1.0, 0.0\)"),
        ({"score_range": (0.0, float("inf"))}, "score_range must be"),
        ({"score_range": (0.0, 0.5, 1.0)}, "score_range must be"),
        ({"credit": "coarse"}, "need mode='toolrl'"),
        ({"step": 3}, "need mode='toolrl'"),
        ({"mode": "toolrl", "credit": "rough"}, "got 'rough'"),
        ({"mode": "toolrl", "length": "long"}, "got 'long'"),
        ({"mode": "toolrl", "step": -1}, "at least 0, got -1"),
        ({"mode": "toolrl", "tools": [{"name": "f"}]}, "need mode='exact'"),
        ({"mode": "toolrl", "dialect": "json"}, "need mode='exact'"),
    ],
)
def test_a_bad_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToolCallVerifier(**arguments)


DEEP: list[Any] = []
for _ in range(2_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("f(x=1)", "not JSON"),
        ([{"name": "f", "parameters": {"x": {1, 2}}}], "target must hold JSON values: {1, 2}"),
        ([{"name": "f", "parameters": {"x": float("nan")}}], "nan is not JSON"),
        ([{"name": "f", "parameters": {"x": DEEP}}], "target must hold JSON values"),
        ([{"name": "f", "parameters": {1: 2}}], "the name 1 is not JSON"),
    ],
)
def test_a_bad_target_is_named(target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToolCallVerifier()(TEXT, target)


@given(
    st.text()
    | st.text(alphabet='[]{}"<>/:,f(x=1)').map(lambda text: f"<tool_call>{text}</tool_call>")
)
def test_every_completion_has_a_score_in_range(text: str) -> None:
    exact = ToolCallVerifier()(text, [CALL])
    toolrl = ToolCallVerifier(mode="toolrl")(text, TEXT)

    assert exact.score is not None
    assert 0.0 <= exact.score <= 1.0
    assert exact.success is (exact.score == 1.0)
    assert toolrl.score is not None
    assert -3.0 <= toolrl.score <= 4.0
