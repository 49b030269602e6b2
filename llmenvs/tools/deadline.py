"""A function run within a time limit, in a thread that is told to stop when the time is up."""

import ctypes
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class DeadlineExceeded(BaseException):
    """Raised where the time is up, and within the function, which nobody waits for any more.

    It is no `Exception`, so that a function that catches those does not run on.
    """


class _Running(threading.Thread):
    """One call, whose value or exception is kept."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        super().__init__(name="tool", daemon=True)
        self._call = (function, args, kwargs)
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        function, args, kwargs = self._call
        try:
            self.value = function(*args, **kwargs)
        except BaseException as error:
            self.error = error

    def stop(self) -> None:
        """Raise within the thread, at its next Python instruction.

        A thread cannot be killed. One that waits in the operating system stops when that returns;
        being a daemon it never holds up the end of the program.
        """
        assert self.ident is not None  # noqa: S101 (it was started)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(self.ident), ctypes.py_object(DeadlineExceeded)
        )


def run_with_deadline(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    timeout_s: float,
) -> Any:
    """Return what ``function`` returns, or raise what it raises.

    Raises:
        DeadlineExceeded: it took more than ``timeout_s`` seconds of wall time.

    >>> run_with_deadline(sum, [[1, 2]], {"start": 3}, timeout_s=1.0)
    6
    """
    running = _Running(function, args, kwargs)
    running.start()
    running.join(timeout_s)
    if running.is_alive():
        running.stop()
        raise DeadlineExceeded
    if running.error is not None:
        raise running.error
    return running.value
