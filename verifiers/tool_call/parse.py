r"""Read the tool calls out of a completion, in each of the notations that models are trained on.

| dialect | as in | looks like |
|---|---|---|
| tagged | ToolRL, Hermes, Qwen | ``<tool_call>`` around one or more JSON objects |
| json | Llama 3.1 | the completion is a JSON object, or an array of such |
| openai | chat completions | the completion is a message with ``tool_calls``, or that list |
| pythonic | Llama 3.2, BFCL | the completion is ``[f(a=1), g(b="x")]`` |

A call object has ``name`` and either ``parameters`` or ``arguments``, an object; only OpenAI's
messages give the arguments as a JSON string. Line breaks, indentation, arrays, code fences and
blank lines change nothing. Thoughts in ``<think>`` hold no calls, and ``<information>`` is not the
policy's. What was meant as a call but cannot be read is a problem; it counts as a call that nobody
wanted. The cost is linear, and about `MAX_CALLS` calls and problems are read at most.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from llmenvs.verifiers.answer_spans import policy_text
from llmenvs.verifiers.tool_call.calls import MAX_CALLS, ToolCall
from llmenvs.verifiers.tool_call.pythonic import NotCallsError, read_pythonic_calls
from llmenvs.verifiers.tool_call.strict_json import JSONReader, NotJSONError, read_json


class Dialect(StrEnum):
    """A notation of calls."""

    TAGGED = "tagged"
    JSON = "json"
    OPENAI = "openai"
    PYTHONIC = "pythonic"


@dataclass(frozen=True, slots=True)
class ParsedCalls:
    """The calls of a completion.

    Attributes:
        calls: in the order in which they stand.
        problems: one line for each piece that was meant as a call and cannot be read.
        dialect: the notation; None where there is no call and no attempt at one.
        source: the text that they were read from; "" where the dialect is None.
    """

    calls: tuple[ToolCall, ...] = ()
    problems: tuple[str, ...] = ()
    dialect: Dialect | None = None
    source: str = ""

    @property
    def well_formed(self) -> bool:
        """Whether all that was meant as a call can be read."""
        return not self.problems


def parse_tool_calls(completion: str, *, dialect: Dialect | None = None) -> ParsedCalls:
    """Return the calls in ``completion``; it never raises on one.

    Args:
        completion: what the policy wrote, of any length.
        dialect: the only notation to read; None takes the one that the completion is written in.

    >>> parse_tool_calls('<tool_call>{"name": "ping", "arguments": {}}</tool_call>').calls
    (ToolCall(name='ping', parameters={}),)
    >>> parse_tool_calls("<tool_call> ping </tool_call>").problems
    ('not JSON: Expecting value at character 12',)
    """
    text = without_thoughts(policy_text(completion))
    if dialect is None or dialect is Dialect.TAGGED:
        if "<tool_call>" in text:
            return _tagged(text)
        if dialect is not None:
            return ParsedCalls()
    body = _bare(text)
    if dialect is Dialect.PYTHONIC:
        return _pythonic(body)
    if body.startswith(("{", "[")):
        found = _json(body)
        if found.dialect is not None and dialect in (None, found.dialect):
            return found
    return _pythonic(body) if dialect is None else ParsedCalls()


def calls_of_message(message: Mapping[str, Any]) -> ParsedCalls:
    """Return the calls of an assistant message as an OpenAI-compatible endpoint returns it."""
    return _of_message(message, "")


def _of_message(message: Mapping[str, Any], source: str) -> ParsedCalls:
    items = message.get("tool_calls") or []
    return _collect(items if isinstance(items, list) else [items], Dialect.OPENAI, source)


def without_thoughts(text: str) -> str:
    """Return ``text`` without its thoughts.

    A thought goes from ``<think>`` to the next ``</think>``, or from the beginning where a template
    has already opened it. One that is never closed stays, and a second closing tag closes nothing:
    a call between the two is a call.
    """
    kept: list[str] = []
    position = 0
    while (end := text.find("</think>", position)) >= 0:
        start = text.find("<think>", position, end)
        if start >= 0:
            kept.append(text[position:start])
        elif position > 0:  # it closes nothing
            kept.append(text[position:end])
        position = end + len("</think>")
    kept.append(text[position:])
    return "\n".join(kept)


_FILLER = re.compile(r"\s*(?:```(?:\w+(?=\s))?\s*)*")
_BETWEEN = re.compile(rf"{_FILLER.pattern}(</tool_call>)?")
_OBJECT_ON_A_LINE = re.compile(r"\n\{|</tool_call>")


def _tagged(text: str) -> ParsedCalls:
    """Read all ``<tool_call>`` blocks; one ends at the first closing tag outside a JSON string."""
    reader = JSONReader(text)
    calls: list[ToolCall] = []
    problems: list[str] = []
    first = end = position = text.find("<tool_call>")
    while position >= 0:
        if len(calls) + len(problems) >= MAX_CALLS:
            problems.append(f"more than {MAX_CALLS} calls")
            break
        end = _block(reader, position + len("<tool_call>"), calls, problems)
        position = text.find("<tool_call>", end)
    return ParsedCalls(tuple(calls), tuple(problems), Dialect.TAGGED, text[first:end])


def _block(reader: JSONReader, position: int, calls: list[ToolCall], problems: list[str]) -> int:
    """Read the block that begins at ``position`` and return where it ends."""
    text = reader.text
    calls_before = len(calls)
    before = calls_before + len(problems)
    while True:
        between = _BETWEEN.match(text, position)
        position = position if between is None else between.end()
        if between is not None and between.lastindex:
            if len(calls) + len(problems) == before:
                problems.append("an empty <tool_call> block")
            return position
        if position == len(text):
            del calls[calls_before:]
            problems.append("a <tool_call> block is never closed")
            return position
        if len(calls) + len(problems) >= MAX_CALLS:
            return position
        try:
            value, position = reader.read(position)
        except NotJSONError as error:
            problems.append(str(error))
            resumed = _OBJECT_ON_A_LINE.search(text, position)
            position = len(text) if resumed is None else resumed.start()
            continue
        for item in value[:MAX_CALLS] if type(value) is list else (value,):
            _add(item, Dialect.TAGGED, calls, problems)


_END_MARKS = ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "</s>")


def _bare(text: str) -> str:
    """Return a text without what a template or a code fence puts around it."""
    text = text.strip().removeprefix("<|python_tag|>")
    for mark in _END_MARKS:
        text = text.removesuffix(mark).rstrip()
    text = text.lstrip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text[text.index("\n") : -3].strip()
    return text


_MEANT_AS_JSON = re.compile(r'\[?\s*\{\s*"(?:name|parameters|arguments|tool_calls|function)"\s*:')
_MEANT_AS_PYTHONIC = re.compile(r"\[?\s*[^\W\d][\w.]*\(\s*(?:\)|[^\W\d]\w*\s*=[^=])")


def _json(body: str) -> ParsedCalls:
    """Read a completion that is JSON; no dialect where it is not, or is something else's JSON."""
    values: list[Any] = []
    reader = JSONReader(body)
    position = 0
    try:
        while position < len(body) and len(values) <= MAX_CALLS:
            value, position = reader.read(position)
            values += value if isinstance(value, list) else [value]
            filler = _FILLER.match(body, position)
            position = position if filler is None else filler.end()
    except NotJSONError as error:
        if _MEANT_AS_JSON.match(body) is None:
            return ParsedCalls()
        return ParsedCalls((), (str(error),), Dialect.JSON, body)
    if len(values) == 1 and isinstance(values[0], dict) and "tool_calls" in values[0]:
        return _of_message(values[0], body)
    if any(isinstance(value, dict) and "function" in value for value in values):
        return _collect(values, Dialect.OPENAI, body)
    if any(_is_like_a_call(value) for value in values):
        return _collect(values, Dialect.JSON, body)
    return ParsedCalls()


def _is_like_a_call(value: Any) -> bool:
    return isinstance(value, dict) and "name" in value and _ARGUMENT_KEYS & value.keys() != set()


def _pythonic(body: str) -> ParsedCalls:
    """Read a completion that is calls in Python's notation; all of it or nothing."""
    if _MEANT_AS_PYTHONIC.match(body) is None or not body.endswith((")", "]")):
        return ParsedCalls()
    try:
        calls = read_pythonic_calls(body)
    except NotCallsError as error:
        return ParsedCalls((), (str(error),), Dialect.PYTHONIC, body)
    return ParsedCalls(tuple(calls), (), Dialect.PYTHONIC, body)


def _collect(items: list[Any], dialect: Dialect, source: str) -> ParsedCalls:
    calls: list[ToolCall] = []
    problems: list[str] = []
    for item in items[:MAX_CALLS]:
        _add(item, dialect, calls, problems)
    if len(items) > MAX_CALLS:
        problems.append(f"more than {MAX_CALLS} calls")
    return ParsedCalls(tuple(calls), tuple(problems), dialect, source)


_ARGUMENT_KEYS = frozenset({"parameters", "arguments"})


def _add(item: Any, dialect: Dialect, calls: list[ToolCall], problems: list[str]) -> None:
    """Append ``item`` to the calls if it is one, else a line to the problems."""
    if dialect is Dialect.OPENAI and isinstance(item, dict):
        item = item.get("function", item)
    if not isinstance(item, dict):
        problems.append(f"not a call: {str(item)[:80]!r}")
        return
    name = item.get("name")
    if not name or not isinstance(name, str) or ("parameters" in item) == ("arguments" in item):
        problems.append(
            f"a call needs a name and parameters or arguments, got the keys {sorted(item)[:9]}"
        )
        return
    parameters = item["parameters"] if "parameters" in item else item["arguments"]
    if dialect is Dialect.OPENAI and isinstance(parameters, str):
        try:
            parameters = read_json(parameters)
        except NotJSONError as error:
            problems.append(f"the arguments of {name[:80]!r}: {error}")
            return
    if not isinstance(parameters, dict):
        problems.append(f"the parameters of {name[:80]!r} must be an object")
        return
    calls.append(ToolCall(name, parameters))
