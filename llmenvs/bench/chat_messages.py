"""Prompts as the messages of a chat endpoint, and its tool calls as the text environments read.

A native tool call becomes a ``<tool_call>`` block with the arguments as the model wrote them, so
that arguments that are no JSON object are the policy's fault and no fault of the endpoint. On the
way back such a block becomes an assistant's message with ``tool_calls``, and the results that
follow become messages of the role ``tool``, one for each call. What cannot be sent so, since its
calls could not be read, is sent as the text that it is.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmenvs.policy import ToolSchema
from llmenvs.transcript import Message
from llmenvs.verifiers.tool_call import ToolCall, parse_tool_calls
from llmenvs.verifiers.tool_call.parse import Dialect

_BLOCK = "<tool_call>"


@dataclass(frozen=True, slots=True)
class NativeCall:
    """A tool call as an endpoint gives it.

    Attributes:
        name: of the function.
        arguments: as the model wrote them: JSON, if all is well.
    """

    name: str
    arguments: str


def text_of_calls(content: str, calls: Sequence[NativeCall]) -> str:
    r"""Return what a policy says natively as the text that an environment reads.

    >>> text_of_calls("", [NativeCall("f", '{"x":  1}')])
    '<tool_call>\n{"name": "f", "arguments": {"x":  1}}\n</tool_call>'
    """
    if not calls:
        return content
    rows = [f'{{"name": {json.dumps(c.name)}, "arguments": {_arguments(c)}}}' for c in calls]
    # In JSON it can only stand in a string; as it is, a tag in there would be read as a tag.
    rows = [row.replace("<", "\\u003c") for row in rows]
    return "\n".join([*([content] if content else []), _BLOCK, *rows, "</tool_call>"])


def openai_tools(tools: Sequence[ToolSchema]) -> list[dict[str, Any]]:
    """Return tools as chat endpoints take them."""
    empty = {"type": "object", "properties": {}}
    return [{"type": "function", "function": {"parameters": empty, **dict(tool)}} for tool in tools]


def text_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages without tools: what a tool said is said by the user."""
    return [
        {"role": _spoken_by(message["role"]), "content": message["content"]} for message in messages
    ]


def native_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    r"""Return messages whose calls and results are such; see the module.

    >>> call = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'
    >>> said = native_messages([{"role": "assistant", "content": call},
    ...                         {"role": "tool", "content": "f: 3"}])
    >>> said[0]["tool_calls"][0]["function"], said[1]["content"]
    ({'name': 'f', 'arguments': '{}'}, '3')
    """
    sent: list[dict[str, Any]] = []
    waiting: list[tuple[str, str]] = []  # (id, name) of calls without a result
    for index, message in enumerate(messages):
        role, content = message["role"], message["content"]
        if role == "tool" and waiting:
            names = [name for _, name in waiting]
            for (call_id, _), text in zip(waiting, _results(content, names), strict=True):
                sent.append({"role": "tool", "tool_call_id": call_id, "content": text})
            waiting = []
            continue
        sent += [_unanswered(call_id) for call_id, _ in waiting]
        waiting = []
        calls = _calls(content) if role == "assistant" else ()
        if not calls:
            sent.append({"role": _spoken_by(role), "content": content})
            continue
        ids = [f"call_{index}_{number}" for number in range(len(calls))]
        waiting = [(call_id, call.name) for call_id, call in zip(ids, calls, strict=True)]
        sent.append(_calling(content, ids, calls))
    return sent + [_unanswered(call_id) for call_id, _ in waiting]


def _spoken_by(role: str) -> str:
    return "user" if role == "tool" else role


def _arguments(call: NativeCall) -> str:
    """Return the arguments as they are where they are an object, else as a JSON string of them."""
    if not call.arguments.strip():
        return "{}"  # so say some servers where a tool takes nothing
    try:
        is_object = isinstance(json.loads(call.arguments), dict)
    except (ValueError, RecursionError):
        is_object = False
    return call.arguments.strip() if is_object else json.dumps(call.arguments)


def _calls(content: str) -> tuple[ToolCall, ...]:
    if _BLOCK not in content:
        return ()
    parsed = parse_tool_calls(content, dialect=Dialect.TAGGED)
    return parsed.calls if parsed.well_formed else ()


def _calling(content: str, ids: Sequence[str], calls: Sequence[ToolCall]) -> dict[str, Any]:
    said = content[: content.index(_BLOCK)].strip()
    return {
        "role": "assistant",
        "content": said or None,
        "tool_calls": [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": _dumped(call.parameters)},
            }
            for call_id, call in zip(ids, calls, strict=True)
        ],
    }


def _dumped(parameters: Mapping[str, Any]) -> str:
    return json.dumps(dict(parameters), ensure_ascii=False)


def _unanswered(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": ""}


def _results(content: str, names: Sequence[str]) -> list[str]:
    """Return the result of each call of an observation, whose results are headed by their names.

    What does not look so is the result of the first call.
    """
    text = content.removeprefix("\n<obs>\n").removesuffix("\n</obs>\n")
    starts: list[tuple[int, int]] = []
    position = 0
    for name in names:
        found = re.compile(rf"^{re.escape(name)}: ", re.MULTILINE).search(text, position)
        if found is None or (not starts and found.start() > 0):
            return [text] + [""] * (len(names) - 1)
        starts.append((found.start(), found.end()))
        position = found.end()
    ends = [start - 1 for start, _ in starts[1:]] + [len(text)]
    return [text[begin:end] for (_, begin), end in zip(starts, ends, strict=True)]
