"""The outer layer of a sandbox: the command line that starts a fork-server inside it.

There are three, strongest first. Each is complete with the Landlock rules and the seccomp filter of
`llmenvs.verifiers.code.confinement`; the first two also hide what those cannot, as that a path
exists, give each run a file system of its own, and cut the network a second time.
"""

import os
import shutil
from collections.abc import Iterator
from enum import StrEnum

from llmenvs.verifiers.code.exposure import Exposure
from llmenvs.verifiers.code.namespaces import DEVICES, SCRATCH

ENVIRONMENT = {
    "HOME": SCRATCH,
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",  # or each thread would take 64 MiB of address space
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/usr/bin",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "TZ": "UTC",
}
"""All that a fork-server gets of an environment."""

_PRIVILEGES = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID")


class Outer(StrEnum):
    """What a fork-server starts in."""

    BUBBLEWRAP = "bubblewrap"
    NAMESPACES = "namespaces"
    NOTHING = "landlock"


def server_command(exposure: Exposure, control_fd: int) -> list[str]:
    """Return the command that starts a fork-server; it reads its configuration from the socket."""
    start = os.path.join(os.path.dirname(os.path.abspath(__file__)), "start.py")
    return [exposure.python, "-s", "-P", "-S", start, str(control_fd)]


def bubblewrap_path() -> str | None:
    """Return where ``bwrap`` is, None if it is not installed."""
    return shutil.which("bwrap")


def bubblewrap_command(bwrap: str, exposure: Exposure) -> list[str]:
    """Return what goes before the server's command to start it in bubblewrap."""
    return [bwrap, *_options(exposure), "--"]


def _options(exposure: Exposure) -> Iterator[str]:
    if os.getuid() == 0:
        for privilege in _PRIVILEGES:
            yield from ("--cap-add", privilege)
    else:
        yield from ("--unshare-user", "--cap-add", "CAP_SYS_ADMIN")
    for kind in ("pid", "net", "ipc", "uts", "cgroup-try"):
        yield f"--unshare-{kind}"
    # Without a process of bubblewrap's own as process 1, which would be left for init to reap.
    yield from ("--as-pid-1", "--new-session", "--hostname", "sandbox", "--clearenv")
    for name, value in ENVIRONMENT.items():
        yield from ("--setenv", name, value)
    yield from _folders_above(exposure.visible)
    for path in exposure.visible:
        if os.path.exists(path):
            yield from ("--ro-bind", path, path)
    for path in exposure.hidden:
        yield from ("--perms", "0755", "--size", "4096", "--tmpfs", path, "--remount-ro", path)
    for path, target in exposure.links.items():
        yield from ("--symlink", target, path)
    yield from ("--perms", "0755", "--dir", "/dev")
    for device in DEVICES:
        yield from ("--dev-bind", f"/dev/{device}", f"/dev/{device}")
    yield from ("--perms", "0755", "--dir", SCRATCH)
    if not any(path.startswith("/tmp/") for path in exposure.visible):  # noqa: S108 (inside)
        yield from ("--symlink", SCRATCH, "/tmp")  # noqa: S108 (inside)
    yield from ("--remount-ro", "/", "--chdir", "/")


def _folders_above(paths: tuple[str, ...]) -> Iterator[str]:
    # Bubblewrap would make them with mode 0700, closed to the user that a run becomes.
    folders = set()
    for path in paths:
        while (path := os.path.dirname(path)) != "/":
            folders.add(path)
    for folder in sorted(folders):
        yield from ("--perms", "0755", "--dir", folder)
