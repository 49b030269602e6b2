"""The process that runs sympy: ``python -m llmenvs.verifiers.math.worker``.

It imports sympy once and forks a child for each request, so that a child that runs out of time or
memory costs nothing but itself, and no request leaves state behind for the next. A request is one
line of JSON, ``{"target": tree, "answer": tree, "cpu_s": seconds}``; the reply is one line with
``state``, ``cpu_s`` and ``phase``, the number of trees that were evaluated before the end: 0 means
that the target alone was too much. The process ends when its input does, so none outlives the one
that started it.
"""

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any, BinaryIO

WALL_LIMIT_S = 5.0
MEMORY_LIMIT_BYTES = 96 * 1024 * 1024
"""What a child may allocate on top of what it inherits."""
_PAGE_BYTES = resource.getpagesize()


def main() -> None:
    """Serve requests until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started us
    from llmenvs.verifiers.math import sympy_bridge  # noqa: F401  (the slow import)

    reply, requests = sys.stdout.buffer, sys.stdin.buffer
    _send(reply, {"state": "ready"})
    for line in requests:
        _send(reply, serve(json.loads(line)))


def _send(reply: BinaryIO, message: dict[str, Any]) -> None:
    reply.write(json.dumps(message).encode() + b"\n")
    reply.flush()


def serve(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request in a child process, within the limits."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        _limit(float(request["cpu_s"]))
        _work(request, sending)
        os._exit(0)
    os.close(sending)
    output = _read(receiving, WALL_LIMIT_S + 1.0)
    os.close(receiving)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    phase = output.count(b".")
    spent = usage.ru_utime + usage.ru_stime
    return {"state": _state(output, status), "phase": phase, "cpu_s": spent}


def _state(output: bytes, status: int) -> str:
    """Return how the child ended: by its own word, or by the signal that ended it."""
    for state in ("equal", "different", "memory", "failed"):
        if state.encode() in output:
            return state
    killed = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if killed == signal.SIGPROF:
        return "cpu"
    return "wall" if killed in {signal.SIGALRM, signal.SIGKILL} else "lost"


def _limit(cpu_s: float) -> None:
    """Put the limits on this process; the signals end it, whatever it is doing."""
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, max(cpu_s, 0.01))
    signal.setitimer(signal.ITIMER_REAL, WALL_LIMIT_S)
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/self/statm", "rb") as file:
            inherited = int(file.read().split()[0]) * _PAGE_BYTES
        limit = inherited + MEMORY_LIMIT_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _work(request: dict[str, Any], sending: int) -> None:
    from llmenvs.verifiers.math import sympy_bridge

    try:
        target = sympy_bridge.evaluate(request["target"])
        os.write(sending, b".")
        answer = sympy_bridge.evaluate(request["answer"])
        os.write(sending, b".")
        same = sympy_bridge.equal(target, answer)
        os.write(sending, b"equal" if same else b"different")
    except MemoryError:
        os.write(sending, b"memory")
    except Exception:
        os.write(sending, b"failed")


def _read(descriptor: int, limit_s: float) -> bytes:
    end = time.monotonic() + limit_s
    output = b""
    while (left := end - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        chunk = os.read(descriptor, 256)
        if not chunk:
            break
        output += chunk
    return output


if __name__ == "__main__":
    main()
