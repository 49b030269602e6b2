"""The few kernel interfaces that Python has no function for, by ctypes. Linux only.

Imported inside the sandbox too, so it needs the standard library alone. Everything goes through
functions that libc has on every architecture; only what has one number everywhere (Landlock,
``mount_setattr``) is called by number.
"""

import ctypes
import mmap
import os
import resource

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38

CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN = 1, 2, 6, 7, 21

_PR_SET_KEEPCAPS = 8
_CAPABILITY_VERSION_3 = 0x20080522

_CapabilityHeader = ctypes.c_uint32 * 2
_CapabilitySets = ctypes.c_uint32 * 6

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
for _name in ("capget", "capset", "mount", "prctl", "unshare"):
    getattr(LIBC, _name)  # is looked up once, here, and not by every run


def check(result: int, what: str) -> int:
    """Return ``result``, or raise the `OSError` that ``errno`` tells of if it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *args: object) -> int:
    """Call the kernel by number and return what it returns, -1 on failure."""
    result: int = LIBC.syscall(ctypes.c_long(number), *args)
    return result


def prctl(option: int, value: int = 0, pointer: object = None) -> int:
    """Call prctl.

    Raises:
        OSError: the kernel refuses.
    """
    third = ctypes.c_ulong(0) if pointer is None else pointer
    zero = ctypes.c_ulong(0)
    result = LIBC.prctl(ctypes.c_int(option), ctypes.c_ulong(value), third, zero, zero)
    return check(result, f"prctl {option}")


def has_capability(number: int) -> bool:
    """Return whether this process has an effective capability, as `CAP_SYS_ADMIN`."""
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    sets = _CapabilitySets()
    check(LIBC.capget(header, sets), "capget")
    return bool(sets[3 * (number // 32)] >> number % 32 & 1)


def drop_capabilities(*, keep: int | None = None) -> None:
    """Give up all capabilities of this process.

    Args:
        keep: the one to keep, below 32.

    Raises:
        OSError: more is left.
    """
    bits = 0 if keep is None else 1 << keep
    wanted = [bits, bits, 0, 0, 0, 0]  # effective, permitted, inheritable; then those from 32 on
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    check(LIBC.capset(header, _CapabilitySets(*wanted)), "capset")
    left = _CapabilitySets()
    check(LIBC.capget(header, left), "capget")
    if list(left) != wanted:
        raise OSError("capabilities are left after they were dropped")


def become(uid: int, *, keep_capabilities: bool = False) -> None:
    """Take on an unprivileged user and group for good.

    Args:
        uid: of the user, and of the group.
        keep_capabilities: those permitted stay permitted, to be dropped by the caller.

    Raises:
        OSError: the kernel refuses, or something of the old identity is left.
    """
    if keep_capabilities:
        prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (uid, uid, uid):
        raise OSError(f"the user is not {uid} after a change to it")


def address_space_bytes() -> int:
    """Return how much address space this process takes, to within a page.

    It is found by lowering the soft limit until a page more is refused, since there is no /proc in
    a sandbox to read it from.
    """
    page = mmap.PAGESIZE
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    low, high = 0, 1 << 40
    try:
        while high - low > page:
            middle = (low + high) // 2
            resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
            try:
                mmap.mmap(-1, page).close()
            except (OSError, MemoryError):
                low = middle
            else:
                high = middle
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return high
