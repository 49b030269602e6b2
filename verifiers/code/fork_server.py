"""The fork-server inside a sandbox: it forks a confined process for each job, and watches it.

It never reads a byte of a job or of an output. The verifier makes the pipes and sends their ends;
the server passes them on to the child and only says how the child ended. So no later run can find
in its own memory, which is a copy of the server's, what an earlier one was given.

A run is killed when its CPU time or its time on the clock is over, when the verifier says so, and
when the verifier's process ends, however it ends (a pidfd tells).

Messages, one JSON object each over a SEQPACKET socket: first the configuration comes in and
``{"pid": ...}`` goes out; then for each run the limits come in with their descriptors, and its end
goes out. ``kill`` comes in during a run, or late, when it means nothing.
"""

import array
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

from llmenvs.verifiers.code import forms, kernel, namespaces
from llmenvs.verifiers.code.confinement import JOB_FD, RESULT_FD, Confinement, seed_generators
from llmenvs.verifiers.code.scratch import make_scratch

CONFIG_BYTES = 1 << 17
KILL = b"kill"
EXIT_NOT_CONFINED = 120
"""Status of a child that could not be confined and has run nothing."""

STANDARD_MODULES = (
    "bisect", "collections", "copy", "functools", "heapq", "itertools", "math", "operator",
    "random", "re", "string", "threading", "typing",
)  # fmt: skip
"""Imported beforehand, since many solutions use some of them. Each module costs every run a little,
for its pages and mappings are copied, so the list is short."""

_LAZY_SUBMODULES = {
    "numpy": ("numpy.random", "numpy.linalg", "numpy.fft", "numpy.ma", "numpy.polynomial"),
}
_REQUEST_BYTES = 4096
_MAX_DESCRIPTORS = 5
_LEAST_WATCH_S = 0.005
_SCRATCH_WATCH_S = 0.05
_NUM_CORES = os.cpu_count() or 1


def main(control_fd: int) -> NoReturn:
    """Serve until the verifier's process ends or closes the socket."""
    control = socket.socket(fileno=control_fd)
    config = json.loads(control.recv(CONFIG_BYTES))
    try:
        if config["enter_namespaces"]:
            _enter_namespaces(config)
        server = ForkServer(control, config)
    except Exception as error:
        message = {"error": f"{type(error).__name__}: {error}"}
        control.send(json.dumps(message).encode())
        os._exit(1)
    control.send(json.dumps({"pid": os.getpid()}).encode())
    server.serve()


def _enter_namespaces(config: dict[str, Any]) -> None:
    namespaces.enter(
        config["visible"],
        config["hidden"],
        config["links"],
        privileged=kernel.has_capability(kernel.CAP_SYS_ADMIN),
    )


class ForkServer:
    """The state of a server: its confinement, ready to be applied, and its way to the verifier.

    Args:
        control: the socket to the verifier.
        config: see `Confinement`; and ``preload`` (modules), ``import_path``, and ``owner_fd``, a
            pidfd of the verifier's process.
    """

    def __init__(self, control: socket.socket, config: dict[str, Any]) -> None:
        self._control = control
        self._owner_fd = int(config["owner_fd"])
        sys.path[:] = [*sys.path, *config["import_path"]]
        _preload(config["preload"])
        self._scratch = make_scratch(config["scratch"], config["uid"], config["temporary"])
        self._confinement = Confinement(config, self._scratch.path)
        os.environ["HOME"] = os.environ["TMPDIR"] = self._scratch.path
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.argv[:] = [""]
        forms.warm_up()
        self._confinement.measure()
        gc.collect()
        gc.freeze()  # collections in a child would copy the pages of all that is here

    def serve(self) -> NoReturn:
        """Answer requests until there is nobody to ask."""
        idle = select.poll()
        idle.register(self._control, select.POLLIN)
        idle.register(self._owner_fd, select.POLLIN)
        while True:
            ready = [fd for fd, _ in idle.poll()]
            if self._owner_fd in ready:
                self._end()
            self._handle_request()

    def _handle_request(self) -> None:
        request, descriptors = self._receive()
        if request == KILL:  # the run that it was meant for has ended by itself
            return
        if not request:
            self._end()
        ending = self._run(json.loads(request), descriptors)
        with suppress(BrokenPipeError):
            self._control.send(json.dumps(ending).encode())

    def _receive(self) -> tuple[bytes, list[int]]:
        fds = array.array("i")
        space = socket.CMSG_SPACE(_MAX_DESCRIPTORS * fds.itemsize)
        request, ancillary, _, _ = self._control.recvmsg(_REQUEST_BYTES, space)
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        return request, list(fds)

    def _run(self, limits: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        self._scratch.make()
        start = time.monotonic()
        pid = os.fork()
        if pid == 0:
            self._be_the_run(limits, descriptors)
        for fd in descriptors:
            os.close(fd)
        why = self._watch(pid, limits, start)
        if why:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        self._scratch.clear()
        return {
            "why": why,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "wall_s": time.monotonic() - start,
            "peak_bytes": usage.ru_maxrss * 1024,
        }

    def _be_the_run(self, limits: dict[str, Any], descriptors: list[int]) -> NoReturn:
        try:
            self._control.close()
            self._confinement.apply(limits, descriptors)
            seed_generators(limits["seed"])
        except BaseException as error:
            with suppress(OSError):
                os.write(2, f"not confined: {type(error).__name__}: {error}\n".encode())
            os._exit(EXIT_NOT_CONFINED)
        forms.run(JOB_FD, RESULT_FD)

    def _watch(self, pid: int, limits: dict[str, Any], start: float) -> str:
        """Return why the run has to be killed, or "" once it has ended by itself."""
        pidfd = os.pidfd_open(pid)
        try:
            events = select.poll()
            for fd in (pidfd, self._control.fileno(), self._owner_fd):
                events.register(fd, select.POLLIN)
            clock = ~pid << 3 | 2  # the CPU clock of another process, see clock_getcpuclockid(3)
            cpu_left = limits["cpu_s"]
            while True:
                wall_left = start + limits["wall_s"] - time.monotonic()
                if wall_left <= 0:
                    return "wall"
                wait_s = max(min(wall_left, cpu_left / _NUM_CORES), _LEAST_WATCH_S)
                if self._scratch.watched:
                    wait_s = min(wait_s, _SCRATCH_WATCH_S)
                ready = [fd for fd, _ in events.poll(wait_s * 1000)]
                if pidfd in ready:
                    return ""
                if self._owner_fd in ready:
                    self._end_with(pid)
                if ready:
                    return self._read_kill(pid)
                cpu_left = limits["cpu_s"] - time.clock_gettime(clock)
                if cpu_left <= 0:
                    return "cpu"
                if self._scratch.is_over(limits["file_bytes"], limits["files"]):
                    return "files"
        finally:
            os.close(pidfd)

    def _read_kill(self, pid: int) -> str:
        if not self._control.recv(_REQUEST_BYTES):
            self._end_with(pid)
        return "killed"

    def _end_with(self, pid: int) -> NoReturn:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self._end()

    def _end(self) -> NoReturn:
        self._scratch.remove()
        os._exit(0)


def _preload(modules: list[str]) -> None:
    for name in [*STANDARD_MODULES, *modules]:
        importlib.import_module(name)
        for submodule in _LAZY_SUBMODULES.get(name, ()):
            with suppress(ImportError):  # not in every version
                importlib.import_module(submodule)
