"""The calls of every notation are read, no thought or page is taken for one, nothing raises."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.tool_call.calls import MAX_CALLS, ToolCall
from llmenvs.verifiers.tool_call.parse import (
    Dialect,
    calls_of_message,
    parse_tool_calls,
    without_thoughts,
)

F = ToolCall("f", {"x": 1})
OBJECT = '{"name": "f", "parameters": {"x": 1}}'
MESSAGE = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    ],
}
PIECES = st.lists(
    st.sampled_from(
        ["<tool_call>", "</tool_call>", "<think>", "</think>", "<information>", OBJECT, "\n",
         "```json", "```", "[", "]", "{", '"', "f(x=1)", "f(", ",", "\\",
         '"name":', "<|im_end|>", "\ud800"]
    )
    | st.text(max_size=4)
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    ("completion", "dialect"),
    [
        (f"<tool_call>{OBJECT}</tool_call>", Dialect.TAGGED),
        (f"<tool_call>\r\n{OBJECT}\r\n</tool_call>", Dialect.TAGGED),
        (f"<tool_call>[{OBJECT}]</tool_call>", Dialect.TAGGED),
        (f"<tool_call>\n```\n{OBJECT}\n```\n</tool_call>", Dialect.TAGGED),
        (f"so: <tool_call>{OBJECT}</tool_call> done", Dialect.TAGGED),
        (OBJECT, Dialect.JSON),
        (f"<think> t </think>\n\n[{OBJECT}]", Dialect.JSON),
        (f"```json\n{OBJECT}\n```", Dialect.JSON),
        (f"{OBJECT}<|eot_id|>", Dialect.JSON),
        (json.dumps(MESSAGE), Dialect.OPENAI),
        (json.dumps(MESSAGE["tool_calls"]), Dialect.OPENAI),
        ("f(x=1)", Dialect.PYTHONIC),
        ("[f(x=1)]", Dialect.PYTHONIC),
        ("```python\nf(x=1)\n```", Dialect.PYTHONIC),
        ("<|python_tag|>[f(x=1)]<|eom_id|>", Dialect.PYTHONIC),
    ],
)
def test_each_notation_is_recognised_and_can_be_asked_for(
    completion: str, dialect: Dialect
) -> None:
    found = parse_tool_calls(completion)

    assert (found.calls, found.problems, found.dialect) == ((F,), (), dialect)
    assert parse_tool_calls(completion, dialect=dialect) == found
    for other in set(Dialect) - {dialect}:
        assert parse_tool_calls(completion, dialect=other).calls == ()


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "The answer is f(x=1), I think.",
        "[1, 2, 3]",
        '{"answer": 42}',
        '{"name": "Ada", "age": 36}',
        "[see below (really)]",
        "{oops",
        "<think> <tool_call> </think> No tool fits.",
        f"<information><tool_call>{OBJECT}</tool_call></information>",
        "</tool_call>",
        "sin(x)",
        "\ud800",
    ],
)
def test_what_is_no_attempt_at_a_call_is_none(completion: str) -> None:
    found = parse_tool_calls(completion)

    assert (found.calls, found.problems, found.dialect) == ((), (), None)
    assert found.well_formed


@pytest.mark.parametrize(
    ("completion", "problem"),
    [
        ("<tool_call></tool_call>", "an empty <tool_call> block"),
        ("<tool_call>[]</tool_call>", "an empty <tool_call> block"),
        (f"<tool_call>{OBJECT}", "a <tool_call> block is never closed"),
        ("<tool_call>f(x=1)</tool_call>", "not JSON: Expecting value at character 11"),
        ("<tool_call>3</tool_call>", "not a call: '3'"),
        ('<tool_call>{"name": "f"}</tool_call>', "got the keys ['name']"),
        ('<tool_call>{"name": 3, "arguments": {}}</tool_call>', "a call needs a name"),
        (
            '<tool_call>{"name": "f", "arguments": {}, "parameters": {}}</tool_call>',
            "parameters or arguments, got the keys",
        ),
        (
            '<tool_call>{"name": "f", "arguments": "{}"}</tool_call>',
            "the parameters of 'f' must be an object",
        ),
        ('{"name": "f", "parameters": {"x": 1', "not JSON"),
        (OBJECT + " and so on", "not JSON"),
        ("[f(x=1, y=g())]", "expected a literal"),
        (json.dumps(MESSAGE).replace("1}", "1"), "the arguments of 'f': not JSON"),
    ],
)
def test_an_attempt_that_fails_is_a_problem(completion: str, problem: str) -> None:
    found = parse_tool_calls(completion)

    assert found.calls == ()
    assert problem in found.problems[0]
    assert not found.well_formed


def test_good_calls_are_kept_beside_bad_ones() -> None:
    found = parse_tool_calls(f"<tool_call>\n{OBJECT}\nbad\n{OBJECT}\n</tool_call>")

    assert found.calls == (F, F)
    assert len(found.problems) == 1


def test_a_closing_tag_in_a_string_closes_nothing() -> None:
    call = ToolCall("write", {"text": "</tool_call>\n<tool_call>"})

    found = parse_tool_calls(f"<tool_call>{json.dumps(call.to_dict())}</tool_call>")

    assert found.calls == (call,)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think> a </think>b", "b"),
        ("a </think>b", "b"),
        ("x<think>a</think>b<think>c</think>d", "x b d"),
        ("<think>a</think>b</think>c", "b c"),
        ("<think>a<think>b</think>c", "c"),
        ("<think> never closed", "<think> never closed"),
        ("no thought", "no thought"),
    ],
)
def test_thoughts_are_left_out(text: str, rest: str) -> None:
    assert without_thoughts(text).split() == rest.split()


def test_a_message_of_an_endpoint_is_read_as_it_comes() -> None:
    assert calls_of_message(MESSAGE).calls == (F,)
    assert calls_of_message({"role": "assistant", "content": "no"}).calls == ()
    assert calls_of_message({"tool_calls": 3}).problems == ("not a call: '3'",)


@given(PIECES, st.sampled_from([None, *Dialect]))
def test_nothing_that_a_model_writes_raises(text: str, dialect: Dialect | None) -> None:
    found = parse_tool_calls(text, dialect=dialect)

    assert found == parse_tool_calls(text, dialect=dialect)
    assert all("\n" not in problem for problem in found.problems)


@pytest.mark.parametrize(
    "completion",
    [
        "<tool_call>" * 10_000,
        "<tool_call></tool_call>" * 5_000,
        "<tool_call>\n" + "{\n" * 50_000,
        "<tool_call>\n" + "{\n" * 40_000 + "</tool_call>",
        '<tool_call>\n{"a":"' * 5_000,
        '<tool_call>{"</tool_call>' * 4_000,
        '<tool_call>{"a": [' + "1," * 50_000 + "</tool_call>",
        f"<tool_call>{'[' * 10_000}{']' * 10_000}</tool_call>",
        f'<tool_call>{{"name": "f", "parameters": {{"x": {"9" * 100_000}}}}}</tool_call>',
        f"<tool_call>{OBJECT * 3_000}</tool_call>",
        f"<tool_call>{'```' * 30_000}</tool_call>",
        "<think>" * 15_000,
        "</think>" * 12_000,
        "<think></think>" * 7_000,
        "[" * 100_000,
        '{"name": ' * 10_000,
        '{"name":"f","parameters":' + '{"a":' * 10_000 + "1" + "}" * 10_001,
        "f(a=" + "[" * 10_000 + "]" * 10_000 + ")",
        "f(a=" + "'" * 100_000 + ")",
        "f(a=" + "'\\" * 50_000 + ")",
        "f(a=" + "-" * 100_000 + "1)",
        "f(a=" + "a." * 50_000 + "b)",
        "[" + "f(a=1)," * 14_000 + "]",
        '"\\' * 50_000,
        "```" * 33_000,
    ],
    ids=range(25),
)
def test_hostile_completions_are_bounded(completion: str) -> None:
    found = parse_tool_calls(completion)

    assert len(found.calls) <= MAX_CALLS
    assert len(found.problems) <= MAX_CALLS + 2
    assert sum(map(len, found.problems)) < 500 * (len(found.problems) + 1)
