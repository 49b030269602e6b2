"""Rows of ToolRL's, xLAM's and Hermes' files as rows of ``ToolCall-v0``.

Each function raises a ValueError that begins with the field, as in ``['answers']: is not JSON``, so
that the caller can put the file and the line before it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from llmenvs.verifiers.tool_call import parse_tool_calls
from llmenvs.verifiers.tool_call.parse import Dialect, without_thoughts
from llmenvs.verifiers.tool_call.toolrl import truth_calls

Row = Mapping[str, Any]

_LISTED_TOOL = re.compile(
    r"^\d+\. Name: (?P<name>[^\n]+)\nDescription: (?P<text>(?:(?!^\d+\. Name: )[\s\S])*?)\n"
    r"Parameters: (?P<parameters>\{[^\n]*\})\s*$",
    re.MULTILINE,
)
_RESPONSE = re.compile(r"<response>([^<]*)</response>")
_TYPES = {
    "str": "string", "string": "string", "int": "integer", "integer": "integer",
    "float": "number", "double": "number", "number": "number", "bool": "boolean",
    "boolean": "boolean", "list": "array", "array": "array", "tuple": "array", "set": "array",
    "dict": "object", "dictionary": "object", "object": "object",
}  # fmt: skip


def toolrl_row(row: Row) -> dict[str, Any]:
    """Return a row of an ``rlla`` file.

    Raises:
        ValueError: the prompt, the ground truth, or a call in it, cannot be read.
    """
    if "prompt" in row:
        prompt, truth = row["prompt"], row.get("reward_model", {}).get("ground_truth")
        roles = [message.get("role") for message in prompt]
        if roles != ["system", "user"]:
            raise ValueError(f"['prompt']: must be a system and a user message, got {roles}")
        system, request = (message["content"] for message in prompt)
        field = "['reward_model']['ground_truth']"
    else:
        system, request = _text(row, "instruction"), _text(row, "input")
        truth, field = row.get("output"), "['output']"
    if not isinstance(truth, str) or not truth:
        raise ValueError(f"{field}: must be ToolRL's ground truth, got {truth!r:.80}")
    try:
        calls = truth_calls(truth)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error
    said = _RESPONSE.search(truth)
    tools = _listed_tools(system)
    known = {tool["name"] for tool in tools}
    return {
        "system": system,
        "messages": [{"role": "user", "content": request}],
        # A list that lacks a wanted tool was not read in full; then the prompt alone tells.
        "tools": tools if all(call["name"] in known for call in calls) else [],
        "calls": [{"name": call["name"], "parameters": call["parameters"]} for call in calls],
        "response": said[1].strip() if said else "",
        "ground_truth": truth,
    }


def xlam_row(row: Row) -> dict[str, Any]:
    """Return a row with ``query``, ``tools`` and ``answers``, lists or JSON text.

    Raises:
        ValueError: one of them cannot be read.
    """
    task = {
        "messages": [{"role": "user", "content": _text(row, "query")}],
        "tools": _tools(row),
        "calls": [
            _call(call, f"['answers'][{index}]") for index, call in enumerate(_list(row, "answers"))
        ],
    }
    return task | ({"task_id": str(row["id"])} if "id" in row else {})


def hermes_rows(row: Row) -> list[dict[str, Any]]:
    """Return a row for each turn of the assistant in ``conversations``.

    Raises:
        ValueError: the tools, a message or a call cannot be read.
    """
    tools, said = _tools(row), _list(row, "conversations")
    rows: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    for index, message in enumerate(said):
        place = f"['conversations'][{index}]"
        if not isinstance(message, Mapping) or not isinstance(message.get("value"), str):
            raise ValueError(f"{place}: must have from and value, got {message!r:.80}")
        source, text = message.get("from"), message["value"]
        if source == "system":
            continue  # it holds the tools, which we show ourselves
        if source not in _ROLES:
            raise ValueError(f"{place}['from']: must be one of {list(_ROLES)}, got {source!r}")
        if source != "gpt":
            history.append({"role": _ROLES[source], "content": text})
            continue
        calls, answer = _assistant_turn(text, place)
        if history and history[-1]["role"] != "assistant":
            task = {"messages": list(history), "tools": tools, "calls": calls, "response": answer}
            rows.append(task | ({"task_id": f"{row['id']}/{index}"} if "id" in row else {}))
        history.append({"role": "assistant", "content": answer, "calls": calls})
    if not rows:
        raise ValueError("['conversations']: has no turn of gpt after one of another")
    return rows


_ROLES = {"human": "user", "gpt": "assistant", "tool": "tool"}


def _assistant_turn(text: str, place: str) -> tuple[list[dict[str, Any]], str]:
    parsed = parse_tool_calls(text, dialect=Dialect.TAGGED)
    if parsed.problems:
        raise ValueError(f"{place}['value']: {parsed.problems[0]}")
    answer = without_thoughts(text).partition("<tool_call>")[0].strip()
    return [call.to_dict() for call in parsed.calls], "" if parsed.calls else answer


def _tools(row: Row) -> list[dict[str, Any]]:
    return [_tool(tool, f"['tools'][{index}]") for index, tool in enumerate(_list(row, "tools"))]


def _tool(tool: Any, place: str) -> dict[str, Any]:
    if isinstance(tool, Mapping):
        tool = tool.get("function", tool)
    if not isinstance(tool, Mapping) or not isinstance(tool.get("name"), str):
        raise ValueError(f"{place}['name']: a tool needs a name, got {tool!r:.80}")
    parameters = tool.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise ValueError(f"{place}['parameters']: must be an object, got {parameters!r:.80}")
    return {
        "name": tool["name"],
        "description": str(tool.get("description", "")),
        "parameters": _schema(parameters),
    }


def _schema(parameters: Row) -> dict[str, Any]:
    """Return a JSON Schema; xLAM and ToolRL list the parameters and their types alone."""
    flat = all(isinstance(value, Mapping) for value in parameters.values())
    if not flat or parameters.get("type") == "object":
        return dict(parameters)
    required = [
        name
        for name, value in parameters.items()
        if "optional" not in str(value.get("type", "")) and "default" not in value
    ]
    properties = {name: _property(value) for name, value in parameters.items()}
    return {"type": "object", "properties": properties, "required": required}


def _property(value: Row) -> dict[str, Any]:
    """Return a parameter whose type is written as in Python, such as ``List[int], optional``."""
    kind = str(value.get("type", "")).split(",")[0].split("[")[0].strip().lower()
    rest = {name: part for name, part in value.items() if name not in ("type", "required")}
    return rest | ({"type": _TYPES[kind]} if kind in _TYPES else {})


def _listed_tools(system: str) -> list[dict[str, Any]]:
    """Return the tools that ToolRL's system prompt lists, as far as they can be read."""
    tools: dict[str, dict[str, Any]] = {}
    for found in _LISTED_TOOL.finditer(system):
        try:
            parameters = json.loads(found["parameters"])
            tool = _tool({"name": found["name"].strip(), "parameters": parameters}, "")
        except (ValueError, AttributeError, RecursionError):
            continue
        tools[tool["name"]] = {**tool, "description": found["text"].strip()}
    return list(tools.values())


def _call(call: Any, place: str) -> dict[str, Any]:
    name = call.get("name") if isinstance(call, Mapping) else None
    parameters = call.get("arguments", call.get("parameters", {})) if name else None
    if not isinstance(name, str) or not isinstance(parameters, Mapping):
        raise ValueError(f"{place}: a call needs a name and arguments, got {call!r:.80}")
    return {"name": name, "parameters": dict(parameters)}


def _list(row: Row, field: str) -> Sequence[Any]:
    """Return a field that is a list, or one written as JSON."""
    value = row.get(field)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"['{field}']: is not JSON ({error})") from error
    if not isinstance(value, list):
        raise ValueError(f"['{field}']: must be a list, or one as JSON, got {value!r:.80}")
    return value


def _text(row: Row, field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value:
        raise ValueError(f"['{field}']: must be a text, got {value!r:.80}")
    return value
