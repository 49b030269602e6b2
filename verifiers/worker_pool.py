"""Score a stream of rows in worker processes: in order, in bounded memory, each row on its own.

Memory is bounded by the `Backlog`, which reads from the caller only so far ahead. Batches grow
until one takes `BATCH_S`, so that a cheap verifier does not pay for a message with each row and a
dear one does not leave workers idle at the end.

What a failure costs: the row that was running gets an undecided verdict, the worker is replaced,
and the rows that were sent with it are scored by another.
"""

import contextlib
import os
import pickle
import selectors
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # it has no type information

from llmenvs.verifiers.backlog import Backlog, Row
from llmenvs.verifiers.judge import describe
from llmenvs.verifiers.verdict import Status, Verdict, Verifier
from llmenvs.verifiers.worker_process import WorkerProcess, import_path
from llmenvs.verifiers.worker_protocol import decode_verdict

BATCH_S = 0.05
MAX_BATCH_ROWS = 1024
START_TIMEOUT_S = 120.0
MAX_FUTILE_LOSSES = 3
"""Workers that may be lost in a row without having scored anything."""

_GRACE_S = 2.0


class WorkerError(RuntimeError):
    """Workers cannot be had at all, whatever the rows are."""


class WorkerPool:
    """Worker processes that hold one verifier, kept from call to call.

    Args:
        verifier: is sent to the workers by cloudpickle, which also takes classes and functions of a
            script or a notebook.
        workers: most processes at a time, at least 1; they are started as rows need them.
        timeout_s: wall time that one row may take, over 0. It is a last resort, for a verifier
            that breaks its own limit, and costs a worker.
        memory_limit_bytes: address space of one worker; in one that asks for more, Python raises
            `MemoryError`, which makes that row an error. None for no limit.

    Raises:
        ValueError: a number is out of range, or the verifier does not pickle.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        workers: int,
        timeout_s: float,
        memory_limit_bytes: int | None = None,
    ) -> None:
        if workers < 1 or not timeout_s > 0:
            raise ValueError(
                f"need workers >= 1 and timeout_s > 0, got {workers=} and {timeout_s=}"
            )
        try:
            pickled = pickle_verifier(verifier)
        except Exception as error:
            raise ValueError(
                f"the verifier must pickle to reach the workers, got {describe(error)}"
            ) from error
        setup = (import_path(), os.environ.get("PYTHONPATH"), memory_limit_bytes, pickled)
        self.workers = workers
        self.timeout_s = timeout_s
        self._setup = pickle.dumps(setup)
        self._processes: list[WorkerProcess] = []
        self._selector = selectors.DefaultSelector()
        self._row_s: float | None = None  # running mean of the time that a row takes
        self._num_futile_losses = 0
        self._busy = threading.Lock()
        self._owner_pid = os.getpid()

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def score(
        self, rows: Iterable[tuple[str, Any]], *, stop: threading.Event | None = None
    ) -> Iterator[Verdict]:
        """Yield the verdict of each (completion, target), in order.

        One pass at a time. If it is left early, by an exception or by closing the iterator, the
        workers are ended at once.

        Args:
            rows: read from the calling thread, no further ahead than the module says.
            stop: once set, from any thread, the iterator ends within a quarter of a second.

        Raises:
            RuntimeError: another pass runs.
            WorkerError: the workers cannot load the verifier, or are lost before they score.
        """
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("this pool is scoring already: one pass at a time")
        backlog = Backlog(rows)
        try:
            while not backlog.done and not (stop is not None and stop.is_set()):
                self._dispatch(backlog)
                self._exchange(backlog)
                yield from backlog.settled()
        finally:
            if not backlog.done:
                self._end_all(grace_s=0.0)
            self._busy.release()

    def close(self) -> None:
        """End the workers for good; those at work are ended at once.

        Does nothing in a process that was forked from the one that made the pool.
        """
        if os.getpid() != self._owner_pid:
            return
        busy = any(worker.pending for worker in self._processes)
        self._end_all(grace_s=0.0 if busy else _GRACE_S)
        self._selector.close()

    def _dispatch(self, backlog: Backlog) -> None:
        while self._has_room() and (batch := backlog.take(self._batch_rows())):
            body = _pack(batch, backlog)
            if body is not None:
                worker = self._next_worker()
                worker.pending.extend(batch)
                worker.send(body, num_rows=len(batch))
                self._watch(worker)

    def _batch_rows(self) -> int:
        if self._row_s is None:
            return 1
        return min(max(int(BATCH_S / max(self._row_s, 1e-9)), 1), MAX_BATCH_ROWS)

    def _has_room(self) -> bool:
        least = min((len(worker.pending) for worker in self._processes), default=0)
        if least == 0 or len(self._processes) < self.workers:
            return True
        batch_rows = self._batch_rows()
        # A second batch waits in the pipe, so that a worker need not wait for us in between.
        return batch_rows > 1 and least <= batch_rows

    def _next_worker(self) -> WorkerProcess:
        least = min(self._processes, key=lambda worker: len(worker.pending), default=None)
        if least is None or (least.pending and len(self._processes) < self.workers):
            return self._start()
        return least

    def _start(self) -> WorkerProcess:
        worker = WorkerProcess(self._setup)
        self._processes.append(worker)
        self._selector.register(worker.replies, selectors.EVENT_READ, worker)
        return worker

    def _watch(self, worker: WorkerProcess) -> None:
        """Wait for the pipe to take more exactly while there is more to write."""
        watched = worker.requests in self._selector.get_map()
        if worker.has_output and not watched:
            self._selector.register(worker.requests, selectors.EVENT_WRITE, worker)
        elif watched and not worker.has_output:
            self._selector.unregister(worker.requests)

    def _exchange(self, backlog: Backlog) -> None:
        if not any(worker.pending for worker in self._processes):
            return
        for key, _ in self._selector.select(min(0.25, self.timeout_s / 5)):
            worker: WorkerProcess = key.data
            if key.fileobj is worker.requests:
                worker.flush()
                self._watch(worker)
            else:
                self._receive(worker, backlog)
        # Only now: while the caller kept us waiting, answers may have come that we had not read.
        now = time.monotonic()
        for worker in [worker for worker in self._processes if worker.pending]:
            worker.observe()
            limit_s = self.timeout_s if worker.ready else START_TIMEOUT_S
            if now - worker.last_activity > limit_s:
                reason = f"no verdict within {limit_s:g} s"
                self._replace(worker, backlog, Status.TIMEOUT, reason)

    def _receive(self, worker: WorkerProcess, backlog: Backlog) -> None:
        try:
            for message in worker.receive():
                self._handle(worker, message, backlog)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            reason = f"the worker sent what is no reply: {describe(error)}"
            self._replace(worker, backlog, Status.ERROR, reason)
            return
        if worker.lost:
            self._replace(worker, backlog, Status.ERROR, "")

    def _handle(self, worker: WorkerProcess, message: dict[str, Any], backlog: Backlog) -> None:
        if "failed" in message:
            raise WorkerError(f"a worker could not load the verifier: {message['failed']}")
        if "ready" in message:
            worker.ready = True
        elif "unreadable" in message:
            rows = worker.take_answered(message["rows"])
            backlog.isolate(rows, f"the target does not unpickle: {message['unreadable']}")
        else:
            verdicts = [decode_verdict(fields) for fields in message["verdicts"]]
            backlog.settle(worker.take_answered(len(verdicts)), verdicts)
            if verdicts:
                self._num_futile_losses = 0
                row_s = float(message["seconds"]) / len(verdicts)
                self._row_s = row_s if self._row_s is None else (self._row_s + row_s) / 2

    def _replace(
        self, worker: WorkerProcess, backlog: Backlog, status: Status, reason: str
    ) -> None:
        """End a worker, blame the row that it was at, and put its other rows back."""
        running = worker.running()
        rows = list(worker.pending)
        ending = self._end(worker)
        if running is None:
            self._num_futile_losses += 1
            if self._num_futile_losses >= MAX_FUTILE_LOSSES:
                raise WorkerError(
                    f"{MAX_FUTILE_LOSSES} workers in a row were lost before they scored a row; "
                    f"the last one {ending}"
                )
        else:
            reason = reason or f"the worker {ending} while it scored this row"
            verdict = Verdict.undecided(status, reason=reason)
            backlog.settle([rows.pop(running)], [verdict])
        backlog.put_back(rows)

    def _end(self, worker: WorkerProcess, *, grace_s: float = 0.0) -> str:
        for pipe in (worker.requests, worker.replies):
            with contextlib.suppress(KeyError, ValueError):  # not watched, or closed
                self._selector.unregister(pipe)
        self._processes.remove(worker)
        return worker.stop(grace_s=grace_s)

    def _end_all(self, *, grace_s: float) -> None:
        for worker in self._processes:
            with contextlib.suppress(KeyError):
                self._selector.unregister(worker.requests)
            worker.hang_up()
        for worker in list(self._processes):
            self._end(worker, grace_s=grace_s)


def pickle_verifier(verifier: Verifier) -> bytes:
    """Pickle by name what a worker can import, and by value what it cannot.

    cloudpickle does so by itself for ``__main__``, but not for modules that were loaded in a way
    that no import repeats, as pytest's "importlib" mode does with test files.
    """
    module = sys.modules.get(getattr(verifier, "__module__", ""))
    if module is None or module.__name__ == "__main__" or _is_importable(module.__name__):
        return bytes(cloudpickle.dumps(verifier))
    cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(verifier))
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _is_importable(name: str) -> bool:
    top = name.partition(".")[0]
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]
    return any(finder.find_spec(top, None) is not None for finder in finders)


def _pack(batch: list[Row], backlog: Backlog) -> bytes | None:
    """Return the request, or None where it does not pickle and its rows went back."""
    try:
        body: bytes = cloudpickle.dumps([(row.completion, row.target) for row in batch])
    except Exception as error:
        backlog.isolate(batch, f"the target does not pickle: {describe(error)}")
        return None
    return body
