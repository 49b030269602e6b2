"""`Toolbox`: the tools of an episode by name, and what a call of one gives.

A call never raises on anything that a policy wrote, and never outlives its time.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from llmenvs.policy import ToolSchema
from llmenvs.tools.arguments import ArgumentsError, ArgumentsValidator
from llmenvs.tools.deadline import DeadlineExceeded, run_with_deadline
from llmenvs.tools.result import (
    ToolError,
    ToolResult,
    ToolResultKind,
    TransientToolError,
    text_of,
)
from llmenvs.tools.tool import Tool


class Toolbox:
    """Tools by name.

    Args:
        tools: each name once.

    Raises:
        ValueError: a name comes twice.

    >>> from llmenvs.tools import tool
    >>> @tool
    ... def add(a: int, b: int = 1) -> int:
    ...     '''Add two integers.'''
    ...     return a + b
    >>> box = Toolbox([add])
    >>> box.call("add", {"a": 2}).text
    '3'
    >>> box.call("add", {"a": "2"}).text
    "Error: add: a: '2' is not of type 'integer'"
    >>> box.call("ad", {}).text
    "Error: there is no tool 'ad'; did you mean 'add'? The tools are: add"
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise ValueError(f"the tool {tool.name!r} comes twice: give one another name")
            self._tools[tool.name] = tool
        self._validators = {
            name: ArgumentsValidator(tool.parameters) for name, tool in self._tools.items()
        }

    @property
    def tools(self) -> Mapping[str, Tool]:
        """By name, in their order."""
        return self._tools

    @cached_property
    def text(self) -> str:
        """The schemas as a prompt shows them: one JSON object a line."""
        return "\n".join(json.dumps(schema, ensure_ascii=False) for schema in self.schemas)

    @cached_property
    def schemas(self) -> list[ToolSchema]:
        """What the policy is shown, in their order."""
        return [tool.schema for tool in self._tools.values()]

    def call(self, name: str, arguments: Mapping[str, Any], *, owner: Any = None) -> ToolResult:
        """Call a tool and return what came of it, whatever the policy wrote.

        Args:
            name: of the tool.
            arguments: JSON values by name.
            owner: whose method the tool is, if it is one.
        """
        tool = self._tools.get(name)
        if tool is None:
            return _failed(ToolResultKind.UNKNOWN_TOOL, self._unknown(name))
        try:
            self._validators[name].check(arguments)
            converted = tool.convert(arguments)
        except (ArgumentsError, ValueError) as error:
            return _failed(ToolResultKind.BAD_ARGUMENTS, f"{name}: {error}")
        return _run(tool, converted, owner)

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name[:80], self._tools, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return f"there is no tool {name[:80]!r}{hint} The tools are: {', '.join(self._tools)}"


def _run(tool: Tool, arguments: Mapping[str, Any], owner: Any) -> ToolResult:
    owners = (owner,) if tool.is_method else ()
    try:
        if tool.timeout_s is None:
            value = tool.function(*owners, **arguments)
        else:
            value = run_with_deadline(tool.function, owners, arguments, timeout_s=tool.timeout_s)
        return ToolResult(ToolResultKind.OK, text_of(value))
    except (DeadlineExceeded, TimeoutError):
        reason = f"{tool.name} did not return within its time"
        return _failed(ToolResultKind.TIMEOUT, reason)
    except TransientToolError as error:
        return _failed(ToolResultKind.TRANSIENT, f"{error}")
    except ToolError as error:
        return _failed(ToolResultKind.FAILED, f"{error}")
    except (Exception, SystemExit) as error:
        # Whatever it is, the policy reads it and the episode goes on: a tool is not the program.
        return _failed(ToolResultKind.FAILED, f"{tool.name} raised {type(error).__name__}: {error}")


def _failed(kind: ToolResultKind, reason: str) -> ToolResult:
    return ToolResult(kind, f"Error: {reason}")
