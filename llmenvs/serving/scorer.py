"""Scores rows for many requests at once, in worker processes or threads, off the event loop."""

import asyncio
import math
import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from llmenvs.serving.errors import ServiceError
from llmenvs.verifiers.judge import describe, failure, judge
from llmenvs.verifiers.verdict import Verdict, Verifier
from llmenvs.verifiers.worker_pool import WorkerError, WorkerPool

Row = tuple[str, Any]
_MAX_CHUNK_ROWS = 64
"""A longer list is divided, so that other requests get their turn."""


class Scorer:
    """A verifier that several requests share.

    Args:
        verifier: any `Verifier`; with workers it must pickle.
        workers: processes, each of which scores a row at a time; 0 scores in threads of this one,
            where nothing stops a verifier that hangs.
        timeout_s: wall seconds that a row may take in a worker.
        max_waiting: lists that are scored or wait; more are refused with 503.

    Raises:
        ValueError: a number is out of range, or the verifier does not pickle.
    """

    def __init__(
        self, verifier: Verifier, *, workers: int, timeout_s: float, max_waiting: int = 4096
    ) -> None:
        if workers < 0 or not timeout_s > 0:
            raise ValueError(f"need workers >= 0 and timeout_s > 0, got {workers=}, {timeout_s=}")
        self._verifier = verifier
        self._num_threads = workers or 4
        self._pools: queue.SimpleQueue[WorkerPool] = queue.SimpleQueue()
        self._all_pools = [
            WorkerPool(verifier, workers=1, timeout_s=timeout_s) for _ in range(workers)
        ]
        for pool in self._all_pools:
            self._pools.put(pool)
        self._executor = ThreadPoolExecutor(self._num_threads, thread_name_prefix="score")
        self._max_waiting = max_waiting
        self._num_waiting = 0

    async def score(self, rows: Sequence[Row]) -> list[Verdict]:
        """Return a verdict for each row, in order; a failure is its row's alone.

        Raises:
            ServiceError: too many lists wait already.
        """
        if self._num_waiting >= self._max_waiting:
            raise ServiceError(503, "busy", f"{self._num_waiting} requests wait already")
        size = min(_MAX_CHUNK_ROWS, max(1, math.ceil(len(rows) / self._num_threads)))
        chunks = [rows[start : start + size] for start in range(0, len(rows), size)]
        loop = asyncio.get_running_loop()
        self._num_waiting += 1
        try:
            scored = await asyncio.gather(
                *(loop.run_in_executor(self._executor, self._score, chunk) for chunk in chunks)
            )
        finally:
            self._num_waiting -= 1
        return [verdict for chunk in scored for verdict in chunk]

    def close(self) -> None:
        """Wait for what is being scored and end the workers."""
        self._executor.shutdown(wait=True)
        for pool in self._all_pools:
            pool.close()

    def _score(self, rows: Sequence[Row]) -> list[Verdict]:
        if not self._all_pools:
            return [judge(self._verifier, completion, target) for completion, target in rows]
        pool = self._pools.get()  # there are as many threads as pools
        try:
            return list(pool.score(rows))
        except WorkerError as error:
            return [failure(f"no worker could score: {describe(error)}") for _ in rows]
        finally:
            self._pools.put(pool)
