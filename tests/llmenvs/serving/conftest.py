"""Servers in processes of their own, and small clients, for the tests of serving."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("msgspec")

GRID = "llmenvs/GridWorld-v0"
DIGIT = "slow_digit:tests/SlowDigit-v0"
BEARER = "open-sesame-0123456789"

# An environment whose turn takes as long as its action says, registered in the server's process.
SLOW_DIGIT = """
import time
import gymnasium
from llmenvs.testing import GuessDigitEnv


class SlowDigitEnv(GuessDigitEnv):
    def take_turn(self, state, action):
        if action.startswith("sleep "):
            time.sleep(float(action.split()[1]))
        return super().take_turn(state, action)


gymnasium.register("tests/SlowDigit-v0", entry_point=SlowDigitEnv)
"""


class ServerProcess:
    """`llmenvs serve` in a process of its own."""

    def __init__(self, folder: Path, *words: str, **variables: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "slow_digit.py").write_text(SLOW_DIGIT)
        self._errors = folder / "stderr.txt"
        command = [sys.executable, "-m", "llmenvs.cli", "serve", *words, "--port", str(self.port)]
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": str(folder), **variables},
            )
        # One client for all requests: to make one takes 20 ms, for certificates that nobody reads.
        self._client = httpx.Client(timeout=60, trust_env=False, limits=httpx.Limits())
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + 120
        while time.monotonic() < give_up_at and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(f"the server did not start: {self.errors}")

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def post(self, path: str, payload: Any, **headers: str) -> httpx.Response:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        given = {"content-type": "application/json", **headers}
        return self._client.post(self.url + path, content=body, headers=given)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._client.get(self.url + path, headers=headers)

    @property
    def num_sessions(self) -> int:
        return int(self.get("/health").json()["num_sessions"])

    def open(self, env_id: str = GRID, **fields: Any) -> str:
        response = self.post("/reset", {"env_id": env_id, "seed": 0, **fields})
        assert response.status_code == 200, response.text
        return str(response.json()["session_id"])

    def rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        self._client.close()
        self.process.kill()
        self.process.wait()


Serve = Callable[..., ServerProcess]


@pytest.fixture(scope="session")
def env_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server of two environments, without a token, for tests that leave it as it was."""
    server = ServerProcess(
        tmp_path_factory.mktemp("server"),
        *("env", GRID, DIGIT, "--scripted-policies", "--body-timeout-s", "1"),
        *("--max-action-chars", "20000"),
    )
    yield server
    alive = server.process.poll() is None
    server.kill()
    assert alive, server.errors


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers, which are killed at the end of the test."""
    servers: list[ServerProcess] = []

    def start(*words: str, **variables: str) -> ServerProcess:
        servers.append(ServerProcess(tmp_path, *words, **variables))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
