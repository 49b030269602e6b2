"""A handle on one worker process: start it, exchange messages without blocking, end it.

Workers start as ``python -m llmenvs.verifiers.worker`` over pipes and not through
`multiprocessing`, whose "spawn" runs the caller's ``__main__`` again (an unguarded script would
start itself without end, a notebook has no file) and whose "fork" copies the locks of its threads.
Each worker leads a session of its own, so that Ctrl-C in a terminal reaches only the parent, and so
that what a verifier started ends with its worker. POSIX only.
"""

import contextlib
import json
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from typing import IO, Any, cast

from llmenvs.verifiers.worker_protocol import (
    COUNTER_BYTES,
    MAX_REPLY_BYTES,
    REPLY_HEADER,
    REQUEST_HEADER,
)

_READ_BYTES = 1 << 18


class WorkerProcess:
    """One worker and what is known of it; mutable, for one thread at a time.

    Attributes:
        pending: the rows that were sent and not answered, in order.
        ready: whether it has loaded the verifier.
        lost: whether its end of the pipe is closed.
        requests, replies: the pipes to and from it, for a selector.
        last_activity: when it last moved, by `time.monotonic`.
    """

    def __init__(self, setup: bytes) -> None:
        self.pending: deque[Any] = deque()
        self.ready = False
        self.lost = False
        self.last_activity = time.monotonic()
        self._outbox: deque[memoryview] = deque()
        self._inbox = bytearray()
        self._num_answered = 0
        self._last_started = 0
        with tempfile.TemporaryFile() as counter_file:  # unlinked: nothing is left after a kill
            counter_file.truncate(COUNTER_BYTES)
            self._counter = mmap.mmap(counter_file.fileno(), COUNTER_BYTES)
            self._process = self._start(counter_file.fileno())
        self.send(setup, num_rows=0)

    def _start(self, counter_fd: int) -> subprocess.Popen[bytes]:
        self._lifeline, theirs = socket.socketpair()
        fds = (counter_fd, theirs.fileno())
        with theirs:
            process = subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-P", "-m", "llmenvs.verifiers.worker", *map(str, fds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                pass_fds=fds,
                start_new_session=True,
                # It finds llmenvs where this process did; it restores the variable (see worker).
                env={**os.environ, "PYTHONPATH": os.pathsep.join(import_path())},
            )
        self.requests = cast(IO[bytes], process.stdin)
        self.replies = cast(IO[bytes], process.stdout)
        for pipe in (self.requests, self.replies):
            os.set_blocking(pipe.fileno(), False)
        return process

    @property
    def has_output(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._outbox)

    def send(self, body: bytes, *, num_rows: int) -> None:
        """Queue a request and write as much as the pipe takes."""
        self._outbox.append(memoryview(REQUEST_HEADER.pack(len(body), num_rows) + body))
        self.flush()

    def flush(self) -> None:
        """Write what is queued, as far as the pipe takes it."""
        while self._outbox:
            try:
                written = os.write(self.requests.fileno(), self._outbox[0])
            except BlockingIOError:
                return
            except BrokenPipeError:  # reading will tell
                self._outbox.clear()
                return
            self.last_activity = time.monotonic()
            rest = self._outbox[0][written:]
            if rest:
                self._outbox[0] = rest
            else:
                self._outbox.popleft()

    def receive(self) -> list[dict[str, Any]]:
        """Return the messages that have arrived; sets ``lost`` at the end of the stream.

        Raises:
            ValueError: what arrived is not a message.
        """
        try:
            while chunk := os.read(self.replies.fileno(), _READ_BYTES):
                self._inbox += chunk
                self.last_activity = time.monotonic()
            self.lost = True
        except BlockingIOError:
            pass
        messages = []
        while (body := self._next_body()) is not None:
            message = json.loads(body)
            if not isinstance(message, dict):
                raise ValueError(f"a reply must be a JSON object, got {type(message).__name__}")
            messages.append(message)
        return messages

    def _next_body(self) -> bytes | None:
        head = REPLY_HEADER.size
        if len(self._inbox) < head:
            return None
        (size,) = REPLY_HEADER.unpack_from(self._inbox)
        if size > MAX_REPLY_BYTES:
            raise ValueError(f"a reply must have at most {MAX_REPLY_BYTES} bytes, got {size}")
        if len(self._inbox) < head + size:
            return None
        body = bytes(self._inbox[head : head + size])
        del self._inbox[: head + size]
        return body

    def take_answered(self, num_rows: int) -> list[Any]:
        """Take the first pending rows off, since their answers have come.

        Raises:
            IndexError: there are not as many.
        """
        self._num_answered += num_rows
        return [self.pending.popleft() for _ in range(num_rows)]

    def observe(self) -> None:
        """Note whether the worker has started another row since the last look."""
        started = self._num_started()
        if started != self._last_started:
            self._last_started = started
            self.last_activity = time.monotonic()

    def running(self) -> int | None:
        """Return which pending row is being scored, or was last; None if none was started."""
        place = self._num_started() - self._num_answered - 1
        return place if 0 <= place < len(self.pending) else None

    def _num_started(self) -> int:
        return int.from_bytes(self._counter[:COUNTER_BYTES], sys.byteorder)

    def hang_up(self) -> None:
        """Tell the worker that no more requests come; an idle one ends by itself."""
        self.requests.close()

    def stop(self, *, grace_s: float = 0.0) -> str:
        """End the worker and all that it started; return how it ended, as half a sentence.

        Args:
            grace_s: seconds in which it may end by itself, after `hang_up`.
        """
        replies = self.replies
        if grace_s and not self.lost:
            os.set_blocking(replies.fileno(), True)
            deadline = time.monotonic() + grace_s
            poll = select.poll()
            poll.register(replies, select.POLLIN)
            while poll.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
                if not os.read(replies.fileno(), _READ_BYTES):
                    break
        elif self.lost:
            # Its own exit status says more than the one that it has after our kill.
            self._await_exit(1.0)
        # Before the leader is waited for: until then its number cannot go to another group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        for end in (self.requests, replies, self._lifeline):
            end.close()
        self._counter.close()
        if code >= 0:
            return f"exited with status {code}"
        return f"was ended by signal {-code} ({signal.strsignal(-code)})"

    def _await_exit(self, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, self._process.pid, options) is not None:
                return
            time.sleep(0.002)


def import_path() -> list[str]:
    """Return the folders in which this process finds its modules."""
    return [entry or os.getcwd() for entry in sys.path if isinstance(entry, str)]
