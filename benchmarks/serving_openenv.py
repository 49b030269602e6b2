"""OpenEnv's own server and load, for `benchmarks/serving.py`; runs where openenv is installed.

    python benchmarks/serving_openenv.py serve PORT
    python benchmarks/serving_openenv.py load PORT CLIENTS SECONDS

The environment costs nothing, so that what is measured is the stack. OpenEnv keeps a session for
each web socket, and its plain HTTP /step makes a new environment for every request, so the load
speaks over web sockets, which is OpenEnv's fast way.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvicorn
import websockets
from openenv.core.env_server.http_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import Action, Observation, State


class WallAction(Action):  # type: ignore[misc]  # OpenEnv is not there where mypy runs
    """A move."""

    text: str


class WallObservation(Observation):  # type: ignore[misc]  # as above
    """What is seen."""

    text: str = ""


class WallEnvironment(Environment):  # type: ignore[misc]  # as above
    """Twenty moves into a wall."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._num_moves = 0

    def reset(self, seed: int | None = None, episode_id: str | None = None) -> WallObservation:
        """Start anew."""
        self._num_moves = 0
        return WallObservation(text="You walk on a grid of 4 by 4 cells.")

    def step(self, action: WallAction, timeout_s: float | None = None) -> WallObservation:
        """Count the move."""
        self._num_moves += 1
        return WallObservation(text="You are at (0, 0).", reward=-1.0, done=self._num_moves == 20)

    @property
    def state(self) -> State:
        """How many moves were made."""
        return State(step_count=self._num_moves)


def serve(port: int) -> None:
    """Serve until a signal."""
    app = create_fastapi_app(WallEnvironment, WallAction, WallObservation, max_concurrent_envs=256)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


async def load(port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Step in so many sessions for so long."""
    ends_at = time.perf_counter() + seconds
    latencies: list[float] = []

    async def client() -> None:
        async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as socket:
            ended = True
            while (sent_at := time.perf_counter()) < ends_at:
                kind, data = ("reset", {}) if ended else ("step", {"text": "left"})
                await socket.send(json.dumps({"type": kind, "data": data}))
                reply = json.loads(await socket.recv())
                if reply["type"] == "error":
                    raise RuntimeError(reply)
                if kind == "step":
                    latencies.append(time.perf_counter() - sent_at)
                ended = reply["data"]["done"]

    began_at = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    took_s = time.perf_counter() - began_at
    ordered = sorted(latencies)
    return {
        "steps": len(ordered),
        "seconds": round(took_s, 3),
        "steps_per_s": round(len(ordered) / took_s, 1),
        "latency_ms": {
            name: round(1000 * ordered[int(share * (len(ordered) - 1))], 2)
            for name, share in (("p50", 0.5), ("p99", 0.99))
        },
    }


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        result = load(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
        print(json.dumps(asyncio.run(result)))
