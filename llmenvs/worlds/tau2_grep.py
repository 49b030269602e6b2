"""The search tool of tau2's banking, in a process that may be lost: its patterns are the policy's.

Python's `re` holds the interpreter while it backtracks, which for a bad pattern is for ever, and no
thread can stop it. So the package's search runs in a child process that the kernel ends once a
search has used its time. A pattern that cannot repeat anything is searched for in this process.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from typing import IO

from llmenvs.tools import ToolError
from llmenvs.worlds.tau2_package import import_part

MAX_CPU_S = 2.0
"""Seconds of CPU time that a search may use."""

_HARMLESS = re.compile(r"[^()*+?{]*")


def grep(pattern: str) -> str:
    """Return what the package's search of the knowledge base finds.

    Raises:
        ToolError: it used more than `MAX_CPU_S`, or the pattern cannot be searched for.
    """
    if _HARMLESS.fullmatch(pattern):
        return _search(pattern)
    return _CHILD.search(pattern)


def main() -> None:
    """Answer the patterns on standard input, each a line of JSON, until its end."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # whose default is the end of the process
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the package prints is no reply
    for line in sys.stdin:
        pattern = json.loads(line)
        _search("a")  # loads the documents, on no search's time
        signal.setitimer(signal.ITIMER_PROF, MAX_CPU_S)
        try:
            reply = {"found": _search(pattern)}
        except Exception as error:  # of the pattern, whatever it is: the parent tells the policy
            reply = {"fault": f"{type(error).__name__}: {error}"}
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


class _Child:
    """The process, started with the first search and again after one that it was lost to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._parent = 0

    def search(self, pattern: str) -> str:
        """Return what is found, as `grep`."""
        with self._lock:
            requests, replies = self._pipes()
            requests.write(json.dumps(pattern) + "\n")
            requests.flush()
            line = replies.readline()
            if not line:
                self._end()
                raise ToolError(f"the search used more than {MAX_CPU_S:g} s: use a simpler pattern")
        reply = json.loads(line)
        if "fault" in reply:
            raise ToolError(f"the pattern cannot be searched for: {reply['fault']}")
        found: str = reply["found"]
        return found

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._process is None or self._process.poll() is not None or self._parent != os.getpid():
            self._process = subprocess.Popen(
                [sys.executable, "-m", "llmenvs.worlds.tau2_grep"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            self._parent = os.getpid()
        assert self._process.stdin is not None  # noqa: S101 (as asked for)
        assert self._process.stdout is not None  # noqa: S101 (as asked for)
        return self._process.stdin, self._process.stdout

    def _end(self) -> None:
        if self._process is not None:
            with self._process:  # closes its pipes and waits for it
                self._process.kill()
            self._process = None


_CHILD = _Child()


def _search(pattern: str) -> str:
    found: str = import_part("banking.tools")._get_knowledge_base().grep(pattern)
    return found


if __name__ == "__main__":
    main()
