"""Ask the worker process, which starts when it is first needed and again whenever it is lost.

One worker serves all threads of a process, one request at a time. A forked child does not share its
parent's: it starts its own.
"""

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import llmenvs
from llmenvs.verifiers.math.codec import encode
from llmenvs.verifiers.math.limits import OverBudgetError
from llmenvs.verifiers.math.nodes import Node

START_LIMIT_S = 60.0
REPLY_LIMIT_S = 10.0
CPU_LIMIT_S = 0.5
"""CPU time that sympy may take for one verdict."""
_MODULE = "llmenvs.verifiers.math.worker"
_ROOT = Path(llmenvs.__file__).absolute().parents[1]


class WorkerTimeoutError(Exception):
    """Wall time ran out, or the target alone was too much: nobody's answer is to blame."""


class TargetOverBudgetError(WorkerTimeoutError):
    """The first of the two trees took more than it may."""


class WorkerLostError(Exception):
    """The worker died, or failed on the target."""


class TargetFailedError(WorkerLostError):
    """The first of the two trees could not be evaluated."""


class Worker:
    """A handle on the worker process of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def equal(self, target: Node, answer: Node, cpu_s: float) -> tuple[bool, float]:
        """Return whether sympy finds the two equal, and the CPU seconds that it took.

        Args:
            target: the right expression.
            answer: the policy's expression.
            cpu_s: how many CPU seconds it may take.

        Raises:
            OverBudgetError: the answer took more CPU time or memory than it may.
            WorkerTimeoutError: wall time ran out, or the target alone took too much.
            WorkerLostError: the worker failed.
        """
        try:
            request = {"target": encode(target), "answer": encode(answer), "cpu_s": cpu_s}
        except TypeError:
            return False, 0.0
        reply = self._ask(json.dumps(request).encode() + b"\n")
        state, phase = reply.get("state"), reply.get("phase", 0)
        if state in {"equal", "different"}:
            return state == "equal", float(reply.get("cpu_s", 0.0))
        if state == "wall":
            raise WorkerTimeoutError("the worker ran out of wall time")
        if state in {"cpu", "memory"}:
            if phase == 0:
                raise TargetOverBudgetError(f"the target alone took more {state} than allowed")
            raise OverBudgetError(f"the worker ran out of {state}")
        if state == "failed":
            if phase == 0:
                raise TargetFailedError("sympy failed on the target alone")
            return False, float(reply.get("cpu_s", 0.0))
        raise WorkerLostError(f"the worker answered {state!r} in phase {phase}")

    def start(self) -> None:
        """Start the process now, so that no later verdict waits for it."""
        with self._lock:
            self._running()

    def stop(self) -> None:
        """End the process; the next request starts another."""
        with self._lock:
            self._discard()

    def _ask(self, request: bytes) -> dict[str, Any]:
        with self._lock:
            for attempt in range(2):
                process = self._running()
                try:
                    return self._exchange(process, request)
                except (BrokenPipeError, EOFError, ValueError) as error:
                    self._discard()
                    if attempt:
                        raise WorkerLostError("the worker was lost twice") from error
        raise WorkerLostError("the worker was lost")

    def _exchange(self, process: subprocess.Popen[bytes], request: bytes) -> dict[str, Any]:
        if process.stdin is None:
            raise EOFError("the worker has no input")
        process.stdin.write(request)
        process.stdin.flush()
        return self._reply(process, REPLY_LIMIT_S)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._discard()
        # The child finds this package where we found it, and takes no module from its folder.
        path = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(  # noqa: S603  (our own module, no shell)
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )
        try:
            self._reply(self._process, START_LIMIT_S)
        except (EOFError, ValueError) as error:
            self._discard()
            raise WorkerLostError("the worker did not start") from error
        return self._process

    def _reply(self, process: subprocess.Popen[bytes], limit_s: float) -> dict[str, Any]:
        """Read one line, waiting no longer than ``limit_s``."""
        if process.stdout is None:
            raise EOFError("the worker has no output")
        descriptor = process.stdout.fileno()
        end = time.monotonic() + limit_s
        line = b""
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                self._discard()
                raise WorkerTimeoutError(f"no reply from the worker in {limit_s} s")
            chunk = os.read(descriptor, 4096)
            if not chunk:
                raise EOFError("the worker closed its output")
            line += chunk
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _discard(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # it was lost with something still to be written
        process.kill()
        process.wait()

    def after_fork(self) -> None:
        """Forget the parent's process in a forked child, and let go of its pipes.

        The worker ends when the last writer of its input is gone, so a child must not keep it.
        """
        self._lock = threading.Lock()
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    os.close(pipe.fileno())
                    pipe.detach() if hasattr(pipe, "detach") else None
            process.returncode = 0  # not ours to wait for


class AlgebraBudget:
    """Ask the worker within one budget for a whole verdict, however many questions it has."""

    def __init__(self, worker: Worker, cpu_s: float = CPU_LIMIT_S) -> None:
        self.worker = worker
        self.left_s = cpu_s

    def equal(self, target: Node, answer: Node) -> bool:
        """Return whether sympy finds the two equal; raises as `Worker.equal` does."""
        if self.left_s <= 0:
            raise OverBudgetError("the worker ran out of cpu")
        same, spent = self.worker.equal(target, answer, self.left_s)
        self.left_s -= spent
        return same


WORKER = Worker()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WORKER.after_fork)
