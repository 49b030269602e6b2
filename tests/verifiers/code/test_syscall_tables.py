"""Our numbers of system calls are the kernel's, and 64-bit Arm runs on those that we list there.

The headers, an arm64 Python and an emulator are Debian's: they are downloaded into a folder of the
test, and the host's packages stay as they are.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from llmenvs.verifiers.code import seccomp
from llmenvs.verifiers.code.seccomp import TABLES, SeccompFilter

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_HEADERS = {
    "x86_64": "usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "usr/include/asm-generic/unistd.h",
}
_CODE = Path(seccomp.__file__).parent
_HONEST = """
import asyncio, collections, dataclasses, decimal, heapq, itertools, json, math, os, random, re
import resource, selectors, signal, socket, string, sys, tempfile, threading, time, unittest
threads = [threading.Thread(target=lambda: time.sleep(0.01)) for _ in range(3)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
asyncio.run(asyncio.wait_for(asyncio.sleep(0.01), 1))
with open("file", "w+") as file:
    print(file.write("text"), file.truncate(2), file.seek(0), file.read())
os.mkdir("folder"), os.rename("file", "folder/file"), os.symlink("folder", "link")
print(os.listdir("."), os.stat("link"), os.readlink("link"), os.access("link", os.R_OK))
os.unlink("folder/file"), os.unlink("link"), os.rmdir("folder")
print(os.getcwd(), os.getpid(), os.getuid(), resource.getrlimit(resource.RLIMIT_AS))
print(random.random(), time.time(), os.urandom(3), bytearray(1 << 24)[0], os.sched_getaffinity(0))
signal.signal(signal.SIGALRM, lambda *_: None), signal.setitimer(signal.ITIMER_REAL, 0.01)
time.sleep(0.02), sys.stdout.flush()
"""


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs {name} to fetch kernel headers")
    return path


class Debian:
    """A folder of packages, with an apt of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = folder / "root"
        for name in ("state", "cache/archives/partial", "lists/partial", "packages"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        source = f"deb [signed-by={_KEYRING}] http://deb.debian.org/debian bookworm main\n"
        (folder / "sources.list").write_text(source)
        (folder / "apt.conf").write_text(
            f'Dir::State "{folder}/state"; Dir::State::lists "{folder}/lists";'
            f'Dir::State::status "{folder}/status"; Dir::Cache "{folder}/cache";'
            f'Dir::Etc::sourcelist "{folder}/sources.list"; Dir::Etc::sourceparts "-";'
            'APT::Architecture "arm64"; APT::Architectures {"arm64"; "amd64";};'
            'APT::Sandbox::User ""; Acquire::Languages "none"; Acquire::Retries "1";'
        )
        self._apt("update", "--error-on=any")

    def add(self, *packages: str) -> None:
        """Unpack packages, as they are named to apt."""
        self._apt("download", *packages)
        self._unpack(self._folder / "packages")

    def add_with_dependencies(self, package: str) -> None:
        """Unpack a package of arm64 and all that it needs."""
        self._apt("install", "--yes", "--download-only", "--no-install-recommends", package)
        self._unpack(self._folder / "cache" / "archives")

    def _unpack(self, packages: Path) -> None:
        for package in packages.glob("*.deb"):
            subprocess.run([_tool("dpkg"), "-x", package, self.root], check=True)

    def _apt(self, *words: str) -> None:
        done = subprocess.run(
            [_tool("apt-get"), "-q", *words],
            check=False,
            cwd=self._folder / "packages",
            env={**os.environ, "APT_CONFIG": str(self._folder / "apt.conf")},
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            pytest.skip(f"apt-get {words[0]} reaches no Debian archive: {done.stderr[-200:]}")


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Debian:
    """A folder of Debian's packages."""
    if not _KEYRING.exists():
        pytest.skip("needs debian-archive-keyring to fetch kernel headers")
    return Debian(tmp_path_factory.mktemp("debian"))


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def arm_python(debian: Debian, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run an arm64 Python under qemu: ``arm_python(program, *options of qemu)``."""
    debian.add("qemu-user-static:amd64")
    debian.add_with_dependencies("python3.11")
    folder = tmp_path_factory.mktemp("arm64")
    package = folder / "llmenvs" / "verifiers"
    shutil.copytree(_CODE, package / "code")
    for init in ("../__init__.py", "__init__.py", "code/__init__.py"):  # not what they import
        (package / init).write_text("")

    def run(program: str, *options: str) -> subprocess.CompletedProcess[str]:
        emulator, root = debian.root / "usr/bin/qemu-aarch64-static", debian.root
        return subprocess.run(
            [emulator, "-L", root, *options, root / "usr/bin/python3.11", "-c", program],
            check=False,
            cwd=folder,
            env={"PYTHONPATH": f"{folder}", "PYTHONHOME": f"{root}/usr", "HOME": f"{folder}"},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def kernel_numbers(header: str) -> Mapping[str, int]:
    """Return the numbers that a header gives to the names of 64-bit code."""
    numbers = dict(re.findall(r"^#define __NR_(\w+)\s+(\d+)$", header, re.MULTILINE))
    shared = dict(re.findall(r"^#define __NR3264_(\w+)\s+(\d+)$", header, re.MULTILINE))
    last = header.rpartition("#if __BITS_PER_LONG == 64")[2].partition("#else")[0]
    for name, generic in re.findall(r"^#define __NR_(\w+) __NR3264_(\w+)$", last, re.MULTILINE):
        if generic in shared:
            numbers[name] = shared[generic]
    return {name: int(number) for name, number in numbers.items()}


@pytest.mark.slow
def test_every_number_is_that_of_the_kernel_headers(debian: Debian) -> None:
    debian.add("linux-libc-dev:amd64", "linux-libc-dev:arm64")
    arm = debian.root / "usr/include/aarch64-linux-gnu/asm/unistd.h"

    assert "#include <asm-generic/unistd.h>" in arm.read_text()
    for machine, table in TABLES.items():
        kernel = kernel_numbers((debian.root / _HEADERS[machine]).read_text())
        assert len(kernel) > 250
        wrong = {name: n for name, n in table.numbers.items() if kernel.get(name) != n}
        assert not wrong, machine
        twin = TABLES["x86_64" if machine == "aarch64" else "aarch64"]
        missing = [name for name in twin.numbers if name in kernel and name not in table.numbers]
        assert not missing, f"{machine} has {missing}, which are allowed elsewhere"


@pytest.mark.slow
def test_an_arm64_python_builds_the_same_filter(arm_python: Run) -> None:
    done = arm_python(
        "import hashlib, os\n"
        "from llmenvs.verifiers.code import seccomp\n"
        "program = seccomp.SeccompFilter(seccomp.native_table())._program\n"
        "print(os.uname().machine, hashlib.sha256(program).hexdigest())"
    )
    ours = hashlib.sha256(SeccompFilter(TABLES["aarch64"])._program).hexdigest()

    assert done.stdout == f"aarch64 {ours}\n", done.stderr


@pytest.mark.slow
def test_honest_programs_on_arm64_make_only_calls_that_are_listed(arm_python: Run) -> None:
    done = arm_python(_HONEST, "-strace")
    made = set(re.findall(r"^\d+ (\w+)\(", done.stderr, re.MULTILINE))

    assert done.returncode == 0, done.stderr[-2000:]
    assert {"openat", "newfstatat", "futex", "clone"} <= made
    assert made <= set(TABLES["aarch64"].numbers)
