"""Confining one run, in the process that is about to load the policy's code.

The order matters: mounts need privileges, so they come first; Landlock forbids mounts, so it comes
after them; the seccomp filter forbids everything that the other steps do, so it comes last.
"""

import os
import resource
import sys
from collections.abc import Mapping
from typing import Any

from llmenvs.verifiers.code import kernel, landlock, namespaces, seccomp

JOB_FD, RESULT_FD = 3, 4
"""Where a run reads its job and writes its results; 0, 1 and 2 are as everywhere."""

_PLACES = (JOB_FD, 1, 2, RESULT_FD, 0)
_PARKED_FD = 100  # above all that is in use while the descriptors are moved into place
_DEVICE = landlock.WRITE  # of which only what applies to a file is granted
_STACK_BYTES = 64 << 20
_OPEN_FILES = 64
_PENDING_SIGNALS = 64
_MAX_UNCOUNTED_BYTES = 1 << 62


class Confinement:
    """What all runs of one fork-server have in common, prepared once.

    Args:
        config: from the verifier: ``private_mounts`` (whether each run gets a file system of its
            own on the scratch folder), ``landlock``, ``seccomp``, ``privileges`` (whether they have
            to be dropped), ``uid`` (to become, None to stay), ``kept_capability`` (or None),
            ``threads`` (that a run may have), ``visible`` and ``listed`` (paths).
        scratch: the folder of the runs.
    """

    def __init__(self, config: Mapping[str, Any], scratch: str) -> None:
        self._scratch = scratch
        self._private_mounts: bool = config["private_mounts"]
        self._uid: int | None = config["uid"]
        self._privileges: bool = config["privileges"]
        self._kept_capability: int | None = config["kept_capability"]
        self._threads: int = config["threads"]
        self._abi = landlock.landlock_abi() if config["landlock"] else 0
        self._rules = self._landlock_rules(config) if self._abi else []
        self._filter = _native_filter() if config["seccomp"] else None
        self._devnull = os.open("/dev/null", os.O_RDWR)
        self._base_bytes = 0

    def _landlock_rules(self, config: Mapping[str, Any]) -> list[landlock.Rule]:
        """Return what each run has to apply; the rest is applied to this server, once."""
        devices = landlock.open_rules([f"/dev/{name}" for name in namespaces.DEVICES], _DEVICE)
        seen = landlock.open_rules(config["visible"], landlock.READ)
        seen += landlock.open_rules(config["listed"], landlock.LIST)
        if self._private_mounts:  # Landlock would forbid the server to let runs mount
            return [*seen, *devices]
        base, above = (
            os.path.dirname(self._scratch),
            os.path.dirname(os.path.dirname(self._scratch)),
        )
        own = landlock.open_rules([base], landlock.WRITE)
        own += landlock.open_rules([above], landlock.REMOVE)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        landlock.restrict_to([*seen, *devices, *own], self._abi)
        return [*landlock.open_rules(["/"], landlock.READ), *devices]

    def measure(self) -> None:
        """Note what the fork-server itself takes, which no run is charged for."""
        self._base_bytes = kernel.address_space_bytes()

    def apply(self, limits: Mapping[str, Any], descriptors: list[int]) -> None:
        """Confine this process for good.

        Args:
            limits: fields of `llmenvs.verifiers.code.job.Limits`.
            descriptors: for the job, the output, the errors and the results, and one for the
                standard input where there is any.

        Raises:
            OSError: a step failed; the process must end.
        """
        owner = os.getppid()
        if self._private_mounts:
            namespaces.private_tmpfs(self._scratch, limits["file_bytes"], limits["files"])
        if self._uid is not None:
            kernel.become(self._uid, keep_capabilities=self._kept_capability is not None)
        if self._privileges:
            kernel.drop_capabilities(keep=self._kept_capability)
        if self._abi:
            own = landlock.open_rules([self._scratch], landlock.WRITE)
            landlock.restrict_to([*self._rules, *own], self._abi)
        self._place(descriptors)
        os.setsid()
        os.chdir(self._scratch)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
        if os.getppid() != owner:  # it ended before the line above
            os._exit(1)
        self._limit(limits)
        if self._filter is not None:
            self._filter.install(os.getpid())

    def _place(self, descriptors: list[int]) -> None:
        if len(descriptors) < len(_PLACES):
            descriptors = [*descriptors, self._devnull]
        parked = [
            os.dup2(fd, _PARKED_FD + i, inheritable=False) for i, fd in enumerate(descriptors)
        ]
        for fd, place in zip(parked, _PLACES, strict=True):
            os.dup2(fd, place)
        os.closerange(RESULT_FD + 1, 1 << 16)

    def _limit(self, limits: Mapping[str, Any]) -> None:
        memory_bytes = min(self._base_bytes + limits["memory_bytes"], _MAX_UNCOUNTED_BYTES)
        cpu_s = int(limits["cpu_s"]) + 2  # a backstop: the fork-server counts exactly
        for kind, most in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, limits["file_bytes"]),
            (resource.RLIMIT_NOFILE, _OPEN_FILES),
            (resource.RLIMIT_CPU, cpu_s),
            (resource.RLIMIT_MEMLOCK, 0),
            (resource.RLIMIT_MSGQUEUE, 0),
            (resource.RLIMIT_SIGPENDING, _PENDING_SIGNALS),
            (resource.RLIMIT_STACK, _STACK_BYTES),
            (resource.RLIMIT_NPROC, self._threads),
            (resource.RLIMIT_AS, memory_bytes),
        ):
            _, hard = resource.getrlimit(kind)
            if hard != resource.RLIM_INFINITY:
                most = min(most, hard)
            resource.setrlimit(kind, (most, most))


def _native_filter() -> seccomp.SeccompFilter:
    """Return the filter of this architecture; raise an OSError rather than run without one."""
    table = seccomp.native_table()
    if table is None:
        raise OSError(f"there is no table of system calls for {os.uname().machine}")
    return seccomp.SeccompFilter(table)


def seed_generators(seed: int) -> None:
    """Seed the global generators, so that a run draws the same numbers each time."""
    import random

    random.seed(seed)  # noqa: TID251 (the policy's code draws from it, in a process of its own)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(seed)
