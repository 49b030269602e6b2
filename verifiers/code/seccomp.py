"""The system calls that sandboxed code may make: an allow-list, as a seccomp filter.

Everything that is not named here fails with EPERM. There is no ``fork`` and no ``execve``, so one
run is one process and killing it ends all of it; no ``socket``, so there is no network whatever
namespaces exist; no ``ptrace``, ``io_uring``, ``bpf``, ``keyctl``, shared memory or ``memfd``.
Calls that change what Landlock does not guard (``chmod``, ``chown``, ``utime``, extended
attributes) are left out too. Some calls are allowed by their arguments only, see `_conditions`.

The numbers come from a table for each architecture, `SyscallTable`; names that a table lacks do not
exist there. The filter is a binary tree over the numbers: the kernel runs it once for every number
when it is installed, which is the larger part of what a filter costs a short run.

Source: seccomp(2), and Linux's classic BPF, ``include/uapi/linux/{filter,seccomp}.h``.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from llmenvs.verifiers.code import syscalls_aarch64, syscalls_x86_64
from llmenvs.verifiers.code.kernel import PR_SET_SECCOMP, prctl

EPERM, ENOTTY, ENOSYS = 1, 25, 38

_SECCOMP_MODE_FILTER = 2
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _AND, _JUMP, _IF_EQUAL, _IF_GREATER, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = (
    0x20, 0x54, 0x05, 0x15, 0x25, 0x35, 0x45, 0x06
)  # fmt: skip
_NUMBER_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16
_MAX_JUMP = 255
_PID_PLACEHOLDER = 0x7ABCDEF1  # no process has it: it is over the kernel's largest pid

_CLONE_VM, _CLONE_THREAD = 0x100, 0x10000
_CLONE_NEW_ANYTHING = 0x7E020080  # every CLONE_NEW flag, CLONE_NEWTIME too
_AF_UNIX, _SOCK_STREAM, _SOCK_TYPE_MASK = 1, 1, 0xF
_TERMINAL_QUERIES = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""ioctl: TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_FCNTL_REFUSED = (8, 10, 15, 1024, 1026)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY: each makes the kernel send signals."""
_PRCTL_ALLOWED = (3, 15, 16, 23, 0x53564D41)
"""PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_SET_VMA."""

Instruction = tuple[int, int, int, int]
Code = list[Instruction]


class SyscallTable(NamedTuple):
    """What differs between architectures.

    Attributes:
        audit_arch: how seccomp names the ABI; calls of another ABI kill the process.
        first_foreign_number: of an ABI that shares ``audit_arch``, None if there is none.
        numbers: of system calls by name.
    """

    audit_arch: int
    first_foreign_number: int | None
    numbers: Mapping[str, int]


TABLES = {
    "x86_64": SyscallTable(
        syscalls_x86_64.AUDIT_ARCH, syscalls_x86_64.FIRST_FOREIGN_NUMBER, syscalls_x86_64.NUMBERS
    ),
    "aarch64": SyscallTable(syscalls_aarch64.AUDIT_ARCH, None, syscalls_aarch64.NUMBERS),
}
"""By `os.uname` and its field ``machine``."""


class SeccompFilter:
    """A filter, compiled once, and installed in many processes.

    Args:
        table: of the architecture.
    """

    def __init__(self, table: SyscallTable) -> None:
        code = _compile(table)
        self._program = b"".join(struct.pack("<HBBI", *instruction) for instruction in code)

    def install(self, pid: int) -> None:
        """Filter this process from here on, and whatever it starts.

        Args:
            pid: of this process, the only one that it may send signals to.

        Raises:
            OSError: the kernel refuses.
        """
        pids = struct.pack("<I", _PID_PLACEHOLDER), struct.pack("<I", pid)
        program = self._program.replace(*pids)
        buffer = ctypes.create_string_buffer(program, len(program))
        header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
        prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(header))


def native_table() -> SyscallTable | None:
    """Return the table of this process's architecture, or None where there is none.

    A 32-bit Python on a 64-bit kernel has another ABI than the machine's name says.
    """
    return TABLES.get(os.uname().machine) if sys.maxsize > 1 << 32 else None


def _compile(table: SyscallTable) -> Code:
    conditions = _conditions()
    bodies: list[tuple[int, int, Code]] = []  # first and last number, what to do
    for name, number in sorted(table.numbers.items(), key=lambda item: item[1]):
        body = conditions.get(name, [_allow()])
        if bodies and bodies[-1][1] == number - 1 and bodies[-1][2] == body == [_allow()]:
            bodies[-1] = (bodies[-1][0], number, body)
        else:
            bodies.append((number, number, body))
    code = [
        _load(_ARCH_OFFSET),
        (_IF_EQUAL, 1, 0, table.audit_arch),
        (_RETURN, 0, 0, _KILL_PROCESS),
    ]
    code.append(_load(_NUMBER_OFFSET))
    if table.first_foreign_number is not None:
        code.append((_IF_AT_LEAST, 0, 1, table.first_foreign_number))
        code.append((_RETURN, 0, 0, _KILL_PROCESS))
    return code + _tree(bodies)


def _tree(bodies: list[tuple[int, int, Code]]) -> Code:
    if len(bodies) == 1:
        first, last, body = bodies[0]
        return [(_IF_AT_LEAST, 0, 1, first), (_IF_GREATER, 0, 1, last), _refuse(), *body]
    middle = len(bodies) // 2
    lower, upper = _tree(bodies[:middle]), _tree(bodies[middle:])
    first_of_upper = bodies[middle][0]
    if len(lower) <= _MAX_JUMP:
        return [(_IF_AT_LEAST, len(lower), 0, first_of_upper), *lower, *upper]
    far = (_JUMP, 0, 0, len(lower))
    return [(_IF_AT_LEAST, 0, 1, first_of_upper), far, *lower, *upper]


def _conditions() -> dict[str, Code]:
    """Return what to do for the calls that only some arguments are allowed of."""
    own_process = _by_argument(0, [_PID_PLACEHOLDER], among=_allow(), others=_refuse())
    return {
        # Threads of this process, and no new namespace.
        "clone": [
            _load_argument(0),
            (_IF_ANY_BIT, 4, 0, _CLONE_NEW_ANYTHING),
            (_IF_ANY_BIT, 0, 3, _CLONE_THREAD),
            (_IF_ANY_BIT, 0, 2, _CLONE_VM),
            _allow(),
            _refuse(),
            _refuse(),
        ],
        # Its flags are behind a pointer, which a filter cannot follow; libc then uses clone.
        "clone3": [_refuse(ENOSYS)],
        "kill": own_process,
        "tgkill": own_process,
        # asyncio needs a pair. A datagram pair could send to any Unix socket there is.
        "socketpair": [
            _load_argument(0),
            (_IF_EQUAL, 0, 4, _AF_UNIX),
            _load_argument(1),
            (_AND, 0, 0, _SOCK_TYPE_MASK),
            (_IF_EQUAL, 0, 1, _SOCK_STREAM),
            _allow(),
            _refuse(),
        ],
        "ioctl": _by_argument(1, _TERMINAL_QUERIES, among=_allow(), others=_refuse(ENOTTY)),
        "fcntl": _by_argument(1, _FCNTL_REFUSED, among=_refuse(), others=_allow()),
        "prctl": _by_argument(0, _PRCTL_ALLOWED, among=_allow(), others=_refuse()),
        "prlimit64": _by_argument(0, [0, _PID_PLACEHOLDER], among=_allow(), others=_refuse()),
    }


def _by_argument(
    index: int, values: Iterable[int], *, among: Instruction, others: Instruction
) -> Code:
    code = [_load_argument(index)]
    for value in values:
        code += [(_IF_EQUAL, 0, 1, value), among]
    return [*code, others]


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _load_argument(index: int) -> Instruction:
    return _load(_ARGS_OFFSET + 8 * index)  # the low half, on a little-endian machine


def _allow() -> Instruction:
    return (_RETURN, 0, 0, _ALLOW)


def _refuse(errno: int = EPERM) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | errno)
