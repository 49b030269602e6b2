"""Run a program once within limits: CPU time, memory, wall time, output; end all that it started.

No shell is involved. The program gets a session of its own, a fresh folder to work in, and an
environment with nothing in it but ``PATH``, ``HOME`` (that folder) and a UTF-8 locale. It is
limited, not jailed: it can read files and use the network, so it must be one that you trust, run on
a text that you do not. POSIX only.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LAUNCHER = Path(__file__).with_name("external_launcher.py")
_READ_BYTES = 1 << 16
_POLL_S = 0.01
_PATH = os.defpath


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may spend.

    Attributes:
        cpu_s: CPU seconds of each process, whole ones, at least 1.
        wall_s: seconds from start to end.
        memory_bytes: address space of each process.
        output_bytes: what it may write to its two outputs together, and to any one file.
    """

    cpu_s: int = 10
    wall_s: float = 30.0
    memory_bytes: int = 2 << 30
    output_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        whole = isinstance(self.cpu_s, int) and isinstance(self.memory_bytes, int)
        if not whole or min(self.cpu_s, self.memory_bytes, self.output_bytes) < 1:
            raise ValueError(f"limits must be whole numbers of at least 1, got {self}")
        if not 0 < self.wall_s < float("inf"):
            raise ValueError(f"wall_s must be above 0 and finite, got {self.wall_s!r}")


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended.

    Attributes:
        exit_status: of the program; negative for the signal that ended it.
        output: what it wrote to standard output, at most the limit.
        errors: what it wrote to standard error, likewise.
        out_of_time: it was ended at the wall limit.
        out_of_cpu: it spent its CPU time, or most of its wall time computing.
        out_of_output: it was ended since it wrote too much.
    """

    exit_status: int
    output: str
    errors: str
    out_of_time: bool
    out_of_cpu: bool
    out_of_output: bool


def run_limited(command: Sequence[str], *, folder: Path, stdin: Path, limits: Limits) -> Run:
    """Run ``command`` in ``folder`` with that file as its standard input, and end its group.

    Raises:
        OSError: it could not be started.
    """
    numbers = map(str, (limits.cpu_s, limits.memory_bytes, limits.output_bytes))
    with stdin.open("rb") as file:
        process = subprocess.Popen(  # noqa: S603 (the caller's own program, without a shell)
            [sys.executable, "-I", "-S", str(_LAUNCHER), *numbers, *command],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", _PATH), "HOME": str(folder), "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
    watch = _Watch(process, limits)
    try:
        watch.follow()
    finally:
        usage, status = _end(process)
    computed = usage >= 0.5 * limits.wall_s
    return Run(
        exit_status=status,
        output=bytes(watch.written[0]).decode("utf-8", "replace"),
        errors=bytes(watch.written[1]).decode("utf-8", "replace"),
        out_of_time=watch.out_of_time,
        out_of_cpu=status == -signal.SIGXCPU
        or usage >= limits.cpu_s
        or (watch.out_of_time and computed),
        out_of_output=watch.out_of_output,
    )


class _Watch:
    """Reads what a process writes until it ends or a limit is reached; mutable."""

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits) -> None:
        self.process = process
        self.limits = limits
        self.written = (bytearray(), bytearray())
        self.out_of_time = False
        self.out_of_output = False

    def follow(self) -> None:
        """Return at the end of the process, whoever else still holds its outputs open."""
        deadline = time.monotonic() + self.limits.wall_s
        with selectors.DefaultSelector() as selector:
            for pipe, written in zip(self._pipes(), self.written, strict=True):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, written)
            ended = False
            while not ended and not self.out_of_output:
                if time.monotonic() >= deadline:
                    self.out_of_time = True
                    return
                # Looked at before reading: what it wrote before its end is then read below.
                ended = _has_ended(self.process.pid)
                for key, _ in selector.select(0 if ended else _POLL_S):
                    if not self._read(key.fd, key.data):
                        selector.unregister(key.fileobj)
                if not ended and not selector.get_map():
                    time.sleep(_POLL_S)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self.process.stdout is None or self.process.stderr is None:
            raise ValueError("the process must have pipes")
        return self.process.stdout, self.process.stderr

    def _read(self, descriptor: int, written: bytearray) -> bool:
        """Read all that is there; return False at the end of the stream."""
        while not self.out_of_output:
            try:
                chunk = os.read(descriptor, _READ_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            written += chunk
            total = sum(map(len, self.written))
            if total > self.limits.output_bytes:
                self.out_of_output = True
                del written[len(written) - (total - self.limits.output_bytes) :]
        return True


def _has_ended(pid: int) -> bool:
    """Return whether the process has ended, and leave it to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[bytes]) -> tuple[float, int]:
    """End the group; return the CPU seconds that were spent, and the exit status."""
    # Before the leader is waited for: until then its number cannot go to another group.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    return usage.ru_utime + usage.ru_stime, process.returncode
