"""What happens in a confined process: it reads its job and runs it, as a program or call by call.

The policy's code shares this process and may change all of what is here while it runs. Nothing here
is trusted: the process holds no expected value, and the most that a changed one can do is to send
other values.
"""

import atexit
import os
import sys
import threading
import types
from typing import Any, NoReturn

from llmenvs.verifiers.code import suite
from llmenvs.verifiers.code.protocol import (
    HEADER,
    READY,
    ProtocolError,
    decode,
    encode,
    pack_frame,
)
from llmenvs.verifiers.code.protocol import read_frame as _read_frame

SOLUTION_FILE = "solution.py"
_MAX_MESSAGE = 500
_READ_BYTES = 1 << 16
_WARM_UP = 20  # the interpreter specialises code that has run a few times


class Peer:
    """The verifier, at the other ends of two pipes."""

    def __init__(self, job_fd: int, result_fd: int) -> None:
        self.job_fd = job_fd
        self.result_fd = result_fd

    def read(self) -> dict[str, Any]:
        """Return the next message; ends the process where there is none any more."""
        header = self._read_exactly(HEADER.size)
        (size,) = HEADER.unpack(header)
        message = _read_frame(bytearray(header + self._read_exactly(size)), size)
        if message is None:
            raise ProtocolError("a frame that is not complete")
        return message

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        frame = pack_frame(message)
        while frame:
            frame = frame[os.write(self.result_fd, frame) :]

    def _read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = os.read(self.job_fd, min(size - len(data), _READ_BYTES))
            if not part:
                os._exit(0)
            data += part
        return data


def run(job_fd: int, result_fd: int) -> NoReturn:
    """Read the job, run it, and end the process."""
    peer = Peer(job_fd, result_fd)
    os.write(result_fd, READY)  # from here on, whatever happens is the job's own doing
    job = peer.read()
    if job["form"] == "program":
        run_program(job["source"], peer)
    elif job["form"] == "calls":
        run_calls(job["source"], peer, max_bytes=job["result_bytes"])
    else:
        suite.run_suite(job, peer)
    _flush()
    os._exit(0)


def warm_up() -> None:
    """Do what every run does, before any: what is set up by now need not be in each copy."""
    for _ in range(_WARM_UP):
        module = _new_module("warm_up")
        exec(compile("def f(x): return x", SOLUTION_FILE, "exec"), module.__dict__)  # noqa: S102
        call = {"function": "f", "args": {"tuple": [[1, "a"]]}, "kwargs": {"dict": []}}
        frame = pack_frame(answer_call(module, {**call, "mirror": True}))
        _read_frame(bytearray(frame), len(frame))
    del sys.modules["warm_up"]


def run_program(source: str, peer: Peer) -> NoReturn:
    """Run a program as ``__main__``."""
    os.close(peer.job_fd)
    status = 0
    try:
        exec(compile(source, SOLUTION_FILE, "exec"), _new_module("__main__").__dict__)  # noqa: S102
    except SystemExit as error:
        status = _exit_status(error)
    except BaseException as error:
        status = 1
        _print_traceback(error)
        peer.send(describe(error))
    _finish_threads()
    _flush()
    os._exit(status)


def run_calls(source: str, peer: Peer, *, max_bytes: int) -> None:
    """Load the source as a module and answer calls until there are no more."""
    try:
        module = _new_module("solution")
        exec(compile(source, SOLUTION_FILE, "exec"), module.__dict__)  # noqa: S102
    except BaseException as error:
        _print_traceback(error)
        peer.send({"load": describe(error)})
        return
    peer.send({"load": None})
    while True:
        call = peer.read()
        answer = answer_call(module, call)
        frame_bytes = len(pack_frame(answer)) - HEADER.size
        if frame_bytes > max_bytes:
            answer = {"unsaid": f"a result of {frame_bytes} bytes, over the limit of {max_bytes}"}
        peer.send(answer)


def answer_call(module: types.ModuleType, call: dict[str, Any]) -> dict[str, Any]:
    """Make one call and return what to say of it."""
    try:
        args, kwargs = decode(call["args"]), decode(call["kwargs"])
        value = find_function(module, call["function"])(*args, **kwargs)
        answer = {"value": encode(value)}
        if call["mirror"]:
            answer["arguments"] = encode(args)
    except (ProtocolError, RecursionError) as error:
        if isinstance(error, RecursionError):
            return describe(error)
        return {"unsaid": str(error)}
    except BaseException as error:
        return describe(error)
    return answer


def find_function(module: types.ModuleType, path: str) -> Any:
    """Return a function of the module; of ``Class.method``, the method of a new instance."""
    found: Any = module
    for name in path.split("."):
        if isinstance(found, type):
            found = found()
        found = getattr(found, name)
    return found


def describe(error: BaseException) -> dict[str, Any]:
    """Return the message that an exception travels as."""
    try:
        message = str(error)[:_MAX_MESSAGE]
    except Exception:
        message = ""
    return {"raised": [kind.__name__ for kind in type(error).__mro__[:-1]], "message": message}


def _new_module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = __builtins__
    sys.modules[name] = module
    return module


def _exit_status(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def _print_traceback(error: BaseException) -> None:
    trace = error.__traceback__
    try:
        # Without the first frame, which is ours; by the interpreter, which needs no module for it.
        sys.__excepthook__(type(error), error, trace.tb_next if trace is not None else None)
    except BaseException:
        os.write(2, f"{type(error).__name__}\n".encode())


def _finish_threads() -> None:
    """Do what Python does when a program ends: wait for threads, call what atexit was told."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does itself
        atexit._run_exitfuncs()
    except BaseException as error:
        _print_traceback(error)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            os.write(2, b"the output could not be flushed\n")
