"""The client speaks Search-R1's protocol, retries what may pass, and believes no half answer."""

import json
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from llmenvs.retrievers import BM25Retriever, Hit, HTTPRetriever, Passage, Retriever, RetrieverError
from llmenvs.retrievers.client import RefusedError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "search_r1.json").read_text("utf-8"))
BEARER = "open sesame"
OK: dict[str, Any] = {"result": [[{"document": {"id": "a", "contents": '"T"\nx'}, "score": 1.5}]]}


def read_request(connection: socket.socket) -> tuple[str, bytes]:
    """Return the head and the body of one HTTP request."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    ]
    while lengths and len(body) < lengths[0]:
        body += connection.recv(65536)
    return head.decode(), body


def reply(status: int, payload: Any) -> bytes:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


class Script:
    """A server that gives its answers in turn, the last one for ever; keeps the requests."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        with connection:
            request = read_request(connection)
            with self._lock:
                self.requests.append(request)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            connection.sendall(answer)


@pytest.fixture
def scripted(
    serve_raw: Callable[..., Any], client_of: Callable[..., HTTPRetriever]
) -> Iterator[Callable[..., tuple[Script, HTTPRetriever]]]:
    """Start servers that follow a script, each with a client."""
    with_exit: list[Any] = []

    def start(*answers: bytes, **options: Any) -> tuple[Script, HTTPRetriever]:
        script = Script(*answers)
        running = serve_raw(script)
        with_exit.append(running)
        return script, client_of(running.__enter__(), **options)

    yield start
    for running in with_exit:
        running.__exit__(None, None, None)


def test_the_request_is_search_r1s(scripted: Callable[..., Any]) -> None:
    script, retriever = scripted(reply(200, GOLDEN["response"]))

    retriever.search(GOLDEN["request"]["queries"], 2)
    head, body = script.requests[0]
    assert head.startswith("POST /retrieve HTTP/1.1")
    assert "content-type: application/json" in head.lower()
    assert json.loads(body) == GOLDEN["request"]


def test_the_response_is_search_r1s(scripted: Callable[..., Any]) -> None:
    _, retriever = scripted(reply(200, GOLDEN["response"]))

    assert retriever.search(["capital of France", "zebra"], 2) == [
        [
            Hit("p2", "Paris", "The capital of France, on the river Seine.", 1.9),
            Hit("p3", "Lyon", "A city in France, where the Rhône and the Saône meet.", 0.7),
        ],
        [],
    ]


def test_documents_without_an_id_get_one_that_is_theirs(scripted: Callable[..., Any]) -> None:
    _, retriever = scripted(reply(200, GOLDEN["response_of_their_bm25_server"]))

    ((first,), _), ((second,), _) = (retriever.search(["x", "y"], 2) for _ in range(2))
    assert first == second
    assert first.passage_id.startswith("sha256:")
    assert (first.title, first.score) == ("Paris", 12.5)


@pytest.mark.parametrize(
    "failure",
    [
        reply(500, {"detail": "crashed"}),
        reply(503, b"busy"),
        reply(429, b"slow down"),
        b"",
        b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"result"',
        b"no http at all\r\n\r\n",
    ],
)
def test_a_passing_failure_is_retried(scripted: Callable[..., Any], failure: bytes) -> None:
    script, retriever = scripted(failure, failure, reply(200, OK), retry_for_s=10.0)

    assert retriever.search(["q"], 1) == [[Hit("a", "T", "x", 1.5)]]
    assert len(script.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
def test_a_refusal_is_not_retried_and_tells_why(scripted: Callable[..., Any], status: int) -> None:
    script, retriever = scripted(reply(status, {"detail": "because"}), retry_for_s=10.0)

    with pytest.raises(RefusedError, match=f"status {status}: .*because"):
        retriever.search(["q"], 1)
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"no json",
        [],
        {},
        {"result": []},
        {"result": [[], []]},
        {"result": [None]},
        {"result": [[{"document": {"id": "a"}, "score": 1.0}]]},
        {"result": [[{"document": {"id": "a", "contents": "x"}}]]},
        {"result": [[{"document": {"id": "a", "contents": "x"}, "score": "high"}]]},
        {"result": [[{"id": "a", "contents": "x"}]]},
        b'{"result": [[{"document": {"contents": "x"}, "score": NaN}]]}',
    ],
)
def test_an_answer_of_another_shape_is_an_error(scripted: Callable[..., Any], payload: Any) -> None:
    _, retriever = scripted(reply(200, payload))

    with pytest.raises(RetrieverError, match="must be of the shape"):
        retriever.search(["q"], 1)


def test_a_document_may_bring_title_and_text_alone(scripted: Callable[..., Any]) -> None:
    document = {"id": 3, "title": "T", "text": "x"}
    _, retriever = scripted(reply(200, {"result": [[{"document": document, "score": 1}]]}))

    assert retriever.search(["q"], 1) == [[Hit("3", "T", "x", 1.0)]]


def test_more_hits_than_asked_for_are_cut(scripted: Callable[..., Any]) -> None:
    _, retriever = scripted(reply(200, {"result": [OK["result"][0] * 5]}))

    assert len(retriever.search(["q"], 2)[0]) == 2


def test_a_server_that_is_away_is_an_error_in_time(client_of: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    retriever = client_of(f"http://127.0.0.1:{port}/retrieve", retry_for_s=0.3)

    start = time.monotonic()
    with pytest.raises(RetrieverError, match=r"no answer in 0\.3 s; at last: ConnectError"):
        retriever.search(["q"], 1)
    assert time.monotonic() - start < 10


def test_a_server_that_never_answers_is_an_error_in_time(
    serve_raw: Callable[..., Any], client_of: Callable[..., Any]
) -> None:
    released = threading.Event()

    def hang(connection: socket.socket) -> None:
        with connection:
            released.wait(30)

    with serve_raw(hang) as url:
        retriever = client_of(url, timeout_s=0.2)
        with pytest.raises(RetrieverError, match="ReadTimeout"):
            retriever.search(["q"], 1)
        released.set()


def test_the_token_is_sent(scripted: Callable[..., Any]) -> None:
    script, retriever = scripted(reply(200, OK), token=BEARER)

    retriever.search(["q"], 1)
    assert f"authorization: Bearer {BEARER}" in script.requests[0][0]


def test_no_queries_need_no_server(client_of: Callable[..., Any]) -> None:
    assert client_of("http://127.0.0.1:1/retrieve").search([], 3) == []


def test_a_client_is_remade_in_another_process(client_of: Callable[..., Any]) -> None:
    retriever = client_of("http://127.0.0.1:1/retrieve", token=BEARER)

    with pickle.loads(pickle.dumps(retriever)) as again:
        assert again.url == retriever.url
        assert isinstance(again, Retriever)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="got 'localhost:8000'"):
        HTTPRetriever("localhost:8000")
    with pytest.raises(ValueError, match="got timeout_s=0"):
        HTTPRetriever("http://localhost", timeout_s=0)


@pytest.mark.slow
def test_a_server_killed_in_mid_load_loses_and_falsifies_nothing(
    passages: list[Passage], index: Path, serve_index: Callable[..., Any]
) -> None:
    server = serve_index(index)
    local = BM25Retriever.load(index)
    words = ["computer", "France", "river", "mathematician", "program", "city", "zebra"]
    queries = [[f"{a} {b}" for b in words] for a in words] * 60
    restart = threading.Timer(0.4, server.restart)

    with HTTPRetriever(server.url, max_connections=4) as retriever, ThreadPoolExecutor(16) as pool:
        restart.start()
        found = list(pool.map(lambda batch: retriever.search(batch, 3), queries))
    restart.join()
    assert found == [local.search(batch, 3) for batch in queries]
