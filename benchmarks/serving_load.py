"""The load generator of `benchmarks/serving.py`: many clients on raw sockets in one event loop.

    python benchmarks/serving_load.py plain PORT CLIENTS SECONDS

It builds its requests by hand and looks at no more of a reply than its length and whether the
episode ended, so that it takes as little as can be of the cores that it shares with the server.
Prints one JSON object: steps, resets, seconds, latencies in milliseconds.
"""

import asyncio
import json
import sys
import time
from functools import partial
from typing import Any

import uvloop

ACTION = "<action>left</action>"  # into the wall: an episode is as long as it may be


class PlainClient(asyncio.Protocol):
    """One client of the plain protocol: a session that is stepped and reset for ever."""

    def __init__(self, number: int, load: "Load") -> None:
        self._session = f"{number:032x}"
        self._load = load
        self._step = _request("/step", {"session_id": self._session, "action": ACTION}, load.port)
        self._reset = _request("/reset", {"session_id": self._session, "seed": number}, load.port)
        self._received = b""
        self._resetting = True

    def connection_made(self, transport: Any) -> None:
        """Open the session."""
        self._transport = transport
        self._send(self._reset)

    def data_received(self, data: bytes) -> None:
        """Count a reply once it is whole, and ask for the next."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        start = head.index(b"content-length: ") + 16
        if len(body) < int(head[start:].split(b"\r\n", 1)[0]):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self._received.decode())
        self._load.count(time.perf_counter() - self._sent_at, is_step=not self._resetting)
        self._received = b""
        ended = b'"terminated": true' in body or b'"truncated": true' in body
        self._resetting = not self._resetting and ended
        if time.perf_counter() < self._load.ends_at:
            self._send(self._reset if self._resetting else self._step)
        else:
            self._transport.close()
            self._load.finish()

    def _send(self, request: bytes) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(request)


class Load:
    """What all clients share."""

    def __init__(self, port: int, clients: int, seconds: float) -> None:
        self.port = port
        self.began_at = time.perf_counter()
        self.ends_at = self.began_at + seconds
        self.done = asyncio.Event()
        self._num_running = clients
        self._latencies: list[float] = []
        self._num_resets = 0

    def count(self, seconds: float, *, is_step: bool) -> None:
        """Count one reply."""
        if is_step:
            self._latencies.append(seconds)
        else:
            self._num_resets += 1

    def finish(self) -> None:
        """Count a client that has stopped."""
        self._num_running -= 1
        if self._num_running == 0:
            self.done.set()

    def summary(self) -> dict[str, Any]:
        """Return the figures."""
        seconds = time.perf_counter() - self.began_at
        ordered = sorted(self._latencies)
        return {
            "steps": len(ordered),
            "resets": self._num_resets,
            "seconds": round(seconds, 3),
            "steps_per_s": round(len(ordered) / seconds, 1),
            "latency_ms": {
                name: round(1000 * ordered[int(share * (len(ordered) - 1))], 2)
                for name, share in (("p50", 0.5), ("p99", 0.99))
            },
        }


def _request(path: str, payload: dict[str, Any], port: int) -> bytes:
    body = json.dumps(payload).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _run(port: int, clients: int, seconds: float) -> dict[str, Any]:
    load = Load(port, clients, seconds)
    loop = asyncio.get_running_loop()
    for number in range(clients):
        await loop.create_connection(partial(PlainClient, number, load), "127.0.0.1", port)
    await load.done.wait()
    return load.summary()


if __name__ == "__main__":
    port, clients = int(sys.argv[1]), int(sys.argv[2])
    print(json.dumps(uvloop.run(_run(port, clients, float(sys.argv[3])))))
