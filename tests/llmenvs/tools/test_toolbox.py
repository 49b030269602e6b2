"""A call of a tool never raises and never outlives its time, whatever the policy wrote."""

import json
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.tools import (
    Tool,
    Toolbox,
    ToolError,
    ToolResultKind,
    TransientToolError,
    tool,
)

OBJECT = {"type": "object"}


@tool(timeout_s=None)
def double(amount: float, unit: str = "km") -> dict[str, Any]:
    """Double an amount."""
    return {"amount": amount * 2, "unit": unit}


@tool(timeout_s=None)
def fail(how: str) -> None:
    """Fail."""
    errors: dict[str, BaseException] = {
        "tool": ToolError("no order 17"),
        "busy": TransientToolError("come back later"),
        "key": KeyError("x"),
        "exit": SystemExit(3),
        "deep": RecursionError("too deep"),
    }
    raise errors[how]


BOX = Toolbox([double, fail])


@pytest.mark.parametrize(
    ("how", "kind", "text"),
    [
        ("tool", ToolResultKind.FAILED, "Error: no order 17"),
        ("busy", ToolResultKind.TRANSIENT, "Error: come back later"),
        ("key", ToolResultKind.FAILED, "Error: fail raised KeyError: 'x'"),
        ("exit", ToolResultKind.FAILED, "Error: fail raised SystemExit: 3"),
        ("deep", ToolResultKind.FAILED, "Error: fail raised RecursionError: too deep"),
    ],
)
def test_what_a_tool_raises_is_an_observation(how: str, kind: ToolResultKind, text: str) -> None:
    result = BOX.call("fail", {"how": how})

    assert (result.kind, result.text, result.ok) == (kind, text, False)


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("double", {}, "Error: double: 'amount' is a required property"),
        ("double", {"amount": "2"}, "Error: double: amount: '2' is not of type 'number'"),
        ("double", {"amount": True}, "Error: double: amount: True is not of type 'number'"),
        ("double", {"amount": 1, "units": "m"}, "'units' was unexpected"),
        ("duble", {"amount": 1}, "there is no tool 'duble'; did you mean 'double'?"),
        ("x" * 5_000, {}, "The tools are: double, fail"),
    ],
)
def test_a_call_that_does_not_meet_the_schema_is_told_what_is_wrong(
    name: str, arguments: dict[str, Any], text: str
) -> None:
    result = BOX.call(name, arguments)

    assert not result.ok
    assert text in result.text
    assert len(result.text) < 500


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.text() | st.sampled_from(["double", "fail"]), st.dictionaries(st.text(), json_values))
def test_no_call_raises(name: str, arguments: dict[str, Any]) -> None:
    assert BOX.call(name, arguments).text


def test_arguments_nested_ten_thousand_deep_are_an_observation() -> None:
    schema = {
        "type": "object",
        "properties": {"tree": {"$ref": "#/$defs/tree"}},
        "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
    }
    box = Toolbox([Tool("grow", "Grow.", schema, function=lambda *, tree: len(tree))])
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]

    assert box.call("grow", {"tree": [[], []]}).text == "2"
    assert box.call("grow", {"tree": deep}).text == "Error: grow: the arguments are nested too deep"


def test_a_schema_that_points_to_the_network_is_never_followed() -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}}
    box = Toolbox([Tool("far", "Far.", schema, function=lambda a: a)])

    result = box.call("far", {"a": 1})

    assert result.kind is ToolResultKind.BAD_ARGUMENTS
    assert "http://127.0.0.1:9/schema.json" in result.text


def test_a_tool_that_never_returns_is_left_and_its_thread_stopped() -> None:
    seen: list[int] = []

    def spin() -> None:
        try:
            while True:
                seen.append(1)
        except Exception:  # noqa: S110 (a tool that tries to go on)
            pass

    box = Toolbox([Tool("spin", "Spin.", OBJECT, function=spin, timeout_s=0.1)])
    started = time.monotonic()

    result = box.call("spin", {})

    assert result.kind is ToolResultKind.TIMEOUT
    assert result.text == "Error: spin did not return within its time"
    assert time.monotonic() - started < 5.0
    for thread in threading.enumerate():
        if thread.name == "tool":
            thread.join(5.0)
    assert not any(thread.name == "tool" for thread in threading.enumerate())


def test_a_result_is_json_unless_it_is_a_text() -> None:
    values: list[Any] = ["as it is", b"caf\xe9", {"a": [1, None]}, float("inf"), object]
    box = Toolbox([Tool("give", "Give.", OBJECT, function=lambda i: values[i])])

    texts = [box.call("give", {"i": index}).text for index in range(5)]

    assert texts[:3] == ["as it is", "caf\ufffd", '{"a":[1,null]}']
    assert texts[3] == "Infinity"
    assert "object" in texts[4]


def test_lone_surrogates_in_a_result_are_an_observation() -> None:
    box = Toolbox([Tool("give", "Give.", OBJECT, function=lambda: {"a": "\ud800"})])

    assert box.call("give", {}).text


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'double' comes twice"):
        Toolbox([double, double])


def test_the_schemas_are_json_and_in_their_order() -> None:
    assert [schema["name"] for schema in BOX.schemas] == ["double", "fail"]
    assert json.loads(json.dumps(BOX.schemas)) == BOX.schemas


def test_importing_the_core_does_not_import_pydantic() -> None:
    import subprocess

    code = "import sys, llmenvs; sys.exit('pydantic' in sys.modules or 'mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
