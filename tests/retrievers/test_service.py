"""The service answers as Search-R1's does, within its limits, and ends gracefully."""

import json
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from llmenvs.retrievers import BM25Retriever, Hit, HTTPRetriever, Passage
from llmenvs.retrievers.client import RefusedError
from llmenvs.retrievers.service import ServiceLimits, create_app

BEARER = "open sesame"
GOLDEN = json.loads((Path(__file__).parent / "golden" / "search_r1.json").read_text("utf-8"))


def without_scores(value: Any) -> Any:
    """Return a response with each score as 0: only its shape is the API's."""
    if isinstance(value, list):
        return [without_scores(entry) for entry in value]
    if isinstance(value, dict):
        return {k: 0 if k == "score" else without_scores(v) for k, v in value.items()}
    return value


class Slow:
    """A retriever that takes its time, or fails."""

    def __init__(self, *, pause_s: float = 0.0, fails: bool = False) -> None:
        self.pause_s = pause_s
        self.fails = fails
        self.started = threading.Event()

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        self.started.set()
        time.sleep(self.pause_s)
        if self.fails:
            raise RuntimeError("the disk is gone")
        return [[Hit("a", "T", query, 1.0)] for query in queries]


def post(url: str, payload: Any, **headers: str) -> httpx.Response:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return httpx.post(url, content=body, headers=headers, timeout=30, trust_env=False)


@pytest.mark.parametrize("form", ["", "_without_scores"])
def test_request_and_response_are_search_r1s(
    passages: list[Passage], serve_app: Callable[..., str], form: str
) -> None:
    url = serve_app(create_app(BM25Retriever.from_passages(passages)))

    response = post(url, GOLDEN["request" + form])
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert without_scores(response.json()) == without_scores(GOLDEN["response" + form])


@pytest.mark.parametrize("topk", [None, 0])
def test_the_default_k_stands_in_where_none_is_given(
    passages: list[Passage], serve_app: Callable[..., str], topk: int | None
) -> None:
    url = serve_app(create_app(BM25Retriever.from_passages(passages), default_k=2))

    (hits,) = post(url, {"queries": ["computer"], "topk": topk}).json()["result"]
    assert len(hits) == 2


def test_the_client_gets_what_a_local_search_gives(
    passages: list[Passage], serve_app: Callable[..., str], client_of: Callable[..., HTTPRetriever]
) -> None:
    strange = [Passage("s", 'a "title"', "lone \ud800, \x00 and\n\n\u2028lines"), *passages]
    local = BM25Retriever.from_passages(strange)
    remote = client_of(serve_app(create_app(local)))

    queries = ["lone lines", "", "\ud800", "France 日本", "computer " * 5000]
    assert remote.search(queries, 4) == local.search(queries, 4)


@pytest.mark.parametrize(
    ("payload", "status", "message"),
    [
        (b"no json", 422, "no valid JSON"),
        (b"[" * 100_000, 422, "no valid JSON"),
        ([], 422, "RetrieveRequest"),
        ({"topk": 3}, 422, "queries"),
        ({"queries": "France"}, 422, "valid list"),
        ({"queries": [3]}, 422, "valid string"),
        ({"queries": ["a"] * 5}, 422, "may have 4 queries, got 5"),
        ({"queries": ["a" * 21]}, 422, "may have 20 characters, got 21"),
        ({"queries": ["a"], "topk": 8}, 422, r"topk must be in [0, 7], got 8"),
        ({"queries": ["a"], "topk": -1}, 422, r"topk must be in [0, 7], got -1"),
        (b" " * 200_001, 413, "may have 200000 bytes"),
    ],
)
def test_what_exceeds_a_limit_is_refused_with_the_reason(
    serve_app: Callable[..., str], payload: Any, status: int, message: str
) -> None:
    limits = ServiceLimits(max_queries=4, max_query_chars=20, max_k=7, max_body_bytes=200_000)
    url = serve_app(create_app(Slow(), limits=limits))

    response = post(url, payload)
    assert response.status_code == status
    assert message in response.text
    assert post(url, {"queries": ["a" * 20] * 4, "topk": 7}).status_code == 200


def test_a_token_guards_all_but_health(
    serve_app: Callable[..., str], client_of: Callable[..., HTTPRetriever]
) -> None:
    url = serve_app(create_app(Slow(), token=BEARER))
    root = url.removesuffix("/retrieve")

    assert post(url, {"queries": ["a"]}).status_code == 401
    assert post(url, {"queries": ["a"]}, authorization="Bearer wrong").status_code == 401
    assert httpx.get(f"{root}/metrics", trust_env=False).status_code == 401
    assert httpx.get(f"{root}/health", trust_env=False).json() == {"status": "ok"}
    assert client_of(url, token=BEARER).search(["a"], 1)[0][0].text == "a"
    with pytest.raises(RefusedError, match="a bearer token is required"):
        client_of(url, token=f"not {BEARER}").search(["a"], 1)


def test_metrics_count(serve_app: Callable[..., str]) -> None:
    url = serve_app(create_app(Slow()))
    for payload in ({"queries": ["a", "b"]}, {"queries": ["c"]}, {"queries": "no list"}):
        post(url, payload)

    text = httpx.get(url.replace("/retrieve", "/metrics"), trust_env=False).text
    assert 'llmenvs_retrieve_requests_total{status="200"} 2.0' in text
    assert 'llmenvs_retrieve_requests_total{status="422"} 1.0' in text
    assert "llmenvs_retrieve_queries_total 3.0" in text
    assert "llmenvs_retrieve_seconds_count 2.0" in text


def test_a_failing_retriever_is_a_500_that_is_logged(
    serve_app: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    url = serve_app(create_app(Slow(fails=True)))

    with caplog.at_level(logging.ERROR):
        response = post(url, {"queries": ["a"]})
    assert response.status_code == 500
    assert response.json() == {"detail": "the search failed: RuntimeError"}
    assert "the disk is gone" in caplog.text


def test_health_is_answered_while_searches_wait_and_too_many_are_turned_away(
    serve_app: Callable[..., str],
) -> None:
    retriever = Slow(pause_s=1.0)
    url = serve_app(create_app(retriever, limits=ServiceLimits(max_waiting=2)))

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(post, url, {"queries": ["a"]}) for _ in range(6)]
        retriever.started.wait(10)
        start = time.monotonic()
        health = httpx.get(url.replace("/retrieve", "/health"), trust_env=False)
        waited_s = time.monotonic() - start
        statuses = sorted(job.result().status_code for job in jobs)
    assert health.status_code == 200
    assert waited_s < 1.0
    assert statuses == [200, 200, 503, 503, 503, 503]


def test_limits_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="max_k must be at least 1, got 0"):
        ServiceLimits(max_k=0)


def test_a_stop_finishes_what_is_in_flight(
    passages: list[Passage], tmp_path: Path, serve_index: Callable[..., Any]
) -> None:
    many = [Passage(f"{n}", "", "common words " * 20 + f"w{n}") for n in range(3000)]
    BM25Retriever.from_passages(many).save(tmp_path / "big")
    server = serve_index(tmp_path / "big")
    queries = ["common words"] * 1000

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(post, server.url, {"queries": queries, "topk": 3})
        metrics = f"{server.root}/metrics"
        while "llmenvs_retrieve_waiting 1.0" not in httpx.get(metrics, trust_env=False).text:
            assert not job.done(), "the search was over before it was seen"
        server.process.send_signal(signal.SIGTERM)
        response = job.result()
    server.process.wait(30)
    assert response.status_code == 200
    assert len(response.json()["result"]) == 1000
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)
