"""Try all doors from inside a confined run: the program that each new fork-server has to pass.

It runs as any job of the policy's would, and prints one JSON object: of each door whether it is
open, and of each thing that honest code needs whether it works. Every try is harmless where it
succeeds.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

HOST_FILE = sys.stdin.readline().rstrip("\n")
CAP_BITS = 6
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
PARENT = os.getppid()
NULL = None


def libc(name: str, *args: object) -> None:
    """Call a function of libc; raises OSError where it fails."""
    ctypes.set_errno(0)
    if getattr(LIBC, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), name)


def capabilities_left() -> None:
    """Raise unless a capability that matters is left."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * CAP_BITS)()
    libc("capget", header, sets)
    reading = 1 << 1 | 1 << 2  # DAC_OVERRIDE or DAC_READ_SEARCH: see worker.py
    if not any(bits & ~reading for bits in sets):
        raise PermissionError(errno.EPERM, "none")


def fork() -> None:
    """Start a process, which ends at once."""
    if os.fork() == 0:
        os._exit(0)


def write_own_python() -> None:
    """Open a file of the standard library to write to it."""
    os.close(os.open(os.__file__, os.O_WRONLY))


def read(path: str) -> None:
    """Read a byte of a file."""
    with open(path, "rb") as file:
        file.read(1)


def write(path: str) -> None:
    """Make a file, and remove it."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.remove(path)


def read_by_link() -> None:
    """Read a file of the host through a symbolic link."""
    os.symlink(HOST_FILE, "link")
    read("link")


def raise_limit() -> None:
    """Set the memory limit higher."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (1 << 45, 1 << 45))


def change_mode() -> None:
    """Change the mode of a file of the standard library to what it is."""
    os.chmod(os.__file__, os.stat(os.__file__).st_mode & 0o7777)


DOORS: dict[str, Callable[[], object]] = {
    "read a file of the host": lambda: read(HOST_FILE),
    "read /etc/passwd": lambda: read("/etc/passwd"),
    "read /proc": lambda: os.listdir("/proc/self"),
    "list the host's root folder": lambda: os.listdir("/root"),
    "read through a link": read_by_link,
    "write to the standard library": write_own_python,
    "write beside the scratch folder": lambda: write("../llmenvs-probe"),
    "write to /dev/shm": lambda: write("/dev/shm/llmenvs-probe"),  # noqa: S108
    "change a mode": change_mode,
    "change a time": lambda: os.utime(os.__file__),
    "make a hard link": lambda: os.link(os.__file__, "hard"),
    "open an Internet socket": lambda: socket.socket(socket.AF_INET),
    "open a Unix socket": lambda: socket.socket(socket.AF_UNIX),
    "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "make a datagram pair": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    "fork": fork,
    "start a program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "signal the fork-server": lambda: os.kill(PARENT, 0),
    "signal everyone": lambda: os.kill(-1, 0),
    "trace the fork-server": lambda: libc("ptrace", 16, PARENT, NULL, NULL),
    "read the fork-server's memory": lambda: libc("process_vm_readv", PARENT, NULL, 0, NULL, 0, 0),
    "open a pidfd": lambda: os.pidfd_open(PARENT),
    "make a namespace": lambda: libc("unshare", 0x10000000),
    "mount": lambda: libc("mount", b"none", b".", b"tmpfs", 0, NULL),
    "change the root": lambda: os.chroot("."),
    "become root": lambda: os.setresuid(0, 0, 0) if os.getuid() else fork(),
    "keep a capability": capabilities_left,
    "make an anonymous file": lambda: os.memfd_create("probe"),
    "make shared memory": lambda: libc("shmget", 0, 4096, 0o1600),
    "trace by perf": lambda: libc("syscall", 298, NULL, 0, -1, -1, 0),
    "raise a limit": raise_limit,
    "slow the fork-server": lambda: os.setpriority(os.PRIO_PROCESS, PARENT, 19),
    "move the fork-server": lambda: os.sched_setaffinity(PARENT, [0]),
    "have signals sent": lambda: __import__("fcntl").fcntl(0, 8, PARENT),
    "keep a descriptor": lambda: os.fstat(5),
}


def use_a_thread() -> None:
    """Start a thread."""
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def use_a_file() -> None:
    """Write a file in the current folder and read it."""
    with open("file", "w+") as file:
        file.write("text")
    os.remove("file")


def use_a_pair() -> None:
    """Make a pair of sockets, as asyncio does."""
    for end in socket.socketpair():
        end.close()


def import_a_module() -> None:
    """Import what is not loaded yet."""
    import colorsys
    import zlib

    del colorsys, zlib


NEEDS: dict[str, Callable[[], object]] = {
    "a thread": use_a_thread,
    "a file in the current folder": use_a_file,
    "a module of the standard library": import_a_module,
    "a pair of stream sockets": use_a_pair,
    "a random number of the system": lambda: os.urandom(1),
    "a signal to itself": lambda: os.kill(os.getpid(), 0),
    "its own handler": lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN),
}


def outcome(attempt: Callable[[], object]) -> str:
    """Return "" where it succeeds, else why not."""
    try:
        attempt()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:200]
    return ""


print(  # noqa: T201 (a program for the sandbox)
    json.dumps(
        {
            "doors": {name: outcome(attempt) for name, attempt in DOORS.items()},
            "needs": {name: outcome(attempt) for name, attempt in NEEDS.items()},
        }
    )
)
