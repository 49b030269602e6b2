"""Run many jobs in one sandbox, and look what grows meanwhile and what is left afterwards.

The jobs are of all sorts: programs, calls, files that are written, exceptions, and a run that is
killed for its CPU time now and then.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox_traces import (
    all_identities,
    cgroups_of,
    container_ids,
    container_pids,
    descendants,
    difference,
    identities,
    resident_bytes,
    traces,
)

from llmenvs.verifiers.code import (
    Call,
    Ending,
    FunctionJob,
    Job,
    Limits,
    Sandbox,
    StdinJob,
    open_sandbox,
)
from llmenvs.verifiers.code.outer import Outer

WORKERS = 2
LOOKS = 10
"""How often memory is looked at, evenly over the runs."""

_MIB = 1 << 20
_LIMITS = Limits()
_SHORT = Limits(cpu_s=0.05)
_KILLED_EVERY = 1000
_SPIN = StdinJob("while True: pass")
_JOBS: tuple[tuple[Job, Ending], ...] = (
    (StdinJob("print(int(input())*2)", "3"), Ending.FINISHED),
    (FunctionJob("def f(x):\n    return 2 * x", (Call("f", (3,)),)), Ending.FINISHED),
    (StdinJob("open('file', 'w').write('x' * 10_000)"), Ending.FINISHED),
    (StdinJob("print('x' * 10_000)"), Ending.FINISHED),
    (StdinJob("raise ValueError"), Ending.EXCEPTION),
)


def soak(backend: str, runs: int) -> dict[str, object]:
    """Run ``runs`` jobs in a backend, and return what came of it.

    Args:
        backend: an outer layer of the local one, or ``docker``.
        runs: in all, in two threads.
    """
    before = traces()
    with _opened(backend) as sandbox:
        _run_jobs(sandbox, 200)
        pids = descendants(os.getpid()) if backend != "docker" else container_pids()
        servers = identities(pids)
        containers = container_ids() if backend == "docker" else []
        start = time.perf_counter()
        looks = [_memory(pids)]
        for _ in range(LOOKS):
            _run_jobs(sandbox, runs // LOOKS)
            looks.append(_memory(pids))
        elapsed_s = time.perf_counter() - start
        same = servers <= all_identities()
    time.sleep(2.0)  # a daemon removes a container when it gets to it
    left = difference(before, traces()) | {"processes": len(servers & all_identities())}
    if backend == "docker":  # other engines of the machine have groups in the same folders
        left["cgroups"] = len(cgroups_of(containers))
        left["containers"] = len(set(containers) & set(container_ids()))
    # The allocator settles in the first tenth.
    parent_mib, servers_mib, descriptors = zip(*looks[1:], strict=True)
    return {
        "outer": backend,
        "runs": runs,
        "runs_per_s": round(runs / elapsed_s),
        "servers": len(servers),
        "servers_lasted": same,
        "parent_mib": list(parent_mib),
        "servers_mib": list(servers_mib),
        "parent_mib_growth": round(parent_mib[-1] - parent_mib[0], 1),
        "servers_mib_growth": round(servers_mib[-1] - servers_mib[0], 1),
        "descriptors_growth": descriptors[-1] - descriptors[0],
        "left": left,
    }


@contextmanager
def _opened(backend: str) -> Iterator[Sandbox]:
    if backend == "docker":
        with open_sandbox("docker", workers=WORKERS) as sandbox:
            yield sandbox
    else:
        with open_sandbox("local", outer=Outer(backend), workers=WORKERS) as sandbox:
            yield sandbox


def _run_jobs(sandbox: Sandbox, runs: int) -> None:
    wrong: list[object] = []

    def work() -> None:
        for index in range(runs // WORKERS):
            job, wanted, limits = *_JOBS[index % len(_JOBS)], _LIMITS
            if index % _KILLED_EVERY == _KILLED_EVERY - 1:
                job, wanted, limits = _SPIN, Ending.CPU_LIMIT, _SHORT
            result = sandbox.run(job, limits)
            if result.ending is not wanted:
                wrong.append(result)

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]


def _memory(pids: list[int]) -> tuple[float, float, int]:
    """Resident MiB of this process and of the servers, and descriptors open here."""
    return (
        round(resident_bytes(os.getpid()) / _MIB, 1),
        round(sum(map(resident_bytes, pids)) / _MIB, 1),
        len(os.listdir("/proc/self/fd")),
    )
