"""One process in a sandbox, as the forms of jobs see it: input, three outputs, and an end.

`Process` is the seam between the forms and the backends. What is here is for fork-servers that take
descriptors; a backend that cannot pass any, as a container on another kernel, brings its own.
"""

import os
import select
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from llmenvs.verifiers.code.job import Limits
from llmenvs.verifiers.code.memory_file import file_with
from llmenvs.verifiers.code.protocol import read_frame

if TYPE_CHECKING:
    from llmenvs.verifiers.code.worker import Worker

STDERR_BYTES = 1 << 16
GRACE_S = 5.0
"""Beyond the wall limit, after which the fork-server itself is taken for lost."""

_READ_BYTES = 1 << 16


class Exit(NamedTuple):
    """How a process ended, as its sandbox says, not the process itself.

    Attributes:
        why: the limit that it was killed for: ``cpu``, ``wall``, ``files``; ``killed`` on request,
            ``lost`` with its sandbox, "" if it ended by itself.
        signal: that killed it, 0 for none.
        status: of exit, None where it was killed.
        cpu_s, wall_s, peak_bytes: what it took.
    """

    why: str
    signal: int
    status: int | None
    cpu_s: float
    wall_s: float
    peak_bytes: int


class Process(Protocol):
    """A confined process. Not safe to use from more than one thread.

    Attributes:
        stdout, stderr: what it has written so far, up to the limits.
        overflow: the output that went over its limit, "" for none; the process is then killed.
    """

    @property
    def stdout(self) -> bytes:
        """What came of its standard output."""
        ...

    @property
    def stderr(self) -> bytes:
        """What came of its standard error."""
        ...

    @property
    def overflow(self) -> str:
        """Which output was too long."""
        ...

    def send(self, data: bytes) -> None:
        """Write to its job; what it does not take yet is kept for later."""
        ...

    def receive(self) -> dict[str, Any] | None:
        """Wait for its next message; None if it ended without one.

        Raises:
            ProtocolError: what came is no message.
        """
        ...

    def finish(self, *, kill: bool) -> Exit:
        """Wait for its end, after killing it if asked, and release what it held."""
        ...


class Server(Protocol):
    """A fork-server as the pool sees it: it runs one process at a time."""

    def start_process(self, limits: Limits, job: bytes, *, stdin: bytes | None) -> Process:
        """Start a process with the first frame of its job.

        Raises:
            SandboxError: the server is gone; nothing was delivered.
        """
        ...

    def close(self) -> None:
        """End the server and whatever runs in it."""
        ...

    def forget(self) -> None:
        """Let go of the server in a process that was forked from its owner."""
        ...


class LocalProcess:
    """A process of a fork-server on this machine: its pipes are ours.

    Args:
        worker: that no other process uses meanwhile.
        limits: of the run.
        job: the first frame for it.
        stdin: a program's standard input. It is then asked nothing later, and its results are read
            only after its end.
        seed: of its global generators.

    Raises:
        SandboxError: the fork-server is gone.
    """

    def __init__(
        self, worker: "Worker", limits: Limits, job: bytes, *, stdin: bytes | None, seed: int = 0
    ) -> None:
        self.overflow = ""
        self._worker = worker
        self._limits = limits
        self._unsent = bytearray()
        self._exit: Exit | None = None
        self._deadline = time.monotonic() + limits.wall_s + GRACE_S
        self._outputs: dict[int, tuple[str, bytearray, int]] = {}
        self._ended: set[int] = set()
        self._poll = select.poll()
        theirs: list[int] = []
        self._input = -1
        try:
            theirs.append(self._open_input())
            for name, most in (
                ("output", limits.output_bytes),
                ("errors", STDERR_BYTES),
                ("result", limits.result_bytes + _READ_BYTES),
            ):
                # The results of a program are few and wait in their pipe; each look costs time.
                watch = stdin is None or name != "result"
                theirs.append(self._open_output(name, most, watch=watch))
            if stdin is not None:
                theirs.append(file_with(stdin))
            worker.request(limits, seed=seed, fds=theirs)
        except BaseException:
            self._release()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self._control = worker.socket.fileno()
        self._poll.register(self._control, select.POLLIN)
        self.send(job)

    @property
    def stdout(self) -> bytes:
        """What the process has written to its standard output."""
        return bytes(self._buffer("output"))

    @property
    def stderr(self) -> bytes:
        """What the process has written to its standard error, the first of it."""
        return bytes(self._buffer("errors"))

    def send(self, data: bytes) -> None:
        """Write to the job's pipe."""
        self._unsent += data
        self._write()

    def receive(self) -> dict[str, Any] | None:
        """Wait for the next message."""
        results = self._buffer("result")
        while True:
            message = read_frame(results, self._limits.result_bytes)
            if message is not None:
                return message
            if self._exit is not None:
                return None
            self._pump()

    def finish(self, *, kill: bool) -> Exit:
        """Wait for the end and close the pipes."""
        try:
            if kill and self._exit is None:
                self._worker.kill()
            while self._exit is None:
                self._pump()
        finally:
            self._release()
        return self._exit

    def _open_input(self) -> int:
        theirs, self._input = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(theirs, True)
        return theirs

    def _open_output(self, name: str, most: int, *, watch: bool) -> int:
        ours, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(theirs, True)
        self._outputs[ours] = (name, bytearray(), most)
        if watch:
            self._poll.register(ours, select.POLLIN)
        return theirs

    def _buffer(self, wanted: str) -> bytearray:
        return next(buffer for name, buffer, _ in self._outputs.values() if name == wanted)

    def _pump(self) -> None:
        """Wait for something to happen and take it in."""
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            self._worker.close()
            self._take_ending(None)
            return
        for fd, _ in self._poll.poll(left_s * 1000):
            if fd == self._input:
                self._write()
            elif fd == self._control:
                self._take_ending(self._worker.receive_ending())
            else:
                self._read(fd)

    def _take_ending(self, ending: dict[str, Any] | None) -> None:
        # The only process that held the other ends is dead, so all that it wrote is in the pipes.
        # Their end is not waited for: a fork of this process may hold copies of them.
        with suppress(KeyError, ValueError):
            self._poll.unregister(self._control)
        for fd in self._outputs.keys() - self._ended:
            while self._read(fd):
                pass
        if ending is None:
            self._exit = Exit("lost", 0, None, 0.0, 0.0, 0)
        else:
            self._exit = Exit(**ending)

    def _read(self, fd: int) -> bool:
        """Take in what there is; return whether there may be more."""
        name, buffer, most = self._outputs[fd]
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._ended.add(fd)
            with suppress(KeyError):
                self._poll.unregister(fd)
            return False
        room = most - len(buffer)
        buffer += data[:room]
        if len(data) > room and name != "errors" and not self.overflow:
            self.overflow = name
            self._worker.kill()
        return True

    def _write(self) -> None:
        if self._input < 0:
            return
        try:
            while self._unsent:
                del self._unsent[: os.write(self._input, self._unsent[:_READ_BYTES])]
        except BlockingIOError:
            self._poll.register(self._input, select.POLLOUT)
            return
        except BrokenPipeError:
            self._unsent.clear()
        with suppress(KeyError):
            self._poll.unregister(self._input)

    def _release(self) -> None:
        for fd in [*self._outputs, *([self._input] if self._input >= 0 else [])]:
            with suppress(OSError):
                os.close(fd)
        self._input = -1
