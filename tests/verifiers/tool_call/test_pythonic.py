"""Calls in Python's notation read as Python's own parser reads their literals, and nothing runs."""

import ast
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.verifiers.tool_call.calls import ToolCall, json_key
from llmenvs.verifiers.tool_call.pythonic import NotCallsError, read_pythonic_calls

LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(-1e30, 1e30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)
NAMES = st.from_regex(r"[a-z_]\w{0,5}", fullmatch=True)


@settings(max_examples=40)
@given(st.lists(st.tuples(NAMES, st.dictionaries(NAMES, LITERALS, max_size=3)), max_size=3))
def test_calls_written_by_repr_are_read_back(calls: list[tuple[str, dict[str, Any]]]) -> None:
    written = [
        f"{name}({', '.join(f'{key}={value!r}' for key, value in parameters.items())})"
        for name, parameters in calls
    ]

    read = read_pythonic_calls(f"[{', '.join(written)}]")
    assert read == [ToolCall(name, parameters) for name, parameters in calls]


@given(st.text(alphabet="'\"\\nrxu0019aU{}N \n#é\u2028", max_size=14))
def test_a_string_is_what_python_makes_of_it_or_is_refused(body: str) -> None:
    literal = f'"{body}"'
    try:
        (call,) = read_pythonic_calls(f"f(x={literal})")
    except NotCallsError:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of escapes that it does not know
            expected = ast.literal_eval(literal)
    except SyntaxError:
        pytest.fail(f"read {call.parameters['x']!r} out of {literal}")

    assert call.parameters["x"] == expected


@pytest.mark.parametrize(
    "literal",
    [
        "1", "-1", "+1", "0", "1_000", "1.5", "-.5", "1.", "1e3", "1.5E-3", "True", "None",
        "'a' 'b'", '"it\'s"', "r'\\d'", "u'x'", "'''a\nb'''",
        '"""a"b"""', "''", "'\\x41\\101\\u00e9'",
        "'\\d'", "[1, [2], ]", "{'a': {'b': []},}", "(1)", "[]", "{}",
    ],
)  # fmt: skip
def test_literals_are_those_of_python(literal: str) -> None:
    (call,) = read_pythonic_calls(f"f(x={literal})")
    if "\\d'" in literal and literal[0] != "r":
        assert call.parameters["x"] == "\\d"
        return

    assert json_key(call.parameters["x"]) == json_key(ast.literal_eval(literal))


def test_a_tuple_is_a_list() -> None:
    (call,) = read_pythonic_calls("f(x=(1, 2), y=(1,), z=())")

    assert call.parameters == {"x": [1, 2], "y": [1], "z": []}


@pytest.mark.parametrize(
    "text",
    [
        "f(a=1)", " f ( a = 1 , ) ", "[f(a=1)]", "[ f(a=1), ]", "[f(a=1),\n f(a=2)]",
        "f(a=1), f(a=2)",
    ],
)  # fmt: skip
def test_calls_stand_alone_or_in_a_list(text: str) -> None:
    assert read_pythonic_calls(text)[0] == ToolCall("f", {"a": 1})


@pytest.mark.parametrize(
    "text",
    [
        "", "f", "f(", "f()x", "f(1)", "f(a)", "f(a=b)", "f(a=1+1)", "f(a=2-1)", "f(a=--1)",
        "f(a=1, a=2)",
        "f(a=g())", "f(a=open('x'))", "f(a=[x for x in y])", "f(a=lambda: 1)", "f(a=f'{1}')",
        "f(a=b'x')", "f(a={1: 2})", "f(a={1, 2})", "f(a={'k': 1, 'k': 2})", "f(a=1j)", "f(a=007)",
        "f(a=0x1f)", "f(a=nan)", "f(a=true)", "f(a=1e999)", "f(a=1__0)", "f(a.b=1)",
        "f(**{'a': 1})",
        "f(a='x)", "f(a='''x')", "f(a='\\x4')", "f(a='\\N{DASH}')", "f(a=1)(b=2)", "f(a=[1)",
        "[f(a=1)",
        "[f(a=1)]]", "[1]", "f(a=1);g()", "f(a=1) # no", "f.g.(a=1)", "f(a=\u0663)",
        "f(a=" + "9" * 4301 + ")",
        "f(a=" + "[" * 65 + "]" * 65 + ")", "f(a='\\U00110000')",
    ],
)  # fmt: skip
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(NotCallsError):
        read_pythonic_calls(text)


def test_an_error_says_what_was_expected_and_where() -> None:
    with pytest.raises(NotCallsError, match=r"expected '=' near character 4, got '\)'"):
        read_pythonic_calls("f(a)")
    with pytest.raises(NotCallsError, match="expected '\\]' near character 7, got the end"):
        read_pythonic_calls("[f(a=1)")
