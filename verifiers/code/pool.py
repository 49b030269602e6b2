"""Sandboxes of fork-servers: a few fork-servers, kept from run to run, and handed out to threads.

Each slot has a fork-server for solutions, and one for tests once a suite is run, so that a suite
needs no second slot and cannot wait for itself. Servers start when they are first needed, and a
lost one is replaced. A server serves only after it has been probed.
"""

import os
import queue
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import TracebackType

from llmenvs.verifiers.code.exposure import find_exposure
from llmenvs.verifiers.code.job import (
    Accept,
    Ending,
    Job,
    Limits,
    RunResult,
    Sandbox,
    SandboxError,
)
from llmenvs.verifiers.code.process import Process, Server
from llmenvs.verifiers.code.runner import run_job
from llmenvs.verifiers.code.self_test import refuse_open_doors
from llmenvs.verifiers.code.worker import Worker, WorkerSettings

StartServer = Callable[[tuple[str, ...]], Server]
"""Starts a server, with modules that are preloaded beside those of the sandbox, and probes it."""


class PooledSandbox:
    """Runs jobs in fork-servers. See `llmenvs.verifiers.code.job.Sandbox`.

    Args:
        name: of the backend.
        start_server: starts one more of its fork-servers.
        workers: most runs at a time, at least 1.
        first: a fork-server that runs already, to begin with.
    """

    def __init__(
        self, name: str, start_server: StartServer, *, workers: int, first: Server | None = None
    ) -> None:
        if workers < 1:
            raise ValueError(f"need workers >= 1, got {workers}")
        self._name = name
        self._start_server = start_server
        self._num_workers = workers
        self._reset(first)

    @property
    def name(self) -> str:
        """The backend's name."""
        return self._name

    def run(self, job: Job, limits: Limits, *, accept: Accept | None = None) -> RunResult:
        """Run one job; see `Sandbox.run`."""
        if os.getpid() != self._owner_pid:
            self._leave_to_owner()
        slot = self._slots.get()
        try:
            if self._closed.is_set():
                raise SandboxError("the sandbox is closed")
            return slot.run(job, limits, accept)
        finally:
            self._slots.put(slot)

    def close(self) -> None:
        """End all fork-servers; see `Sandbox.close`."""
        self._closed.set()
        self._finalizer()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _reset(self, first: Server | None = None) -> None:
        self._owner_pid = os.getpid()
        self._closed = threading.Event()
        self._all = [_Slot(self._start_server) for _ in range(self._num_workers)]
        if first is not None:
            self._all[-1].keep(first)
        self._slots: queue.LifoQueue[_Slot] = queue.LifoQueue()  # the warmest first
        for slot in self._all:
            self._slots.put(slot)
        self._finalizer = weakref.finalize(self, _close_all, self._all, self._owner_pid)

    def _leave_to_owner(self) -> None:
        """Start afresh in a process that was forked, whose parent goes on using the servers."""
        for slot in self._all:
            slot.forget()
        self._finalizer.detach()
        self._reset()


class _Slot:
    """Room for one run: its fork-servers, by what they are for, which one thread uses at a time."""

    def __init__(self, start_server: StartServer) -> None:
        self._start_server = start_server
        self._workers: dict[str, Server] = {}

    def keep(self, worker: Server) -> None:
        """Use a server that runs already."""
        self._workers["solutions"] = worker

    def run(self, job: Job, limits: Limits, accept: Accept | None) -> RunResult:
        """Run a job, and end the servers if anything was the matter with them."""
        try:
            result = run_job(
                job,
                limits,
                accept=accept,
                start=partial(self._start, "solutions", limits),
                start_tests=partial(self._start_tests, limits),
            )
        except BaseException:
            self.close()  # whatever was going on, nothing of it reaches the next run
            raise
        if result.ending is Ending.WORKER_LOST:
            self.close()
        return result

    def close(self) -> None:
        """End the servers."""
        for worker in self._workers.values():
            worker.close()
        self._workers = {}

    def forget(self) -> None:
        """Leave the servers to another process."""
        for worker in self._workers.values():
            worker.forget()

    def _start_tests(self, limits: Limits, job: bytes, stdin: bytes | None) -> Process:
        # The tests wait for the solution, so their clock must not run out before its own.
        limits = replace(limits, wall_s=2 * limits.wall_s)
        return self._start("pytest" if b"pytest" in job else "tests", limits, job, stdin)

    def _start(self, purpose: str, limits: Limits, job: bytes, stdin: bytes | None) -> Process:
        worker = self._workers.pop(purpose, None)
        if worker is not None:
            try:
                process = worker.start_process(limits, job, stdin=stdin)
            except SandboxError:  # lost while it was idle: nothing was delivered to it
                worker.close()
            else:
                self._workers[purpose] = worker
                return process
        worker = self._start_server(("pytest",) if purpose == "pytest" else ())
        self._workers[purpose] = worker
        return worker.start_process(limits, job, stdin=stdin)


class LocalSandbox(PooledSandbox):
    """Runs jobs on this machine.

    Args:
        name: of the backend.
        settings: of its fork-servers.
        workers: most runs at a time, at least 1.
        first: a fork-server that runs already, to begin with.

    Attributes:
        settings: as given.
    """

    def __init__(
        self, name: str, settings: WorkerSettings, *, workers: int, first: Worker | None = None
    ) -> None:
        self.settings = settings
        super().__init__(name, partial(_start_local, settings), workers=workers, first=first)


def _start_local(settings: WorkerSettings, preload: tuple[str, ...]) -> Worker:
    return start_probed(_preloading(settings, preload) if preload else settings)


def _preloading(settings: WorkerSettings, preload: tuple[str, ...]) -> WorkerSettings:
    preload = (*settings.preload, *preload)
    try:
        return replace(settings, preload=preload, exposure=find_exposure(preload))
    except ValueError as error:
        raise SandboxError(f"the tests use pytest: {error}") from error


def start_probed(settings: WorkerSettings) -> Worker:
    """Start a fork-server and return it if all doors are closed.

    Raises:
        SandboxError: it does not start, or a door is open.
    """
    worker = Worker(settings)
    try:
        if settings.isolated:
            refuse_open_doors(worker)
    except BaseException:
        worker.close()
        raise
    return worker


def _close_all(slots: list[_Slot], owner_pid: int) -> None:
    if os.getpid() == owner_pid:
        for slot in slots:
            slot.close()
