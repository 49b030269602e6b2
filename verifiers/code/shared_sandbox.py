"""One sandbox for all verifiers of a process that ask for the same one.

It opens at the first call, and closes when the process ends. A forked child does not share its
parent's: it opens its own.
"""

import atexit
import os
import threading
from collections.abc import Sequence

from llmenvs.verifiers.code.job import Sandbox
from llmenvs.verifiers.code.open_sandbox import open_sandbox


class SharedSandboxes:
    """The open sandboxes of this process, by what was asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[tuple[str | None, int, tuple[str, ...], str | None], Sandbox] = {}
        self._registered = False

    def get(
        self,
        backend: str | None,
        *,
        workers: int,
        preload: Sequence[str],
        image: str | None = None,
    ) -> Sandbox:
        """Return the sandbox, opening it if it is not open yet; parameters as `open_sandbox`."""
        key = (backend, workers, tuple(preload), image)
        with self._lock:
            if not self._registered:
                atexit.register(self.close)
                os.register_at_fork(after_in_child=self._forget)
                self._registered = True
            if key not in self._open:
                self._open[key] = open_sandbox(
                    backend, workers=workers, preload=preload, image=image
                )
            return self._open[key]

    def close(self) -> None:
        """Close all; the next call opens anew."""
        with self._lock:
            sandboxes, self._open = list(self._open.values()), {}
        for sandbox in sandboxes:
            sandbox.close()

    def _forget(self) -> None:
        """Leave the parent's sandboxes alone; another thread of the parent may hold the lock."""
        self._lock, self._open = threading.Lock(), {}


SHARED = SharedSandboxes()
