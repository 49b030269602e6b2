"""Each thing that is wrong with an episode has its label, and a success has none."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.bench.failures import Failure, failures_of
from llmenvs.trajectory import StopReason

Calls = list[dict[str, Any]]


def call(name: str, **parameters: Any) -> dict[str, Any]:
    return {"name": name, "parameters": parameters}


def failures(
    wanted: Calls | None = None,
    made: Calls | None = None,
    *,
    said: str = "…",
    status: str = "scored",
    stop: StopReason = StopReason.TERMINATED,
    parts: dict[str, float] | None = None,
    **more: Any,
) -> list[str]:
    given_: dict[str, Any] = {
        "success": False,
        "stop_reason": stop,
        "verdict": {"status": status, "parts": parts or {}},
        "completions": [said],
        "wanted_calls": wanted,
        "predicted_calls": made or [],
        **more,
    }
    return [failure.value for failure in failures_of(**given_)]


@pytest.mark.parametrize(
    ("wanted", "made", "labels"),
    [
        ([call("f", x=1)], [call("g", x=1)], ["wrong_tool"]),
        ([call("f", x=1)], [], ["missing_call"]),
        ([], [call("f")], ["extra_call"]),
        ([call("f", x=1)], [call("f", x=1), call("f", x=1)], ["extra_call"]),
        ([call("f", x=1)], [call("f", y=1)], ["wrong_parameter_name"]),
        ([call("f", x=1)], [call("f")], ["wrong_parameter_name"]),
        ([call("f", x=1)], [call("f", x=True)], ["wrong_value"]),
        (
            [call("f", x=1), call("f", x=2), call("g")],
            [call("f", x=2), call("f", x=3), call("h"), call("i")],
            ["wrong_value", "wrong_tool", "extra_call"],
        ),
        ([call("f", x=1), call("g")], [call("f", x=2)], ["wrong_value", "missing_call"]),
        ([], [], ["wrong_answer"]),
    ],
)
def test_calls_are_paired_as_they_fit_best(wanted: Calls, made: Calls, labels: list[str]) -> None:
    assert failures(wanted, made) == labels


def test_calls_of_bfcl_are_held_against_all_possible_answers() -> None:
    properties = {"x": {"type": "integer"}, "unit": {"type": "string"}}
    target = {
        "category": "multiple",
        "functions": [{"name": "f", "parameters": {"properties": properties, "required": ["x"]}}],
        "possible_answer": [{"f": {"x": [1, 2], "unit": ["m", ""]}}],
    }
    wanted = [call("f", x=1)]

    assert failures(wanted, [call("f", x=2), call("f")], target=target) == ["extra_call"]
    assert failures(wanted, [call("f", x=2, unit="km")], target=target) == ["wrong_value"]
    assert failures(wanted, [call("f", unit="m")], target=target) == ["wrong_parameter_name"]
    relevance = {**target, "category": "live_relevance", "possible_answer": []}
    assert failures([], [], target=relevance) == ["missing_call"]
    assert failures([], [call("g")], target=relevance) == ["wrong_tool"]


def test_where_a_world_decides_a_call_too_many_is_no_failure() -> None:
    parts = {"side_effects": 0.0, "facts": 0.0}
    made = [call("f", x=1), call("look")]

    assert failures([call("f", x=1)], made, parts=parts) == ["wrong_answer"]
    assert failures([call("f", x=1)], made, parts={"side_effects": 1.0}) == ["side_effect"]
    assert failures([call("f", x=1)], [], stop=StopReason.TRUNCATED, parts=parts) == [
        "limit", "missing_call",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given_", "labels"),
    [
        ({"status": "no_answer"}, ["no_answer"]),
        ({"status": "no_answer", "parts": {"format": 0.0}}, ["format"]),
        ({}, ["wrong_answer"]),
        ({"said": " "}, ["no_answer"]),
        ({"said": "", "wanted": [call("f")]}, ["no_answer"]),
        ({"verdict": None, "stop": StopReason.TOKEN_LIMIT}, ["limit"]),
        ({"wanted": [call("f")], "call_problems": ["not JSON"]}, ["format"]),
        ({"success": None, "stop": StopReason.ERROR, "error": "EndpointError('x')"}, ["endpoint"]),
        ({"success": None, "stop": StopReason.ERROR, "error": "KeyError(1)"}, ["undecided"]),
        ({"success": None, "stop": StopReason.UNDECIDED}, ["undecided"]),
        ({"success": True}, []),
    ],
)
def test_what_is_no_matter_of_calls_has_labels_too(
    given_: dict[str, Any], labels: list[str]
) -> None:
    assert failures(**given_) == labels


CALLS = st.lists(
    st.builds(
        lambda name, value: call(name, x=value),
        st.sampled_from("fgh"),
        st.one_of(st.integers(0, 2), st.booleans(), st.none(), st.text(max_size=2)),
    ),
    max_size=4,
)


@settings(max_examples=60)
@given(CALLS, CALLS)
def test_equal_calls_in_any_order_have_no_failure_of_calls_and_others_have_one(
    wanted: Calls, made: Calls
) -> None:
    of_calls = {
        Failure.WRONG_TOOL, Failure.MISSING_CALL, Failure.EXTRA_CALL, Failure.WRONG_VALUE,
    }  # fmt: skip

    assert not of_calls & set(failures(wanted, wanted[::-1]))
    key = repr
    if sorted(map(key, wanted)) != sorted(map(key, made)):
        assert of_calls & set(failures(wanted, made))
