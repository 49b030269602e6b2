"""A real MCP server: its tools, its faults, its death."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmenvs.tools import Toolbox, ToolError, ToolResultKind
from llmenvs.tools.mcp_server import MCPServer

pytest.importorskip("mcp", reason="the package mcp is not installed")
COMMAND = [sys.executable, str(Path(__file__).with_name("mcp_weather.py"))]


@pytest.fixture(scope="module")
def server() -> Iterator[MCPServer]:
    with MCPServer(COMMAND) as running:
        yield running


def test_its_tools_are_called_with_checked_arguments(server: MCPServer) -> None:
    box = Toolbox(server.tools)

    assert box.call("temperature", {"city": "Oslo", "day": 2}).text == "6 degrees in Oslo"
    assert "city: 3 is not of type 'string'" in box.call("temperature", {"city": 3}).text
    assert [tool.name for tool in server.tools] == ["temperature", "fail", "wait", "die"]


def test_a_tool_that_fails_is_an_observation_and_the_server_goes_on(server: MCPServer) -> None:
    box = Toolbox(server.tools)

    failed = box.call("fail", {"reason": "no"})

    assert failed.kind is ToolResultKind.FAILED
    assert box.call("temperature", {"city": "Rome"}).ok


def test_a_slow_tool_runs_into_its_time_and_the_server_goes_on() -> None:
    with MCPServer(COMMAND, timeout_s=0.2) as server:
        box = Toolbox(server.tools)
        assert box.call("wait", {"seconds": 5.0}).kind is ToolResultKind.TIMEOUT
        assert box.call("temperature", {"city": "Rome"}).ok


def test_a_server_that_dies_makes_every_later_call_an_observation() -> None:
    with MCPServer(COMMAND) as server:
        box = Toolbox(server.tools)
        for name, arguments in (("die", {}), ("temperature", {"city": "Rome"})):
            result = box.call(name, arguments)
            assert result.kind is ToolResultKind.FAILED
            assert "did not answer" in result.text


@pytest.mark.parametrize("command", [["/nonexistent/server"], [sys.executable, "-c", ""]])
def test_a_server_that_does_not_start_is_named(command: list[str]) -> None:
    with pytest.raises(ToolError, match="does not start"):
        MCPServer(command)
