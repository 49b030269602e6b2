"""Concurrent calls share batches, keep their order, and fail apart from each other."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.retrievers.batching import Batcher


class Upper:
    """Raises for "bad", and remembers the sizes of its calls and how many ran at once."""

    def __init__(self, *, pause_s: float = 0.0) -> None:
        self.sizes: list[int] = []
        self.most_at_once = 0
        self._running = 0
        self._lock = threading.Lock()
        self._pause_s = pause_s

    def __call__(self, queries: Sequence[str], k: int) -> list[str]:
        with self._lock:
            self.sizes.append(len(queries))
            self._running += 1
            self.most_at_once = max(self.most_at_once, self._running)
        time.sleep(self._pause_s)
        with self._lock:
            self._running -= 1
        if "bad" in queries:
            raise ValueError("bad")
        if "broken" in queries:
            raise RuntimeError("broken")
        return [query.upper() * k for query in queries]


def batcher(function: Upper, *, max_batch: int = 8, max_running: int = 2) -> Batcher[str]:
    return Batcher(function, max_batch=max_batch, max_running=max_running, refusal=ValueError)


@given(st.lists(st.text("ab"), max_size=30), st.integers(1, 5))
def test_one_call_is_split_and_put_together(queries: list[str], max_batch: int) -> None:
    function = Upper()

    result = batcher(function, max_batch=max_batch).run(queries, 2)
    assert result == [query.upper() * 2 for query in queries]
    assert max(function.sizes, default=0) <= max_batch


def test_calls_that_wait_are_merged() -> None:
    function = Upper(pause_s=0.02)
    shared = batcher(function, max_batch=8, max_running=2)

    with ThreadPoolExecutor(32) as pool:
        jobs = [pool.submit(shared.run, [f"a{n}", f"b{n}"], 1) for n in range(64)]
        results = [job.result() for job in jobs]
    assert results == [[f"A{n}", f"B{n}"] for n in range(64)]
    assert function.most_at_once <= 2
    assert len(function.sizes) < 64
    assert max(function.sizes) <= 8


def test_calls_with_another_k_are_not_mixed() -> None:
    shared = batcher(Upper(pause_s=0.01), max_running=1)

    with ThreadPoolExecutor(12) as pool:
        jobs = [pool.submit(shared.run, ["x"], 1 + n % 3) for n in range(24)]
        results = [job.result() for job in jobs]
    assert results == [["X" * (1 + n % 3)] for n in range(24)]


def test_a_refused_query_fails_its_own_call_alone() -> None:
    shared = batcher(Upper(pause_s=0.02), max_running=1)
    words = ["good", "bad", "fine", "well"] * 4

    with ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(shared.run, [word], 1) for word in words]
        errors = [job.exception() for job in jobs]
    assert [error is not None for error in errors] == [word == "bad" for word in words]


def test_an_outage_fails_all_that_met_it_and_no_more() -> None:
    shared = batcher(Upper())

    with pytest.raises(RuntimeError, match="broken"):
        shared.run(["broken"], 1)
    assert shared.run(["fine"], 1) == ["FINE"]


def test_an_interrupt_leaves_no_caller_waiting() -> None:
    def interrupt(queries: Sequence[str], k: int) -> list[str]:
        raise KeyboardInterrupt

    shared: Batcher[str] = Batcher(interrupt, max_batch=4, max_running=1, refusal=ValueError)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            shared.run(["x"], 1)
