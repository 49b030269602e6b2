"""A Ray cluster of this machine with two CPUs, started once for the tests of a file."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmenvs.engines.ray_cluster import ray_cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Start a cluster and stay connected to it."""
    pytest.importorskip("ray")
    with ray_cluster(num_cpus=2) as ray:
        yield ray


@pytest.fixture
def actor_pids() -> Callable[[str], list[int]]:
    """Return a function from an actor's class to the processes of such actors of this test run."""

    def pids(name: str) -> list[int]:
        found = [
            int(folder.name)
            for folder in Path("/proc").iterdir()
            if folder.name.isdecimal() and _title(folder).startswith(f"ray::{name}")
        ]
        return [pid for pid in found if os.getpid() in _ancestors(pid)]

    return pids


@pytest.fixture
def none_left(actor_pids: Callable[[str], list[int]]) -> Callable[[str], bool]:
    """Return a function that waits until no actor of a class is left: Ray takes its time."""

    def wait(name: str) -> bool:
        deadline = time.monotonic() + 30.0
        while actor_pids(name) and time.monotonic() < deadline:
            time.sleep(0.1)
        return not actor_pids(name)

    return wait


def _title(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().decode(errors="replace")
    except OSError:  # it has ended meanwhile
        return ""


def _ancestors(pid: int) -> list[int]:
    chain: list[int] = []
    while pid > 1:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return chain
        pid = int(fields[1])
        chain.append(pid)
    return chain
