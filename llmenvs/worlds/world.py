"""`World`: a state of several tables with tools that read and change it.

A world is a dataclass. Its tables are dicts of frozen records, so that a fork copies references
only, and a call works on a fork that is dropped if the tool fails: a failed call changes nothing.
"""

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, ClassVar, Self

from llmenvs.tools import Tool, Toolbox, ToolResult, ToolResultKind

TABLE: Mapping[str, Any] = {"table": "numbered"}
"""Metadata of a field that is a table: a dict of frozen records, whose keys the world makes."""

NAMED_TABLE: Mapping[str, Any] = {"table": "named"}
"""Metadata of a table whose keys are said in the request, such as paths."""

Call = tuple[str, Mapping[str, Any]]
"""The name of a tool, and its arguments."""

BUSY = ToolResult(ToolResultKind.TRANSIENT, "Error: the service is busy, try again")


@dataclass(eq=False)
class World:
    """The state that the tools of an episode work on; subclass it with `TABLE` fields and tools.

    A tool is a method with the decorator `llmenvs.tools.tool`. It changes a table by putting in a
    new record, and raises a `ToolError` where it cannot do what was asked.

    Attributes:
        RULES: what the policy is told about the world, beside the tools.
        MISSTEP: a call that works in every such world and that no request asks for, with which a
            scripted policy shows what a side effect costs.
        today: the date in the world; the clock of the machine is never asked.
        failing: how many more times each tool fails before it works, by its name.
    """

    RULES: ClassVar[str] = ""
    MISSTEP: ClassVar[Call] = ("", {})

    today: date
    failing: dict[str, int] = field(default_factory=dict)

    def toolbox(self) -> Toolbox:
        """Return the tools of this kind of world, those of its base classes first."""
        return _toolbox_of(type(self).__mro__)

    @property
    def tables(self) -> Mapping[str, Mapping[Any, Any]]:
        """The tables by name: all that counts as state when two worlds are compared."""
        return {name: getattr(self, name) for name in _table_names(type(self).__mro__)}

    @classmethod
    def has_named_keys(cls, table: str) -> bool:
        """Return whether the keys of a table mean something, so that a new one counts."""
        return cls.__dataclass_fields__[table].metadata == NAMED_TABLE

    def fork(self) -> Self:
        """Return a world that can be changed without changing this one."""
        fork = copy.copy(self)
        for name in (*_table_names(type(self).__mro__), "failing"):
            setattr(fork, name, dict(getattr(self, name)))
        return fork

    def call(self, name: str, arguments: Mapping[str, Any]) -> tuple[Self, ToolResult]:
        """Return the world after a call, and what the call gave; this world stays as it is."""
        after = self.fork()
        if self.failing.get(name, 0) > 0:
            after.failing[name] -= 1
            return after, BUSY
        result = self.toolbox().call(name, arguments, owner=after)
        return (after if result.ok else self), result


@cache
def _toolbox_of(mro: tuple[type, ...]) -> Toolbox:
    found: dict[str, Tool] = {}
    for base in reversed(mro):
        found |= {value.name: value for value in vars(base).values() if isinstance(value, Tool)}
    return Toolbox(found.values())


@cache
def _table_names(mro: tuple[type, ...]) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(mro[0]) if "table" in f.metadata)
