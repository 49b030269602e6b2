"""Passages, a small encoder and servers shared by the tests of the retrievers."""

import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llmenvs.retrievers import BM25Retriever, HTTPRetriever, Passage

TEXTS = [
    ("Ada Lovelace", "An English mathematician who wrote the first computer program."),
    ("Alan Turing", "A mathematician; the Turing machine is a model of a computer."),
    ("Paris", "The capital of France, on the river Seine."),
    ("Lyon", "A city in France, where the Rhône and the Saône meet."),
    ("", "A passage without a title about the river Rhine."),
    ("Grace Hopper", "Wrote the first compiler for a computer programming language."),
]


@pytest.fixture
def passages() -> list[Passage]:
    return [Passage(f"p{n}", title, text) for n, (title, text) in enumerate(TEXTS)]


class WordEncoder:
    """An encoder that needs no model: each word is a fixed direction, a text the sum of its own."""

    dimension = 48

    def __init__(self, *, seed: str = "words") -> None:
        self.seed = seed
        self.encoded: list[str] = []

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"model": "words", "seed": self.seed}

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded.extend(texts)
        return self.encode_queries(texts)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        sums = np.array([self._sum(text) for text in texts]).reshape(len(texts), self.dimension)
        unit: NDArray[np.float64] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return unit.astype(np.float32)

    def _sum(self, text: str) -> NDArray[np.float64]:
        words = [f"{self.seed} {word}" for word in text.lower().split()] or [self.seed]
        hashes = [hashlib.sha256(word.encode("utf-8", "replace")).digest() for word in words]
        rngs = [np.random.default_rng(list(digest)) for digest in hashes]
        total: NDArray[np.float64] = np.sum([r.standard_normal(self.dimension) for r in rngs], 0)
        return total


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def other_encoder() -> WordEncoder:
    return WordEncoder(seed="other")


class ServerProcess:
    """`llmenvs index serve` in a process of its own, on one port however often it is started."""

    def __init__(self, index: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.root = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.root}/retrieve"
        command = [sys.executable, "-m", "llmenvs.cli", "index", "serve", str(index)]
        self._command = [*command, "--port", str(self.port), *options]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("the server did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()


@pytest.fixture
def serve_index() -> Iterator[Callable[..., ServerProcess]]:
    """Start server processes, which are killed at the end of the test."""
    servers: list[ServerProcess] = []

    def start(index: Path, *options: str) -> ServerProcess:
        servers.append(ServerProcess(index, *options))
        servers[-1].wait_until_ready()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def serve_app() -> Iterator[Callable[[Any], str]]:
    """Serve applications from threads of this process; gives the URL of their /retrieve."""
    import uvicorn

    from llmenvs.web_server import listen

    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: Any) -> str:
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/retrieve"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join()


@pytest.fixture
def client_of() -> Iterator[Callable[..., HTTPRetriever]]:
    """Make clients, which are closed at the end of the test."""
    clients: list[HTTPRetriever] = []

    def make(url: str, **options: Any) -> HTTPRetriever:
        clients.append(HTTPRetriever(url, **{"retry_for_s": 0.0, **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def index(passages: list[Passage], tmp_path: Path) -> Path:
    BM25Retriever.from_passages(passages).save(tmp_path / "index")
    return tmp_path / "index"


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve connections, one thread each, by ``answer``; gives the URL of /retrieve."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,)).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/retrieve"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.fixture
def serve_raw() -> Callable[[Callable[[socket.socket], None]], Any]:
    return raw_server
