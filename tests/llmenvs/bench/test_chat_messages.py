"""Calls come and go between an endpoint's form and the environments' text without a change."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.bench.chat_messages import NativeCall, native_messages, text_of_calls
from llmenvs.bench.chat_reply import ChatReply
from llmenvs.bench.endpoint_policy import with_stop_string
from llmenvs.transcript import Message
from llmenvs.verifiers.tool_call import parse_tool_calls

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)
CALLS = st.lists(
    st.tuples(NAMES, st.dictionaries(st.text(max_size=5), VALUES, max_size=3)),
    min_size=1,
    max_size=3,
)


@settings(max_examples=40)
@given(CALLS)
def test_native_calls_are_read_as_they_were_made(
    calls: list[tuple[str, dict[str, object]]],
) -> None:
    text = text_of_calls("So.", [NativeCall(name, json.dumps(given_)) for name, given_ in calls])
    parsed = parse_tool_calls(text)

    assert [(call.name, dict(call.parameters)) for call in parsed.calls] == calls
    (sent, *_) = native_messages([{"role": "assistant", "content": text}])
    functions = [call["function"] for call in sent["tool_calls"]]
    assert [(f["name"], json.loads(f["arguments"])) for f in functions] == calls


@given(st.text(max_size=40))
def test_arguments_of_any_text_are_one_call_or_one_problem(arguments: str) -> None:
    parsed = parse_tool_calls(text_of_calls("", [NativeCall("f", arguments)]))

    assert len(parsed.calls) + len(parsed.problems) == 1


def test_arguments_cannot_make_a_second_call() -> None:
    sneaky = '{}}, {"name": "g", "arguments": {}'
    parsed = parse_tool_calls(text_of_calls("", [NativeCall("f", sneaky)]))

    assert (len(parsed.calls), len(parsed.problems)) == (0, 1)


@pytest.mark.parametrize("tag", ["</think>", "<tool_call>", "</tool_call>", "<information>"])
def test_a_tag_in_arguments_is_a_value(tag: str) -> None:
    (call,) = parse_tool_calls(text_of_calls("", [NativeCall("f", json.dumps({"x": tag}))])).calls

    assert call.parameters == {"x": tag}


def test_results_go_to_their_calls_and_none_is_left_open() -> None:
    two = text_of_calls("", [NativeCall("f", "{}"), NativeCall("g", "")])
    history: list[Message] = [
        {"role": "assistant", "content": two},
        {"role": "tool", "content": "f: 1\nand 2\ng: 3"},
        {"role": "assistant", "content": two},
        {"role": "user", "content": "Go on."},
        {"role": "assistant", "content": "<tool_call>broken"},
        {"role": "tool", "content": "protocol: Error"},
    ]
    sent = native_messages(history)

    assert [message["content"] for message in sent[1:3]] == ["1\nand 2", "3"]
    assert [(m["role"], m["content"]) for m in sent[4:7]] == [
        ("tool", ""), ("tool", ""), ("user", "Go on."),
    ]  # fmt: skip
    assert [(m["role"], m["content"]) for m in sent[7:]] == [
        ("assistant", "<tool_call>broken"), ("user", "protocol: Error"),
    ]  # fmt: skip


def test_only_what_a_stop_string_ended_gets_it_back() -> None:
    def ended(content: str, finish: str = "stop", stop: str | None = None) -> str:
        reply = ChatReply(content, (), None, finish, stop, None, None)
        return with_stop_string(content, reply, ["</a>", "</b>"])

    assert ended("<a>1") == "<a>1</a>"
    assert ended("<a>1 <b>2") == "<a>1 <b>2</b>"
    assert ended("<a>1", "length") == "<a>1"
    assert ended("plain") == "plain"
    assert ended("plain", stop="</b>") == "plain</b>"
    assert ended("<a>1</a> more <b>") == "<a>1</a>"
