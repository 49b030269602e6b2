"""Calls stand beside those that were wanted, as the verifier pairs them."""

from typing import Any

from llmenvs.bench.report.call_diff import Difference, diff_calls


def call(name: str, **parameters: Any) -> dict[str, Any]:
    return {"name": name, "parameters": parameters}


def states(wanted: list[dict[str, Any]], called: list[dict[str, Any]]) -> list[str]:
    return [diff.difference.value for diff in diff_calls(wanted, called)]


def test_equal_calls_are_the_same_in_any_order() -> None:
    assert states([call("f", x=1), call("g")], [call("g"), call("f", x=1)]) == ["same", "same"]
    assert states([call("f", x=1)], [call("f", x=1.0)]) == ["same"], "equal as JSON"


def test_a_call_too_many_and_one_too_few_are_told_apart() -> None:
    assert states([call("f")], [call("g")]) == ["missing", "extra"]
    assert states([], [call("g", x=1)]) == ["extra"]
    assert states([call("f")], []) == ["missing"]
    assert diff_calls([], []) == []


def test_of_two_calls_of_a_name_those_that_fit_are_paired() -> None:
    wanted = [call("f", x=1, y=1), call("f", x=2, y=2)]
    first, second = diff_calls(wanted, [call("f", x=2, y=2), call("f", x=1, y=3)])
    assert {first.difference, second.difference} == {Difference.SAME, Difference.DIFFERENT}


def test_each_parameter_says_how_it_differs() -> None:
    (diff,) = diff_calls([call("f", a=1, b=[1], c="x")], [call("f", a=1, b=[2], d=True)])
    found = {p.name: (p.difference.value, p.wanted, p.called) for p in diff.parameters}
    assert found == {
        "a": ("same", "1", "1"),
        "b": ("different", "[1]", "[2]"),
        "c": ("missing", '"x"', None),
        "d": ("extra", None, "true"),
    }
