"""The tools of an MCP server, run as a program of its own and spoken to over stdio.

Needs the extra ``mcp``.
"""

import functools
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from llmenvs.tools.result import ToolError
from llmenvs.tools.tool import DEFAULT_TIMEOUT_S, Tool

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import CallToolResult

START_TIMEOUT_S = 30.0
"""How long a server may take until it has told its tools, in seconds."""


class MCPServer:
    """A running MCP server; a context manager that stops it.

    A server that dies makes its calls fail, each with an observation that says so, and nothing
    else. It is not started again, since whatever it knew is gone.

    Args:
        command: the program and its arguments.
        env: its environment variables; by default only those that a program needs to start.
        cwd: its working directory; this one by default.
        timeout_s: of each call, in seconds.

    Attributes:
        tools: what it offers, to be put into a `Toolbox` or an environment.

    Raises:
        ImportError: the package ``mcp`` is not installed.
        ToolError: the server cannot be started, or does not tell its tools within 30 seconds.
        ValueError: a tool of it has no description or a schema that is none.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._name = " ".join(command)
        self._timeout_s = timeout_s
        self._exit = ExitStack()
        try:
            self._client, listed = self._start(list(command), env, cwd)
            self.tools = [self._tool(found) for found in listed]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the server; again is fine."""
        self._exit.close()

    def __enter__(self) -> Self:
        """Return the server, which is running."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop it."""
        self.close()

    def _start(
        self, command: list[str], env: Mapping[str, str] | None, cwd: str | None
    ) -> tuple["Client", list[Any]]:
        from anyio.from_thread import start_blocking_portal

        try:
            from mcp import Client, StdioServerParameters
        except ImportError as error:
            raise ImportError(
                "MCP servers need the package mcp: pip install 'llmenvs[mcp]'"
            ) from error
        parameters = StdioServerParameters(
            command=command[0], args=command[1:], env=None if env is None else dict(env), cwd=cwd
        )
        self._portal = self._exit.enter_context(start_blocking_portal())
        longest = max(START_TIMEOUT_S, self._timeout_s)
        client = Client(parameters, read_timeout_seconds=longest)
        try:
            self._exit.enter_context(self._portal.wrap_async_context_manager(client))
            return client, self._portal.call(_list_tools, client)
        except Exception as error:
            reason = _reason_of(error)
            raise ToolError(f"the MCP server {self._name!r} does not start: {reason}") from error

    def _tool(self, found: Any) -> Tool:
        return Tool(
            name=found.name,
            description=found.description or found.title or found.name,
            parameters=found.input_schema,
            function=functools.partial(self._call, found.name),
            timeout_s=None,  # the call itself keeps the time
        )

    def _call(self, tool: str, /, **arguments: Any) -> str:
        try:
            result = self._portal.call(_call_tool, self._client, tool, arguments, self._timeout_s)
        except TimeoutError:
            raise
        except Exception as error:
            raise ToolError(f"the server of {tool} did not answer: {_reason_of(error)}") from error
        text = "\n".join(_text_of(block) for block in result.content)
        if result.is_error:
            raise ToolError(text)
        return text


async def _list_tools(client: "Client") -> list[Any]:
    listed = await client.list_tools()
    return list(listed.tools)


async def _call_tool(
    client: "Client", tool: str, arguments: dict[str, Any], timeout_s: float
) -> "CallToolResult":
    import anyio

    with anyio.fail_after(timeout_s):
        return await client.call_tool(tool, arguments)


def _reason_of(error: BaseException) -> str:
    """Return what went wrong, which tasks that run side by side wrap into groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def _text_of(block: Any) -> str:
    """Return the text of a block of content, or what kind of block it is."""
    text = getattr(block, "text", None)
    return text if isinstance(text, str) else f"[{block.type}]"
