"""One fork-server, seen from the verifier's process: start it, ask it for runs, end it."""

import array
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from llmenvs.verifiers.code import exposure as exposing
from llmenvs.verifiers.code import kernel, landlock, namespaces
from llmenvs.verifiers.code.exposure import Exposure
from llmenvs.verifiers.code.job import Limits, SandboxError
from llmenvs.verifiers.code.outer import (
    ENVIRONMENT,
    Outer,
    bubblewrap_command,
    bubblewrap_path,
    server_command,
)
from llmenvs.verifiers.code.process import LocalProcess, Process

START_TIMEOUT_S = 60.0
_MAX_MESSAGE = 1 << 16
OWN_USER_THREADS = 64
"""Of a run whose user is its own."""

_SHARED_USER_THREADS = 4096
_FIRST_UID = 61184
_NUM_UIDS = 4096
_KILL = b"kill"


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How fork-servers are started.

    Attributes:
        outer: the layer around them.
        exposure: what can be seen in them.
        preload: modules that are imported beforehand.
        isolated: False only for the backend that isolates nothing.
    """

    outer: Outer
    exposure: Exposure
    preload: tuple[str, ...] = ()
    isolated: bool = True


class Worker:
    """A running fork-server; for one run at a time.

    Args:
        settings: of the server.

    Raises:
        SandboxError: it could not be started; the message says why.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        start = time.monotonic()
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        owner_fd = os.pidfd_open(os.getpid())
        try:
            with theirs:
                fds = (theirs.fileno(), owner_fd)
                self._process = _start(settings, fds)
            self.socket.send(json.dumps(_config(settings, owner_fd)).encode())
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise
        finally:
            os.close(owner_fd)
        self.start_s = time.monotonic() - start

    def start_process(self, limits: Limits, job: bytes, *, stdin: bytes | None) -> Process:
        """Start a process; see `llmenvs.verifiers.code.process.Server`."""
        return LocalProcess(self, limits, job, stdin=stdin)

    def request(self, limits: Limits, *, seed: int, fds: Sequence[int]) -> None:
        """Ask for a run.

        Args:
            limits: of the run.
            seed: of its global generators.
            fds: ends of the pipes of its job, output, errors and results, and a file with its
                standard input where it has one.

        Raises:
            SandboxError: the server is gone.
        """
        message = encode_request(limits, seed)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        try:
            self.socket.sendmsg([message], rights)
        except OSError as error:
            raise SandboxError(f"the fork-server is gone: {error}") from error

    def receive_ending(self) -> dict[str, Any] | None:
        """Return how the run ended, or None if the server itself has; blocks until either."""
        try:
            message = self.socket.recv(_MAX_MESSAGE)
        except OSError:
            return None
        ending: dict[str, Any] | None = json.loads(message) if message else None
        return ending

    def kill(self) -> None:
        """Ask for the end of the run; it is no error if it has ended."""
        with suppress(OSError):
            self.socket.send(_KILL)

    def close(self) -> None:
        """End the server and whatever runs in it, and wait until it has."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes another thread that waits for it
        if hasattr(self, "_process"):
            try:
                self._process.wait(timeout=1.0)  # the closed socket ends it, and it tidies up
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._close_errors()
        self.socket.close()

    def forget(self) -> None:
        """Let go of the server in a process that was forked from its owner."""
        self.socket.close()
        self._process.returncode = 0  # it is not ours to wait for

    def _wait_until_ready(self) -> None:
        self.socket.settimeout(START_TIMEOUT_S)
        try:
            message = self.socket.recv(_MAX_MESSAGE)
        except TimeoutError as error:
            raise SandboxError(f"no fork-server within {START_TIMEOUT_S:g} s") from error
        except OSError as error:
            raise SandboxError(f"the fork-server ended as it started: {error}") from error
        hello = json.loads(message) if message else {"error": self._last_words()}
        if "error" in hello:
            raise SandboxError(f"the fork-server could not start: {hello['error']}")
        self.socket.settimeout(None)
        self._close_errors()

    def _last_words(self) -> str:
        errors = self._process.stderr
        text = b"" if errors is None else errors.read()
        return text.decode(errors="replace").strip()[-500:] or "it ended without a word"

    def _close_errors(self) -> None:
        if self._process.stderr is not None:
            self._process.stderr.close()


@lru_cache(maxsize=64)
def encode_request(limits: Limits, seed: int) -> bytes:
    """Return what a fork-server is asked for a run with."""
    return json.dumps({**asdict(limits), "seed": seed}).encode()


def _start(settings: WorkerSettings, fds: tuple[int, int]) -> "subprocess.Popen[bytes]":
    command = server_command(settings.exposure, fds[0])
    if settings.outer is Outer.BUBBLEWRAP:
        bwrap = bubblewrap_path()
        if bwrap is None:
            raise SandboxError("bubblewrap is not installed")
        command = [*bubblewrap_command(bwrap, settings.exposure), *command]
    return subprocess.Popen(  # noqa: S603 (our own module)
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=fds,
        start_new_session=True,  # so that Ctrl-C in a terminal reaches only the owner
        cwd="/",
        env=ENVIRONMENT,
    )


def _config(settings: WorkerSettings, owner_fd: int) -> dict[str, Any]:
    exposure, mounted = settings.exposure, settings.outer is not Outer.NOTHING
    readable, listed = (
        (list(exposure.visible), []) if mounted else exposing.without_hidden(exposure)
    )
    as_root = os.getuid() == 0 and settings.isolated
    return {
        "owner_fd": owner_fd,
        "preload": settings.preload,
        "import_path": exposure.import_path,
        "enter_namespaces": settings.outer is Outer.NAMESPACES,
        "visible": readable,
        "listed": listed,
        "hidden": exposure.hidden,
        "links": exposure.links,
        "scratch": namespaces.SCRATCH if mounted else None,
        "temporary": tempfile.gettempdir(),
        "private_mounts": mounted,
        "landlock": settings.isolated and landlock.landlock_abi() > 0,
        "seccomp": settings.isolated,
        "privileges": settings.isolated,
        "uid": next_uid() if as_root else None,
        "kept_capability": _kept_capability(settings) if as_root and not mounted else None,
        "threads": OWN_USER_THREADS if mounted or as_root else _SHARED_USER_THREADS,
    }


def _kept_capability(settings: WorkerSettings) -> int | None:
    """Return what lets a run read a Python that only root can reach, as one in /root.

    The capability passes the modes of files; Landlock says in any case which files are read.
    """
    if exposing.is_readable_by_others(settings.exposure):
        return None
    if kernel.has_capability(kernel.CAP_DAC_READ_SEARCH):
        return kernel.CAP_DAC_READ_SEARCH
    return kernel.CAP_DAC_OVERRIDE


_uid_counter = iter(range(1 << 62))


def next_uid() -> int:
    """Return a user for a new fork-server."""
    # One user for each server: the kernel counts threads by user, over the whole machine.
    return _FIRST_UID + (os.getpid() * 61 + next(_uid_counter)) % _NUM_UIDS
