"""A process in a container, as the forms of jobs see it: its pipes are frames of one stream."""

import json
import select
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

from llmenvs.verifiers.code import docker_frames as frames
from llmenvs.verifiers.code.job import Limits, SandboxError
from llmenvs.verifiers.code.process import GRACE_S, STDERR_BYTES, Exit
from llmenvs.verifiers.code.protocol import read_frame
from llmenvs.verifiers.code.worker import encode_request

_READ_BYTES = 1 << 17
_LAST_WORDS = 2000
_DAEMON_HEADER = 8  # which of the two streams, and a length: Docker's "stream format"
_STANDARD_OUTPUT = 1


class FrameStream:
    """Frames to and from a container, over the socket that the daemon attached to it.

    Args:
        attached: the socket; it is the stream's from now on.

    Attributes:
        last_words: the end of what came on the container's standard error.
    """

    def __init__(self, attached: socket.socket) -> None:
        attached.settimeout(0.0)
        self.last_words = bytearray()
        self._socket = attached
        self._raw = bytearray()
        self._framed = bytearray()
        self._unsent = bytearray()
        self._frames: deque[tuple[int, bytes]] = deque()
        self._ended = False
        self._waiting = threading.Lock()  # held while a thread waits for a frame

    def send(self, data: bytes) -> None:
        """Send packed frames; what the daemon does not take yet goes out while one waits."""
        self._unsent += data
        self._write()

    def receive(self, timeout_s: float) -> tuple[int, bytes] | None:
        """Return the next frame, None when the time is over.

        Raises:
            ConnectionError: there will be none.
        """
        with self._waiting:
            return self._next_frame(time.monotonic() + timeout_s)

    def is_open(self) -> bool:
        """Return whether the container still answers, as far as this side has heard."""
        self._read()
        return not self._ended

    def close(self) -> None:
        """Let go of the container, which ends it; wakes another thread that waits for a frame."""
        self._ended = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        # Not before a thread that waits has woken: the kernel looks its descriptor up once more,
        # which by then would be that of another file.
        with self._waiting:
            self.forget()

    def forget(self) -> None:
        """Let go of a socket that another process goes on using."""
        self._ended = True
        self._socket.close()

    def _next_frame(self, deadline: float) -> tuple[int, bytes] | None:
        poll = select.poll()
        while not self._frames:
            if self._ended:
                raise ConnectionError("the container has ended")
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            for _, events in poll.poll(left_s * 1000):
                if events & select.POLLOUT:
                    self._write()
                if events & ~select.POLLOUT:
                    self._read()
        return self._frames.popleft()

    def _write(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent[:_READ_BYTES])]
        except BlockingIOError:
            pass
        except OSError:
            self._ended = True

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._ended = self._ended or not data
        self._raw += data
        while len(self._raw) >= _DAEMON_HEADER:
            end = _DAEMON_HEADER + int.from_bytes(self._raw[4:_DAEMON_HEADER], "big")
            if len(self._raw) < end:
                break
            part = self._raw[_DAEMON_HEADER:end]
            if self._raw[0] == _STANDARD_OUTPUT:
                self._framed += part
            else:
                self.last_words = (self.last_words + part)[-_LAST_WORDS:]
            del self._raw[:end]
        self._frames += frames.unpack(self._framed)


class DockerProcess:
    """A confined process in a container; see `llmenvs.verifiers.code.process.Process`.

    Args:
        stream: of a container that runs nothing else meanwhile.
        limits: of the run.
        job: the first frame for it.
        stdin: a program's standard input.
        seed: of its global generators.

    Raises:
        SandboxError: the container is gone.
    """

    def __init__(
        self, stream: FrameStream, limits: Limits, job: bytes, *, stdin: bytes | None, seed: int = 0
    ) -> None:
        if not stream.is_open():
            raise SandboxError("the container is gone")
        self.overflow = ""
        self._stream = stream
        self._exit: Exit | None = None
        self._deadline = time.monotonic() + limits.wall_s + GRACE_S
        self._result_bytes = limits.result_bytes
        self._outputs = {
            frames.OUTPUT: ("output", bytearray(), limits.output_bytes),
            frames.ERRORS: ("errors", bytearray(), STDERR_BYTES),
            frames.RESULT: ("result", bytearray(), limits.result_bytes + _READ_BYTES),
        }
        request = frames.pack(frames.REQUEST, encode_request(limits, seed))
        if stdin is not None:
            request = frames.pack(frames.STDIN, stdin) + request
        stream.send(request + frames.pack(frames.JOB, job))  # in one piece, for it passes 3 hands

    @property
    def stdout(self) -> bytes:
        """What the process has written to its standard output."""
        return bytes(self._outputs[frames.OUTPUT][1])

    @property
    def stderr(self) -> bytes:
        """What the process has written to its standard error, the first of it."""
        return bytes(self._outputs[frames.ERRORS][1])

    def send(self, data: bytes) -> None:
        """Write to the job."""
        self._stream.send(frames.pack(frames.JOB, data))

    def receive(self) -> dict[str, Any] | None:
        """Wait for the next message."""
        results = self._outputs[frames.RESULT][1]
        while True:
            message = read_frame(results, self._result_bytes)
            if message is not None:
                return message
            if self._exit is not None:
                return None
            self._take_frame()

    def finish(self, *, kill: bool) -> Exit:
        """Wait for the end."""
        if kill and self._exit is None:
            self._stream.send(frames.pack(frames.KILL))
        while self._exit is None:
            self._take_frame()
        return self._exit

    def _take_frame(self) -> None:
        try:
            frame = self._stream.receive(self._deadline - time.monotonic())
        except ConnectionError:
            frame = None
        if frame is None:
            self._stream.close()
            self._exit = Exit("lost", 0, None, 0.0, 0.0, 0)
            return
        kind, body = frame
        if kind == frames.ENDING:
            self._exit = Exit(**json.loads(body))
            return
        name, buffer, most = self._outputs[kind]
        room = most - len(buffer)
        buffer += body[:room]
        if len(body) > room and name != "errors" and not self.overflow:
            self.overflow = name
            self._stream.send(frames.pack(frames.KILL))
