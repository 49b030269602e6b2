"""The tasks of ``ToolCall-v0``: what a row must have, and the bundled ones as a source.

`llmenvs.envs.tool_call_files` reads the files of other data sets.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from llmenvs.bundled_tasks import BundledTasks, Split
from llmenvs.tasks import Task, TaskSet
from llmenvs.verifiers.tool_call import as_wanted_calls, score_calls

_TEXT = {"type": "string", "minLength": 1}
_CALLS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name", "parameters"],
        "properties": {"name": _TEXT, "parameters": {"type": "object"}},
        "additionalProperties": False,
    },
}
_MESSAGE = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"enum": ["user", "assistant", "tool"]},
        "content": {"type": "string"},
        "name": _TEXT,
        "calls": _CALLS,
    },
    "additionalProperties": False,
}
_TOOL = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": _TEXT,
        "description": {"type": "string"},
        "parameters": {"type": "object"},
    },
}
TASK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["messages", "tools", "calls"],
    "properties": {
        "task_id": {"type": "string"},
        "messages": {"type": "array", "items": _MESSAGE, "minItems": 1},
        "tools": {"type": "array", "items": _TOOL},
        "calls": _CALLS,
        "response": {"type": "string"},
        "context": {"type": "string"},
        "system": {"type": "string"},
        "ground_truth": _TEXT,
    },
}
"""What a row of your own must have.

``messages`` is the dialogue, the user's last; an assistant's message may hold ``calls`` instead of
``content``, and a tool's is its result. ``request`` may stand instead, for a dialogue of one
message. ``tools`` have ``name``, ``description`` and ``parameters`` (a JSON Schema); they may stand
in OpenAI's ``{"type": "function", "function": …}``. ``calls`` are
the wanted ones, none where the user is to be answered, for which ``response`` is an example.
``context`` is put before the system prompt, ``system`` stands instead of it. ``ground_truth`` is
ToolRL's, for the reward ``toolrl``. More fields are kept in the task.
"""


@dataclass(frozen=True, slots=True)
class BundledToolCalls(BundledTasks):
    """The bundled tasks of one split.

    Attributes:
        split: ``"train"`` or ``"test"``; no call is asked for in both. See the datasheet.
    """

    @property
    def rows(self) -> TaskSet:
        """The tasks of the split."""
        return _bundled(self.split)

    def filter(self, **fields: Any) -> TaskSet:
        """Return the tasks whose fields have these values, such as ``kind="clarify"``.

        Raises:
            ValueError: there is none.
        """
        return self.rows.filter(
            lambda task: all(task.get(name) == value for name, value in fields.items())
        )


def tool_call_tasks(
    rows: Iterable[Mapping[str, Any]], *, places: Sequence[str] | None = None
) -> TaskSet:
    """Return rows as a task set, each checked.

    Args:
        rows: see `TASK_SCHEMA`.
        places: where each row is from, for messages; ``tasks[0]`` and so on by default.

    Raises:
        ValueError: a row breaks the schema, two of its tools have one name, the schema of a tool is
            not valid, a wanted call is of no tool that there is, or the last message is an
            assistant's. The message names the place and the field.

    >>> rows = [{"request": "Hi!", "tools": [], "calls": [{"name": "wave", "parameters": {}}]}]
    >>> tool_call_tasks(rows)
    Traceback (most recent call last):
      ...
    ValueError: tasks[0]['calls'][0]['name']: there is no tool 'wave'; the tools are []
    """
    if isinstance(rows, str | Path):
        raise ValueError(f"tasks must be rows, got {rows!r}: read a file by load_tool_call_tasks")
    found = [_normalised(row) for row in rows]
    named = [f"tasks[{index}]" for index in range(len(found))] if places is None else places
    for row, place in zip(found, named, strict=True):
        _check_depth(row, place)
    tasks = TaskSet(found, schema=TASK_SCHEMA, places=named)
    for task, place in zip(tasks, named, strict=True):
        _check(task, place)
    return tasks


def _normalised(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose ``request`` is a dialogue of one message, and whose tools are bare."""
    found = dict(row)
    if "request" in found and "messages" not in found:
        found["messages"] = [{"role": "user", "content": found.pop("request")}]
    if isinstance(found.get("tools"), list):
        found["tools"] = [_bare(tool) for tool in found["tools"]]
    return found


def _bare(tool: Any) -> Any:
    """Return a tool without OpenAI's ``{"type": "function", "function": …}`` around it."""
    return tool["function"] if isinstance(tool, Mapping) and "function" in tool else tool


def _check_depth(row: Mapping[str, Any], place: str) -> None:
    try:
        json.dumps(row)
    except RecursionError as error:
        raise ValueError(f"{place}: is nested too deep") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: is not JSON ({error})") from error


def _check(task: Task, place: str) -> None:
    for index, message in enumerate(task["messages"]):
        if message["role"] == "user" and not message.get("content", "").strip():
            raise ValueError(f"{place}['messages'][{index}]['content']: the user says nothing")
    if task["messages"][-1]["role"] == "assistant":
        raise ValueError(
            f"{place}['messages'][-1]['role']: must be user or tool, got 'assistant': it is the "
            "policy's turn"
        )
    names: list[str] = []
    for index, tool in enumerate(task["tools"]):
        where = f"{place}['tools'][{index}]"
        if tool["name"] in names:
            raise ValueError(f"{where}['name']: two tools have the name {tool['name']!r}")
        names.append(tool["name"])
        fault = _fault_of(json.dumps(tool, sort_keys=True))
        if fault:
            raise ValueError(f"{where}['parameters']: {fault}")
    for index, call in enumerate(task["calls"]):
        # A system prompt of the task's own may describe tools that the row does not list.
        if call["name"] not in names and not ("system" in task and not names):
            raise ValueError(
                f"{place}['calls'][{index}]['name']: there is no tool {call['name']!r}; "
                f"the tools are {names}"
            )
    try:
        score_calls(as_wanted_calls(task["calls"]), [])
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{place}['calls']: {error}") from error


@lru_cache(maxsize=4096)
def _fault_of(tool: str) -> str:
    """Return what is wrong with a tool, given as JSON; "" if nothing is."""
    # Imported here: jsonschema takes longer to import than all the rest.
    from llmenvs.verifiers.tool_call.tool_schemas import ToolSchemas

    try:
        ToolSchemas([json.loads(tool)])
    except ValueError as error:
        return str(error)
    return ""


@cache
def _bundled(split: Split) -> TaskSet:
    from llmenvs.data.tool_call import load_tasks  # files that other tasks do not need

    return TaskSet(load_tasks(split))
