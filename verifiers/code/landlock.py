"""Landlock: which files sandboxed code may see, without privileges and without a mount.

Source: landlock(7). ABI 1 to 7; a right that a kernel does not know yet is not asked for, and what
that leaves open (TCP before ABI 4, signals and abstract sockets before ABI 6) the seccomp filter
closes in any case.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from typing import NamedTuple

from llmenvs.verifiers.code.kernel import check, syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on all architectures
_VERSION_FLAG, _PATH_BENEATH = 1, 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REGULAR, _MAKE_SYMLINK = (
    1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
)  # fmt: skip
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_ALL_OF_ABI_1 = (1 << 13) - 1
_NETWORK = 0b11  # bind and connect of TCP
_SCOPES = 0b11  # abstract Unix sockets, signals
_OF_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE

LIST = _READ_DIR
REMOVE = _REMOVE_DIR
READ = _READ_FILE | _READ_DIR
WRITE = (
    READ | _WRITE_FILE | _TRUNCATE | _REFER | _REMOVE_DIR | _REMOVE_FILE
    | _MAKE_DIR | _MAKE_REGULAR | _MAKE_SYMLINK
)  # fmt: skip


class Rule(NamedTuple):
    """What is allowed beneath a path.

    Attributes:
        path_fd: of the path, opened with O_PATH.
        rights: `LIST`, `READ`, `WRITE` or `REMOVE` (of empty folders).
    """

    path_fd: int
    rights: int


def landlock_abi() -> int:
    """Return the version of Landlock that the kernel offers, 0 for none."""
    version = syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    return max(version, 0)


def open_rules(paths: Iterable[str], rights: int) -> list[Rule]:
    """Return a rule for each path that exists."""
    rules = []
    for path in paths:
        try:
            path_fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        if not stat.S_ISDIR(os.fstat(path_fd).st_mode):
            rules.append(Rule(path_fd, rights & _OF_FILES))
        else:
            rules.append(Rule(path_fd, rights))
    return rules


def restrict_to(rules: Iterable[Rule], abi: int) -> None:
    """Allow this process what the rules allow, and nothing else of what Landlock knows.

    Args:
        rules: paths and rights.
        abi: from `landlock_abi`, at least 1.

    Raises:
        OSError: the kernel refuses.
    """
    handled = _ALL_OF_ABI_1
    handled |= _REFER if abi >= 2 else 0
    handled |= _TRUNCATE if abi >= 3 else 0
    handled |= _IOCTL_DEVICE if abi >= 5 else 0
    fields = [handled, *([_NETWORK] if abi >= 4 else []), *([_SCOPES] if abi >= 6 else [])]
    attributes = struct.pack(f"<{len(fields)}Q", *fields)
    size, no_flags = ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)
    ruleset = check(syscall(_CREATE_RULESET, attributes, size, no_flags), "landlock ruleset")
    try:
        for rule in rules:
            beneath = struct.pack("<Qi", rule.rights & handled, rule.path_fd)
            kind = ctypes.c_int(_PATH_BENEATH)
            added = syscall(_ADD_RULE, ctypes.c_int(ruleset), kind, beneath, no_flags)
            check(added, "landlock rule")
        check(syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), no_flags), "landlock restriction")
    finally:
        os.close(ruleset)
