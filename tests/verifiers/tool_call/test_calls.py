"""Calls are equal exactly if their JSON is, and a target that holds none is named."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.tool_call.calls import ToolCall, as_wanted_calls, json_key

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, width=32)
).filter(lambda value: value not in (float("inf"), float("-inf")))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("1", "1.0", True),
        ("0", "-0.0", True),
        ("true", "1", False),
        ("false", "0", False),
        ("null", "0", False),
        ('"1"', "1", False),
        ('"null"', "null", False),
        ("[]", "{}", False),
        ("[1, 2]", "[2, 1]", False),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1.0}', True),
        ('{"a": [true]}', '{"a": [1]}', False),
        ('["bool", true]', "true", False),
        ('[["a", 1]]', '{"a": 1}', False),
        ("0.1", "0.1000", True),
        ("9007199254740991", "9007199254740991.0", True),
        ("9007199254740992", "9007199254740992.0", False),
        ("9007199254740993", "9007199254740992.0", False),
        ("1e300", "1e300", True),
        ('"2024-1-11"', '"2024-11-1"', False),
        ('"é"', '"\\u00e9"', True),
        ('"e\\u0301"', '"\\u00e9"', False),
    ],
)
def test_values_are_equal_as_json(left: str, right: str, equal: bool) -> None:
    assert (json_key(json.loads(left)) == json_key(json.loads(right))) is equal
    assert (
        ToolCall("f", {"x": json.loads(left)}) == ToolCall("f", {"x": json.loads(right)})
    ) is equal


@given(JSON, JSON)
def test_keys_agree_with_sorted_json_text_where_numbers_are_alike(left: Any, right: Any) -> None:
    def text(value: Any) -> str:
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        if isinstance(value, list):
            return f"[{','.join(map(text, value))}]"
        if isinstance(value, dict):
            return f"{{{','.join(sorted(f'{json.dumps(k)}:{text(v)}' for k, v in value.items()))}}}"
        return f"float {value!r}" if isinstance(value, float) else json.dumps(value)

    assert (json_key(left) == json_key(right)) == (text(left) == text(right))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), (1,), {1}, b"x", {1: 2}, [object()]])
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="is not JSON"):
        json_key(value)


def test_the_wanted_calls_may_be_a_list_one_call_or_json() -> None:
    call = ToolCall("f", {"x": 1})

    as_dict = call.to_dict()
    targets: list[Any] = [[as_dict], as_dict, [call], (call,), json.dumps([as_dict])]
    nothing: list[Any] = [None, [], "null", "[]"]

    assert all(as_wanted_calls(target) == [call] for target in targets)
    assert all(as_wanted_calls(target) == [] for target in nothing)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (3, "a list of calls, None or JSON text, got 3"),
        ("f(x=1)", "not JSON"),
        ('[{"name": "f", "parameters": {"x": 1, "x": 2}}]', "'x' stands twice"),
        ("3", "a list of calls"),
        ([{"name": "f"}], "the keys 'name' and 'parameters', got {'name': 'f'} at index 0"),
        ([{"name": "f", "arguments": {}}], "'arguments': {}} at index 0"),
        ([{"name": "", "parameters": {}}], "a name and a dict"),
        ([{"name": "f", "parameters": "{}"}], "a name and a dict"),
        (["f"], "got 'f' at index 0"),
        ([{"name": "f", "parameters": {}}] * 257, "at most 256 calls, got 257"),
    ],
)
def test_a_target_that_is_no_calls_is_named(target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_wanted_calls(target)


def test_equal_calls_have_one_hash_and_other_types_are_never_equal() -> None:
    assert len({ToolCall("f", {"x": 1}), ToolCall("f", {"x": 1.0}), ToolCall("g")}) == 2
    assert ToolCall("f") != "f"
