"""A real MCP server for the tests: run as a program."""

import os
import time

from mcp.server import MCPServer

server = MCPServer("weather")


@server.tool()
def temperature(city: str, day: int = 0) -> str:
    """Tell the temperature of a city.

    Args:
        city: its name.
        day: from today.
    """
    return f"{len(city) + day} degrees in {city}"


@server.tool()
def fail(reason: str) -> str:
    """Fail for a reason."""
    raise ValueError(reason)


@server.tool()
def wait(seconds: float) -> str:
    """Wait."""
    time.sleep(seconds)
    return "waited"


@server.tool()
def die() -> str:
    """End the server at once."""
    os._exit(3)


if __name__ == "__main__":
    server.run()
