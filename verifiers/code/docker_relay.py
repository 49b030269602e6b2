"""Process 1 of a container: it carries frames between the attached streams and a run's pipes.

The fork-server is forked before anything comes in, so that it never holds a byte of a job: what a
run is given passes through this process alone, which no run can look into.

The end of standard input is the end of the owner, and so of this process, with which the kernel
ends all others of the container.
"""

import array
import json
import os
import select
import site
import socket
from contextlib import suppress
from typing import Any, NoReturn

from llmenvs.verifiers.code import fork_server, kernel, landlock
from llmenvs.verifiers.code.docker_frames import (
    ENDING,
    ERRORS,
    JOB,
    OUTPUT,
    REQUEST,
    RESULT,
    STDIN,
    pack,
    unpack,
)
from llmenvs.verifiers.code.memory_file import file_with
from llmenvs.verifiers.code.outer import ENVIRONMENT

SCRATCH = "/scratch"

_READ_BYTES = 1 << 16
_MAX_WAITING_BYTES = 1 << 20
_MAX_MESSAGE = 1 << 16


def main(config: dict[str, Any]) -> NoReturn:
    """Start the fork-server and serve until the owner ends.

    Args:
        config: ``preload`` (names of modules) and ``threads`` (that a run may have).
    """
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    owner_fd = os.pidfd_open(os.getpid())
    if os.fork() == 0:
        ours.close()
        devnull = os.open("/dev/null", os.O_RDWR)
        for fd in range(3):
            os.dup2(devnull, fd)
        fork_server.main(theirs.detach())
    theirs.close()
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    try:
        message = json.dumps(_server_config(config, owner_fd)).encode()
    except ValueError as error:
        hello = json.dumps({"error": str(error)}).encode()
        os.write(1, pack(ENDING, hello))
        os._exit(1)
    ours.send(message)
    Relay(ours).serve()


def _server_config(config: dict[str, Any], owner_fd: int) -> dict[str, Any]:
    # Here and not in the fork-server: what it takes to find packages is no part of a run's memory.
    from llmenvs.verifiers.code.exposure import find_exposure, without_hidden

    site.addsitepackages(site.venv(set()) or set())
    exposure = find_exposure(config["preload"])
    readable, listed = without_hidden(exposure)
    return {
        "owner_fd": owner_fd,
        "preload": config["preload"],
        "import_path": exposure.import_path,
        "enter_namespaces": False,
        "visible": readable,
        "listed": listed,
        "scratch": None,
        "temporary": SCRATCH,
        "private_mounts": False,
        "landlock": landlock.landlock_abi() > 0,
        "seccomp": True,
        "privileges": True,
        "uid": None,
        "kept_capability": None,
        "threads": config["threads"],
    }


class Relay:
    """Carries the frames of one run after another.

    Args:
        control: the socket to the fork-server.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._stdin: bytes | None = None
        self._outputs: dict[int, int] = {}
        self._job = -1
        self._job_bytes = bytearray()
        self._is_ready = False
        for fd in (0, 1):
            os.set_blocking(fd, False)

    def serve(self) -> NoReturn:
        """Carry frames until there is nobody to carry them for."""
        while True:
            for fd, _ in self._poll().poll():
                if fd == 0:
                    self._take_frames()
                elif fd == 1:
                    self._write_out()
                elif fd == self._control.fileno():
                    self._take_ending()
                elif fd == self._job:
                    self._write_job()
                elif fd in self._outputs:
                    self._carry(fd)

    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        if self._outgoing:
            poll.register(1, select.POLLOUT)
        # Nothing of a job is handed over before the owner has been told that the run is confined:
        # from then on, whatever becomes of this container is the job's own doing.
        elif self._is_ready and self._job_bytes and self._job >= 0:
            poll.register(self._job, select.POLLOUT)
        if len(self._outgoing) < _MAX_WAITING_BYTES:
            for fd in self._outputs:
                poll.register(fd, select.POLLIN)
        return poll

    def _take_frames(self) -> None:
        data = os.read(0, _READ_BYTES)
        if not data:
            os._exit(0)
        self._incoming += data
        for kind, body in unpack(self._incoming):
            if kind == STDIN:
                self._stdin = body
            elif kind == REQUEST:
                self._start(body)
            elif kind == JOB:
                if self._job >= 0:
                    self._job_bytes += body
            else:
                self._control.send(fork_server.KILL)

    def _start(self, request: bytes) -> None:
        theirs, self._job = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._job, False)
        given = [theirs]
        for kind in (OUTPUT, ERRORS, RESULT):
            ours, theirs = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self._outputs[ours] = kind
            given.append(theirs)
        if self._stdin is not None:
            given.append(file_with(self._stdin))
            self._stdin = None
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", given))]
        self._control.sendmsg([request], rights)
        for fd in given:
            os.close(fd)

    def _take_ending(self) -> None:
        ending = self._control.recv(_MAX_MESSAGE)
        if not ending:
            os._exit(1)
        for fd in list(self._outputs):
            while self._carry(fd):
                pass
        for fd in (*self._outputs, *([self._job] if self._job >= 0 else [])):
            os.close(fd)
        self._outputs.clear()
        self._job, self._is_ready = -1, False
        self._job_bytes.clear()
        self._send(ENDING, ending)

    def _carry(self, fd: int) -> bool:
        """Carry what there is in a pipe of the run; return whether there may be more."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        kind = self._outputs[fd]
        if not data:
            del self._outputs[fd]
            os.close(fd)
            return False
        self._is_ready = self._is_ready or kind == RESULT
        self._send(kind, data)
        return True

    def _send(self, kind: int, body: bytes) -> None:
        self._outgoing += pack(kind, body)
        self._write_out()

    def _write_out(self) -> None:
        with suppress(BlockingIOError):
            while self._outgoing:
                del self._outgoing[: os.write(1, self._outgoing[:_READ_BYTES])]

    def _write_job(self) -> None:
        try:
            while self._job_bytes:
                del self._job_bytes[: os.write(self._job, self._job_bytes[:_READ_BYTES])]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._job_bytes.clear()
