"""Tools that a policy may call: typed functions with a schema, run safely, and MCP servers."""

from llmenvs.tools.result import ToolError, ToolResult, ToolResultKind, TransientToolError
from llmenvs.tools.tool import Tool, tool
from llmenvs.tools.toolbox import Toolbox

__all__ = [
    "Tool",
    "ToolError",
    "ToolResult",
    "ToolResultKind",
    "Toolbox",
    "TransientToolError",
    "tool",
]
