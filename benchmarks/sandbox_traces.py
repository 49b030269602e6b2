"""What a sandbox could leave behind on a machine, read from /proc and the usual folders."""

import contextlib
import os
import tempfile
from pathlib import Path


def traces() -> dict[str, set[str]]:
    """What a sandbox could leave behind on this machine."""
    folders = [Path(tempfile.gettempdir()), Path("/dev/shm")]  # noqa: S108
    shared = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {
        "files": {str(path) for folder in folders for path in folder.glob("*llmenvs-sandbox*")},
        "shared_memory": set(shared),
        "cgroups": {
            str(path)
            for pattern in ("*/*llmenvs*", "*/docker/*/", "docker/*/")
            for path in Path("/sys/fs/cgroup").glob(pattern)
        },
        "descriptors": {
            f"{fd}" for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")
        },
        "mounts": set(Path("/proc/mounts").read_text().splitlines()),
    }


def difference(before: dict[str, set[str]], after: dict[str, set[str]]) -> dict[str, object]:
    """Count what is new of each kind."""
    return {name: len(after[name] - before[name]) for name in before}


def processes() -> list[int]:
    """All process ids."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def identities(pids: list[int], *, zombies: bool = True) -> set[tuple[int, str]]:
    """Processes as numbers that may be used again, and times of start."""
    found = set()
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if zombies or fields[0] != "Z":
            found.add((pid, fields[19]))
    return found


def all_identities(*, zombies: bool = True) -> set[tuple[int, str]]:
    """All processes there are."""
    return identities(processes(), zombies=zombies)


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    parents: dict[int, int] = {}
    for each in processes():
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[each] = int(fields[1])
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def container_pids() -> list[int]:
    """The processes of the containers that run our fork-servers, as this machine counts them."""
    import docker

    with contextlib.closing(docker.from_env()) as client:
        found = client.containers.list(filters={"label": "llmenvs.sandbox"})
        firsts = [int(each.attrs["State"]["Pid"]) for each in found]
    return [pid for first in firsts for pid in (first, *descendants(first))]


def container_ids() -> list[str]:
    """The containers that run our fork-servers."""
    import docker

    with contextlib.closing(docker.from_env()) as client:
        found = client.containers.list(all=True, filters={"label": "llmenvs.sandbox"})
        return [str(each.id) for each in found]


def cgroups_of(containers: list[str]) -> list[str]:
    """The control groups of containers that are still there."""
    patterns = [f"{depth}docker/{each}" for each in containers for depth in ("", "*/")]
    return [str(path) for each in patterns for path in Path("/sys/fs/cgroup").glob(each)]
