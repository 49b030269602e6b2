"""Measure the sandbox: runs a second beside two peers, start and kill times, memory, and leftovers.

    python benchmarks/sandbox.py throughput --rounds 9
    python benchmarks/sandbox.py evalplus --peer DIR [--parent-gib 2.4]
    python benchmarks/sandbox.py times
    python benchmarks/sandbox.py memory --runs 100000
    python benchmarks/sandbox.py leftovers --runs 10000
    python benchmarks/sandbox.py docker
    python benchmarks/sandbox.py soak --runs 100000 [--backend docker]

Prints one JSON object a line. ``throughput`` runs the same program in our fork-servers and in those
of the prototype beside the checkout (../shared), in turns within each round, and gives the median
of the rounds' ratios, since the machine is seldom quiet; it needs ``bwrap``. ``evalplus`` does so
with ``untrusted_check`` of the evalplus package in DIR, which forks the parent for each check and
isolates nothing: what it runs is a constant of this file. To have it, ``pip install --no-deps
--target DIR evalplus`` and what its import asks for. ``--parent-gib`` first makes the parent as
large as a trainer. ``memory``, ``leftovers`` and ``soak`` read /proc. What runs in containers needs
a daemon, named by ``DOCKER_HOST``, and ``llmenvs sandbox build-image``;
``tests/verifiers/code/docker_engine.py`` starts one.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from machine import system
from sandbox_soak import soak
from sandbox_traces import (
    all_identities,
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
    Limits,
    Returned,
    Sandbox,
    StdinJob,
    open_sandbox,
)
from llmenvs.verifiers.code.open_sandbox import why_not
from llmenvs.verifiers.code.outer import Outer

PROTOTYPE = Path(__file__).parents[2] / "shared" / "sandbox-prototype"
PROGRAM = StdinJob("print(int(input())*2)", "3")
FUNCTION = "def double(x):\n    return 2 * x\n"
LIMITS = Limits()


def usable_layers() -> list[Outer]:
    """The layers that this machine has; of the others it is said why not."""
    reasons = {outer: why_not(outer) for outer in Outer}
    for outer, reason in reasons.items():
        if reason:
            print(f"{outer.value} is left out: {reason}", file=sys.stderr)
    return [outer for outer, reason in reasons.items() if not reason]


def load() -> dict[str, object]:
    """What else the machine had to do."""
    return {"load": round(os.getloadavg()[0], 1)}


def report(benchmark: str, **figures: object) -> None:
    """Print a row."""
    print(json.dumps({"benchmark": benchmark, **figures, **system(), **load()}), flush=True)


def runs_per_s(run: Callable[[int], None], *, workers: int, runs: int) -> float:
    """Call ``run`` with the worker's number, ``runs`` times in each of as many threads."""

    def loop(worker: int) -> None:
        for _ in range(runs):
            run(worker)

    threads = [threading.Thread(target=loop, args=(worker,)) for worker in range(workers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return workers * runs / (time.perf_counter() - start)


def run_program(sandbox: Sandbox) -> None:
    """One run of ours, checked."""
    result = sandbox.run(PROGRAM, LIMITS)
    assert (result.ending, result.stdout) == (Ending.FINISHED, b"6\n"), result


def run_ours(sandbox: Sandbox, _: int) -> None:
    """One run of ours in any thread."""
    run_program(sandbox)


def warm(sandbox: Sandbox, workers: int) -> None:
    """Start all fork-servers."""
    sleep = StdinJob("import time; time.sleep(0.3)")

    def start(_: int) -> None:
        sandbox.run(sleep, LIMITS)

    runs_per_s(start, workers=workers, runs=1)


class Prototype:
    """The prototype's fork-servers."""

    def __init__(self, workers: int, preload: list[str]) -> None:
        sys.path.insert(0, str(PROTOTYPE))
        import client  # type: ignore[import-not-found]  # of the prototype, beside the checkout

        self._verify = client.verify_stdin
        options = {"preload": preload, "site": sysconfig.get_path("purelib")} if preload else {}
        if preload:
            import numpy

            options["site"] = str(Path(numpy.__file__).parents[1])
        self.servers = [
            client.Worker(
                py=os.path.realpath(sys.executable), bwrap=shutil.which("bwrap"), **options
            )
            for _ in range(workers)
        ]

    def run(self, worker: int) -> None:
        """One run of the prototype's, checked by its own function."""
        passed, why = self._verify(self.servers[worker], PROGRAM.source, [("3", "6")])
        assert passed, why

    def close(self) -> None:
        """End its servers."""
        for server in self.servers:
            server.close()


def measure_throughput(rounds: int, runs: int) -> None:
    """Ours beside the prototype, for each number of workers and each outer layer."""
    for preload in ([], ["numpy"]):
        for workers in (1, 2, 3, 4) if not preload else (2,):
            prototype = Prototype(workers, preload)
            for outer in usable_layers():
                with open_sandbox("local", workers=workers, preload=preload, outer=outer) as ours:
                    warm(ours, workers)
                    compare(
                        "throughput",
                        partial(run_ours, ours),
                        prototype.run,
                        workers=workers,
                        rounds=rounds,
                        runs=runs,
                        settings={"outer": outer, "preload": preload, "peer": "prototype"},
                    )
            prototype.close()


def compare(
    benchmark: str,
    ours: Callable[[int], None],
    theirs: Callable[[int], None],
    *,
    workers: int,
    rounds: int,
    runs: int,
    settings: dict[str, object],
) -> None:
    """Measure both in turns, each first in every other round."""
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for index in range(rounds):
        pair = [("ours", ours), ("theirs", theirs)]
        for name, run in pair if index % 2 else reversed(pair):
            rates[name].append(runs_per_s(run, workers=workers, runs=runs))
    ratios = [mine / peer for mine, peer in zip(rates["ours"], rates["theirs"], strict=True)]
    report(
        benchmark,
        **settings,
        workers=workers,
        rounds=rounds,
        runs_per_round=workers * runs,
        runs_per_s=round(statistics.median(rates["ours"])),
        runs_per_s_best=round(max(rates["ours"])),
        peer_runs_per_s=round(statistics.median(rates["theirs"])),
        peer_runs_per_s_best=round(max(rates["theirs"])),
        ratio_median=round(statistics.median(ratios), 2),
        ratio_min_max=[round(min(ratios), 2), round(max(ratios), 2)],
    )


def measure_evalplus(peer: str, parent_gib: float, rounds: int, runs: int) -> None:
    """Ours beside EvalPlus, which runs a function on one input in a fork of this process."""
    sys.path.insert(0, peer)
    from evalplus.eval import untrusted_check  # type: ignore[import-not-found]  # see --peer

    ballast = bytearray(os.urandom(1 << 20)) * int(parent_gib * 1024)
    job = FunctionJob(FUNCTION, (Call("double", (3,)),))
    workers = 2

    def theirs(_: int) -> None:
        status, _details = untrusted_check(
            "humaneval", FUNCTION, [[3]], "double", expected=[6], atol=0, ref_time=[0.01]
        )
        assert status == "pass", status

    with open_sandbox("local", workers=workers) as sandbox:
        warm(sandbox, workers)

        def ours(_: int) -> None:
            assert sandbox.run(job, LIMITS).calls == (Returned(6),)

        compare(
            "evalplus",
            ours,
            theirs,
            workers=workers,
            rounds=rounds,
            runs=runs,
            settings={
                "peer": "evalplus untrusted_check",
                "parent_gib": round(resident_bytes(os.getpid()) / (1 << 30), 1),
            },
        )
    assert len(ballast) == int(parent_gib * 1024) << 20


def measure_times(repeats: int) -> None:
    """Starts of a sandbox with its probe, and how long after a limit a run is gone."""
    for outer in usable_layers():
        for preload in ((), ("numpy",), ("numpy", "sympy")):
            starts = []
            for _ in range(repeats):
                start = time.perf_counter()
                open_sandbox("local", outer=outer, preload=preload).close()
                starts.append(time.perf_counter() - start)
            report("start", outer=outer, preload=preload, **spread(starts))
        with open_sandbox("local", outer=outer) as sandbox:
            late = [kill_delays(sandbox) for _ in range(repeats)]
        report("kill after the CPU limit", outer=outer, **spread([cpu for cpu, _ in late]))
        report("kill after the wall limit", outer=outer, **spread([wall for _, wall in late]))


def kill_delays(sandbox: Sandbox) -> tuple[float, float]:
    """Return by how many seconds a run went over its CPU limit, and over its wall limit."""
    limits = Limits(cpu_s=0.5, wall_s=30.0)
    spin = sandbox.run(StdinJob("while True: pass"), limits)
    assert spin.ending is Ending.CPU_LIMIT, spin
    limits = Limits(wall_s=0.5)
    sleep = sandbox.run(StdinJob("import time; time.sleep(100)"), limits)
    assert sleep.ending is Ending.WALL_LIMIT, sleep
    return spin.cpu_s - 0.5, sleep.wall_s - 0.5


def spread(seconds: list[float]) -> dict[str, object]:
    """Summarise times."""
    return {
        "seconds_median": round(statistics.median(seconds), 3),
        "seconds_max": round(max(seconds), 3),
        "repeats": len(seconds),
    }


def measure_memory(runs: int) -> None:
    """Resident memory of this process and of its fork-servers, as runs go by."""
    with open_sandbox("local", workers=2) as sandbox:
        warm(sandbox, 2)
        for index in range(11):
            if index:
                runs_per_s(lambda _: run_program(sandbox), workers=2, runs=runs // 20)
            servers = descendants(os.getpid())
            report(
                "memory",
                runs=index * (runs // 10),
                parent_mib=round(resident_bytes(os.getpid()) / (1 << 20), 1),
                servers_mib=round(sum(map(resident_bytes, servers)) / (1 << 20), 1),
                descriptors=len(os.listdir("/proc/self/fd")),
            )


def measure_leftovers(runs: int) -> None:
    """What is left after many runs and a close, and after ``kill -9`` of the process itself."""
    for outer in usable_layers():
        before = traces()
        with open_sandbox("local", workers=2, outer=outer) as sandbox:
            warm(sandbox, 2)
            started = identities(descendants(os.getpid()))
            runs_per_s(lambda _: run_program(sandbox), workers=2, runs=runs // 2)
        left = difference(before, traces()) | {"processes": len(started & all_identities())}
        report("left after a close", outer=outer, runs=runs, started=len(started), **left)
        before = traces()
        code = (
            "import os\n"
            "from llmenvs.verifiers.code import *\n"
            "from llmenvs.verifiers.code.outer import Outer\n"
            f"s = open_sandbox('local', outer=Outer({outer.value!r}))\n"
            "print(os.getpid(), flush=True)\n"
            "s.run(StdinJob('while True: pass'), Limits(cpu_s=100.0, wall_s=100.0))\n"
        )
        trainer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert trainer.stdout is not None
        assert trainer.stdout.readline()
        time.sleep(0.5)
        started = identities(descendants(trainer.pid))
        trainer.send_signal(signal.SIGKILL)
        trainer.wait()
        trainer.stdout.close()
        time.sleep(1.0)
        alive = all_identities(zombies=False)  # init alone can reap what has lost its parent
        left = difference(before, traces()) | {"processes": len(started & alive)}
        report("left after kill -9", outer=outer, started=len(started), **left)


def measure_docker(rounds: int, runs: int) -> None:
    """Containers beside fork-servers of our own without them, and starts of a container."""
    for workers in (1, 2):
        with (
            open_sandbox("docker", workers=workers) as containers,
            open_sandbox("local", workers=workers, outer=Outer.NOTHING) as bare,
        ):
            warm(containers, workers)
            warm(bare, workers)
            compare(
                "docker throughput",
                partial(run_ours, containers),
                partial(run_ours, bare),
                workers=workers,
                rounds=rounds,
                runs=runs,
                settings={"outer": "docker", "peer": "landlock, no container"},
            )
    starts = []
    for _ in range(rounds):
        start = time.perf_counter()
        open_sandbox("docker").close()
        starts.append(time.perf_counter() - start)
    report("start", outer="docker", preload=[], **spread(starts))


def measure_soak(runs: int, backend: list[str] | None) -> None:
    """Memory, descriptors and leftovers of each backend over many runs of all sorts."""
    for name in backend or usable_layers():
        report("soak", **soak(name, runs))


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Measure the sandbox.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, runs in (("throughput", 100), ("evalplus", 50), ("docker", 100)):
        command = commands.add_parser(name)
        command.add_argument("--rounds", type=int, default=9)
        command.add_argument("--runs", type=int, default=runs, help="per worker and round")
        if name == "evalplus":
            command.add_argument("--peer", required=True)
            command.add_argument("--parent-gib", type=float, default=0.0)
    commands.add_parser("times").add_argument("--repeats", type=int, default=10)
    commands.add_parser("memory").add_argument("--runs", type=int, default=100_000)
    commands.add_parser("leftovers").add_argument("--runs", type=int, default=10_000)
    command = commands.add_parser("soak")
    command.add_argument("--runs", type=int, default=100_000)
    command.add_argument("--backend", action="append", choices=[*Outer, "docker"])
    args = vars(parser.parse_args())
    measures: dict[str, Callable[..., Any]] = {
        "throughput": measure_throughput,
        "evalplus": measure_evalplus,
        "times": measure_times,
        "memory": measure_memory,
        "leftovers": measure_leftovers,
        "docker": measure_docker,
        "soak": measure_soak,
    }
    measures[args.pop("command")](**args)


if __name__ == "__main__":
    main()
