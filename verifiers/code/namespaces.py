"""An outer layer of namespaces by ctypes, for where bubblewrap is not: what `bwrap` would do.

The process gets a file system that holds only what it may see, read-only, no network, no other
process and no shared memory. Root takes the namespaces as they are; an ordinary user takes a user
namespace too, in which it stays itself.

Source: namespaces(7), pivot_root(2), mount_setattr(2).
"""

import ctypes
import os
import signal
from collections.abc import Iterable, Mapping
from typing import NoReturn

from llmenvs.verifiers.code.kernel import LIBC, check, syscall

SCRATCH = "/scratch"
_BUILD = "/tmp"  # noqa: S108 (a mount point that every system has; nothing goes to disk)
DEVICES = ("null", "zero", "urandom", "random")

_NEWNS, _NEWUSER = 0x00020000, 0x10000000
_ALL_BUT_USER = _NEWNS | 0x40000000 | 0x20000000 | 0x08000000 | 0x04000000 | 0x02000000
"""mount, network, pid, ipc, uts, cgroup."""
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_DETACH = 2
_MOUNT_SETATTR = 442  # the same on all architectures
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY_NOSUID_NODEV = 0b111


def enter(
    visible: Iterable[str], hidden: Iterable[str], links: Mapping[str, str], *, privileged: bool
) -> None:
    """Move this process into namespaces of its own; what returns is process 1 in there.

    The caller's process stays outside, waits, and ends when process 1 does.

    Args:
        visible: files and folders to show, read-only, at their own paths.
        hidden: folders beneath them that are to be empty.
        links: symbolic links to make, path -> target.
        privileged: whether the process has CAP_SYS_ADMIN and needs no user namespace.

    Raises:
        OSError: the kernel refuses.
    """
    uid, gid = os.getuid(), os.getgid()
    check(LIBC.unshare(_ALL_BUT_USER | (0 if privileged else _NEWUSER)), "unshare")
    if not privileged:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
    _build_root(visible, hidden, links)
    LIBC.sethostname(b"sandbox", 7)
    child = os.fork()  # the first child after the unshare is process 1 of the new pid namespace
    if child != 0:
        _wait_for(child)


def private_tmpfs(path: str, size_bytes: int, files: int) -> None:
    """Mount an empty file system at ``path`` that only this process sees and that ends with it.

    Args:
        path: a folder.
        size_bytes: that all its files take together at most.
        files: that it holds at most, folders too.

    Raises:
        OSError: the kernel refuses.
    """
    check(LIBC.unshare(_NEWNS), "unshare")
    _mount(None, "/", None, _REC | _PRIVATE)
    options = f"size={size_bytes},nr_inodes={files + 1},mode=1777"
    _mount("tmpfs", path, "tmpfs", _NOSUID | _NODEV | _NOEXEC, options)


def _build_root(visible: Iterable[str], hidden: Iterable[str], links: Mapping[str, str]) -> None:
    os.umask(0o022)
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("tmpfs", _BUILD, "tmpfs", _NOSUID | _NODEV, "mode=755,size=1m,nr_inodes=1024")
    os.mkdir(f"{_BUILD}/new", 0o755)
    os.mkdir(f"{_BUILD}/old", 0o755)
    _mount(f"{_BUILD}/new", f"{_BUILD}/new", None, _BIND)
    check(LIBC.pivot_root(_BUILD.encode(), f"{_BUILD}/old".encode()), "pivot_root")
    os.chdir("/")
    for path in visible:
        _show(path)
    for path in hidden:
        if os.path.isdir("/new" + path):
            _mount("tmpfs", "/new" + path, "tmpfs", _NOSUID | _NODEV | _NOEXEC, "size=4k,mode=755")
    for device in DEVICES:
        _bind(f"/old/dev/{device}", f"/new/dev/{device}")
    for path, target in links.items():
        os.symlink(target, "/new" + path)
    os.mkdir("/new" + SCRATCH, 0o755)
    if not os.path.exists("/new/tmp"):  # it does where the code itself is installed under /tmp
        os.symlink(SCRATCH, "/new/tmp")
    check(LIBC.umount2(b"/old", _DETACH), "umount")
    os.chdir("/new")
    check(LIBC.pivot_root(b".", b"."), "pivot_root")
    check(LIBC.umount2(b".", _DETACH), "umount")
    os.chdir("/")
    _set_read_only("/", recursive=False)


def _show(path: str) -> None:
    if os.path.exists("/old" + path):
        _bind("/old" + path, "/new" + path)
        _set_read_only("/new" + path, recursive=True)


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, 0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(source, target, None, _BIND | _REC)


def _set_read_only(path: str, *, recursive: bool) -> None:
    attributes = (ctypes.c_uint64 * 4)(_ATTR_RDONLY_NOSUID_NODEV, 0, 0, 0)
    result = syscall(
        _MOUNT_SETATTR,
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(path),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        attributes,
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    check(result, f"mount_setattr {path}")


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    arguments = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    data = None if options is None else options.encode()
    check(LIBC.mount(*arguments, ctypes.c_ulong(flags), data), f"mount {target}")


def _wait_for(child: int) -> NoReturn:
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    os.closerange(3, 1 << 16)  # or the control socket would stay open after the child has ended
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
