"""The filter allows what its tables say, call by call, and nothing else."""

import os
import struct
import sys

import pytest

from llmenvs.verifiers.code import SandboxUnavailable, confinement, open_sandbox, seccomp
from llmenvs.verifiers.code.seccomp import TABLES, SyscallTable

ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
PID = 0x7ABCDEF1
X86_64, AARCH64 = TABLES["x86_64"], TABLES["aarch64"]

each_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


def decide(table: SyscallTable, number: int, *args: int, arch: int | None = None) -> int:
    """Run the filter as the kernel would, and return what it decides."""
    given_arch = table.audit_arch if arch is None else arch
    padded = (*args, *[0] * (6 - len(args)))
    data = struct.pack("<IIQ6Q", number, given_arch, 0, *padded)
    code = seccomp._compile(table)
    at = value = 0
    while True:
        op, if_true, if_false, operand = code[at]
        at += 1
        if op == 0x06:
            return operand
        if op == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
        elif op == 0x54:
            value &= operand
        elif op == 0x05:
            at += operand
        else:
            tests = {
                0x15: value == operand,
                0x25: value > operand,
                0x35: value >= operand,
                0x45: bool(value & operand),
            }
            at += if_true if tests[op] else if_false


CONDITIONAL = set(seccomp._conditions())


@each_table
def test_every_number_is_decided_by_the_table(table: SyscallTable) -> None:
    allowed = {number for name, number in table.numbers.items() if name not in CONDITIONAL}
    conditional = {table.numbers[name] for name in CONDITIONAL}

    for number in set(range(600)) - conditional:
        wanted = ALLOW if number in allowed else ERRNO | 1
        assert decide(table, number) == wanted, number


@each_table
@pytest.mark.parametrize(
    ("name", "args", "decision"),
    [
        ("clone", (0x10100,), ALLOW),  # a thread
        ("clone", (17,), ERRNO | 1),  # a process
        ("clone", (0x100,), ERRNO | 1),
        ("clone", (0x10100 | 0x10000000,), ERRNO | 1),  # with a user namespace
        ("clone", (0x10100 | 0x80,), ERRNO | 1),  # with a time namespace
        ("clone3", (0,), ERRNO | 38),
        ("kill", (PID, 9), ALLOW),
        ("kill", (1, 9), ERRNO | 1),
        ("kill", (0xFFFFFFFFFFFFFFFF, 9), ERRNO | 1),
        ("tgkill", (1, 1, 9), ERRNO | 1),
        ("socketpair", (1, 1 | 0x80000), ALLOW),
        ("socketpair", (1, 2), ERRNO | 1),
        ("socketpair", (2, 1), ERRNO | 1),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), ERRNO | 25),  # TIOCSTI
        ("fcntl", (0, 1), ALLOW),
        ("fcntl", (0, 8), ERRNO | 1),  # F_SETOWN
        ("fcntl", (0, 10), ERRNO | 1),  # F_SETSIG
        ("prctl", (15,), ALLOW),
        ("prctl", (4, 1), ERRNO | 1),  # PR_SET_DUMPABLE
        ("prctl", (22,), ERRNO | 1),
        ("prlimit64", (0,), ALLOW),
        ("prlimit64", (1,), ERRNO | 1),
    ],
)
def test_conditions_look_at_the_arguments(
    table: SyscallTable, name: str, args: tuple[int, ...], decision: int
) -> None:
    assert decide(table, table.numbers[name], *args) == decision


def test_other_abis_end_the_process() -> None:
    assert decide(X86_64, 20, arch=0x40000003) == KILL  # getpid of 32-bit code
    assert decide(X86_64, 0x40000000 | 39) == KILL  # getpid of x32
    assert decide(AARCH64, 20, arch=0x40000028) == KILL  # getpid of 32-bit Arm
    assert decide(AARCH64, 172, arch=X86_64.audit_arch) == KILL
    assert decide(AARCH64, 0x40000000 | 172) == ERRNO | 1  # no second ABI shares the name here


@pytest.mark.parametrize(
    ("machine", "largest"), [("riscv64", sys.maxsize), ("x86_64", (1 << 31) - 1)]
)
def test_an_architecture_without_a_table_is_refused(
    machine: str, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.uname()
    system = os.uname_result((*real[:4], machine))
    monkeypatch.setattr(os, "uname", lambda: system)
    monkeypatch.setattr(sys, "maxsize", largest)

    with pytest.raises(SandboxUnavailable, match="64-bit x86_64 and aarch64"):
        open_sandbox()
    with pytest.raises(OSError, match=f"no table of system calls for {machine}"):
        confinement._native_filter()


@pytest.mark.parametrize(
    "name",
    [
        "fork",
        "vfork",
        "execve",
        "execveat",
        "socket",
        "connect",
        "bind",
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "bpf",
        "io_uring_setup",
        "userfaultfd",
        "perf_event_open",
        "keyctl",
        "add_key",
        "memfd_create",
        "unshare",
        "setns",
        "mount",
        "chroot",
        "pivot_root",
        "setuid",
        "chmod",
        "fchmodat",
        "chown",
        "utimensat",
        "setxattr",
        "shmget",
        "mq_open",
        "pidfd_open",
        "personality",
        "kexec_load",
        "init_module",
        "sched_setaffinity",
        "setpriority",
        "rt_sigqueueinfo",
        "tkill",
        "rt_tgsigqueueinfo",
        "open_by_handle_at",
        "name_to_handle_at",
        "landlock_restrict_self",
    ],
)
def test_ways_out_are_in_no_table(name: str) -> None:
    for table in TABLES.values():
        assert name not in table.numbers


def test_jumps_fit_their_bytes() -> None:
    for table in TABLES.values():
        code = seccomp._compile(table)
        assert len(code) < 4096
        assert all(0 <= jump <= 255 for _, *jumps, _ in code for jump in jumps)
