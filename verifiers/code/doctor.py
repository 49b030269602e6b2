"""What this machine offers for isolating code, what is chosen, and why."""

import os
import platform
import sys
from dataclasses import dataclass

from llmenvs.verifiers.code import landlock, seccomp
from llmenvs.verifiers.code.exposure import find_exposure, is_readable_by_others
from llmenvs.verifiers.code.job import SandboxError
from llmenvs.verifiers.code.open_sandbox import why_not
from llmenvs.verifiers.code.outer import Outer, bubblewrap_path
from llmenvs.verifiers.code.pool import start_probed
from llmenvs.verifiers.code.worker import WorkerSettings

_GUARDS = {
    Outer.BUBBLEWRAP: "own file system for each run, no network, processes or IPC to see",
    Outer.NAMESPACES: "own file system for each run, no network, processes or IPC to see",
    Outer.NOTHING: (
        "Landlock and seccomp alone: code can learn that a path exists, and files are counted "
        "20 times a second"
    ),
}


@dataclass(frozen=True, slots=True)
class Arrangement:
    """One way to isolate code.

    Attributes:
        outer: its outer layer.
        problem: why it cannot be used here, "" if it can.
        start_s: of a fork-server, with its probe; 0.0 where it cannot start.
        guards: what it gives beyond what all give.
    """

    outer: Outer
    problem: str
    start_s: float
    guards: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found.

    Attributes:
        facts: name -> finding, of the machine.
        arrangements: strongest first, each tried.
    """

    facts: dict[str, str]
    arrangements: tuple[Arrangement, ...]

    @property
    def chosen(self) -> Arrangement | None:
        """The strongest that works, which is what ``open_sandbox()`` takes; None if none does."""
        return next((each for each in self.arrangements if not each.problem), None)


def diagnose() -> Diagnosis:
    """Try every way to isolate code on this machine, each with the probe of its workers."""
    if sys.platform != "linux":
        return Diagnosis({"system": f"{sys.platform}: the local backend needs Linux"}, ())
    abi = landlock.landlock_abi()
    has_table = seccomp.native_table() is not None
    facts = {
        "system": f"Linux {platform.release()} on {platform.machine()}",
        "python": f"{platform.python_version()} at {find_exposure().python}",
        "user": _user(),
        "Landlock": f"ABI {abi}" if abi else "none (it came with Linux 5.13)",
        "seccomp": "table of system calls known" if has_table else "no table for this machine",
        "bubblewrap": bubblewrap_path() or "not installed",
        "docker": _docker(),
    }
    return Diagnosis(facts, tuple(_try(outer) for outer in Outer))


def _docker() -> str:
    from llmenvs.verifiers.code import docker_daemon, docker_worker  # takes time to import

    return docker_daemon.describe_daemon(docker_worker.DEFAULT_IMAGE)


def _user() -> str:
    if os.getuid() != 0:
        return f"{os.getuid()}, which runs keep; they are told apart by their namespaces"
    note = "root; each run becomes a user of its own"
    if not is_readable_by_others(find_exposure()):
        note += (
            ". Python lies where only root can read, so without namespaces runs keep one "
            "capability to read it"
        )
    return note


def _try(outer: Outer) -> Arrangement:
    problem = why_not(outer)
    start_s = 0.0
    if not problem:
        try:
            worker = start_probed(WorkerSettings(outer, find_exposure()))
        except SandboxError as error:
            problem = str(error)
        else:
            start_s = worker.start_s
            worker.close()
    return Arrangement(outer, problem, start_s, _GUARDS[outer])
