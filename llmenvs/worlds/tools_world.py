"""A world of tools that keep no state here: functions of your own, or an MCP server's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Self

from llmenvs.tools import Toolbox, ToolResult
from llmenvs.worlds.world import World


@dataclass(eq=False)
class ToolsWorld(World):
    """Tools without tables, so that nothing can be compared at the end but what the user was told.

    Attributes:
        box: the tools.
    """

    today: date = date.min
    box: Toolbox = field(default_factory=lambda: Toolbox([]))

    def toolbox(self) -> Toolbox:
        """Return the tools."""
        return self.box

    def call(self, name: str, arguments: Mapping[str, Any]) -> tuple[Self, ToolResult]:
        """Return this world, and what the call gave."""
        return self, self.box.call(name, arguments)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return this world: a moment to go back to cannot hold what a tool keeps elsewhere."""
        return self
