"""Measure scoring: rows a second against the standard library, and memory at a million rows.

    python benchmarks/scoring.py throughput --rows 200000
    python benchmarks/scoring.py memory --rows 1000000

Prints one JSON object a line. ``throughput`` maps the same verifier over the same rows with
`llmenvs.verifiers.scoring.score_many`, `multiprocessing.Pool.map` and
`concurrent.futures.ProcessPoolExecutor.map`, in turns, with as many processes each, start and end
of the processes included; verdicts are compared. The peers get the chunk size that suits them best
of a few. They isolate nothing: one row that raises ends their whole map, one that hangs never ends.
``memory`` runs `llmenvs score` on files of a tenth of the rows and of all, and samples the largest
resident set of the command and of its workers from /proc (Linux).
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from machine import system

from llmenvs.verifiers.judge import judge
from llmenvs.verifiers.length import LengthVerifier
from llmenvs.verifiers.scoring import score_many
from llmenvs.verifiers.verdict import Verdict

VERIFIER = LengthVerifier(max_length=300, margin=300)
Rows = Sequence[tuple[str, None]]


def make_rows(num_rows: int, *, seed: int = 0) -> list[tuple[str, None]]:
    """Completions of 0 to 600 characters."""
    lengths = np.random.default_rng(seed).integers(0, 600, size=num_rows)
    return [("x" * int(length), None) for length in lengths]


def score_row(row: tuple[str, None]) -> Verdict:
    """What the peers map."""
    return judge(VERIFIER, *row)


def with_llmenvs(rows: Rows, *, workers: int) -> list[Verdict]:
    """Score in our worker processes."""
    return score_many(VERIFIER, [row[0] for row in rows], [None] * len(rows), workers=workers)


def with_pool(rows: Rows, *, workers: int, method: str, chunk: int) -> list[Verdict]:
    """Score in a `multiprocessing.Pool`."""
    with multiprocessing.get_context(method).Pool(workers) as pool:
        return pool.map(score_row, rows, chunksize=chunk)


def with_executor(rows: Rows, *, workers: int, chunk: int) -> list[Verdict]:
    """Score in a `ProcessPoolExecutor`, which starts its processes as multiprocessing does."""
    with concurrent.futures.ProcessPoolExecutor(workers) as executor:
        return list(executor.map(score_row, rows, chunksize=chunk))


def measure_throughput(num_rows: int, workers: int, repeats: int) -> None:
    """Time each way ``repeats`` times in turns, and print a row for each."""
    rows = make_rows(num_rows)
    chunks = (64, 1024)
    ways: dict[str, Callable[[], list[Verdict]]] = {
        "llmenvs score_many": partial(with_llmenvs, rows, workers=workers),
        "in this process": partial(with_llmenvs, rows, workers=0),
    }
    for chunk in chunks:
        ways[f"multiprocessing.Pool.map fork, chunksize {chunk}"] = partial(
            with_pool, rows, workers=workers, method="fork", chunk=chunk
        )
        ways[f"multiprocessing.Pool.map spawn, chunksize {chunk}"] = partial(
            with_pool, rows, workers=workers, method="spawn", chunk=chunk
        )
        ways[f"ProcessPoolExecutor.map, chunksize {chunk}"] = partial(
            with_executor, rows, workers=workers, chunk=chunk
        )
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    expected = ways["in this process"]()
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            verdicts = way()
            seconds[name].append(time.perf_counter() - start)
            assert verdicts == expected
    ours = statistics.median(seconds["llmenvs score_many"])
    for name, times in seconds.items():
        median = statistics.median(times)
        row = {
            "benchmark": "throughput",
            "way": name,
            "rows": num_rows,
            "workers": 0 if name == "in this process" else workers,
            "repeats": repeats,
            "seconds_median": round(median, 3),
            "seconds_min_max": [round(min(times), 3), round(max(times), 3)],
            "us_per_row": round(1e6 * median / num_rows, 2),
            "rows_per_s_relative_to_this_way": round(median / ours, 2),
            "seed": 0,
        }
        print(json.dumps({**row, **system()}), flush=True)


def measure_memory(num_rows: int, workers: int) -> None:
    """Run the command on two sizes and print the peaks of each."""
    with tempfile.TemporaryDirectory() as folder:
        for size in (num_rows // 10, num_rows):
            source = Path(folder, "in.jsonl")
            with source.open("w") as file:
                for start in range(0, size, 10_000):
                    for completion, _ in make_rows(min(10_000, size - start), seed=start):
                        file.write(json.dumps({"completion": completion}) + "\n")
            target = Path(folder, f"scored{size}.jsonl")
            command = [sys.executable, "-m", "llmenvs.cli", "score", "--verifier", "length"]
            command += ["--option", "max_length=300", "--option", "margin=300"]
            command += ["--input", str(source), "--output", str(target)]
            start_s = time.perf_counter()
            with subprocess.Popen(
                [*command, "--workers", str(workers)], stdout=subprocess.DEVNULL
            ) as process:
                own, children = sample_peaks(process)
            seconds = time.perf_counter() - start_s
            assert process.returncode == 0
            with target.open("rb") as scored:
                assert sum(1 for _ in scored) == size
            row = {
                "benchmark": "memory",
                "rows": size,
                "workers": workers,
                "input_mib": round(source.stat().st_size / 2**20),
                "peak_rss_mib_command": round(own / 1024),
                "peak_rss_mib_largest_worker": round(children / 1024),
                "seconds": round(seconds, 1),
                "rows_per_s": round(size / seconds),
            }
            print(json.dumps({**row, **system()}), flush=True)


def sample_peaks(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Return the largest VmHWM in KiB of a process, and of any of its children, until it ends."""
    own = children = 0
    while process.poll() is None:
        own = max(own, peak_kib(process.pid))
        task = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        pids = task.read_text().split() if task.exists() else []
        children = max([children, *(peak_kib(int(pid)) for pid in pids)])
        time.sleep(0.05)
    return own, children


def peak_kib(pid: int) -> int:
    """Return the largest resident set so far of a process, 0 of one that is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line), 0)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["throughput", "memory"])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    if args.what == "throughput":
        measure_throughput(args.rows, args.workers, args.repeats)
    else:
        measure_memory(args.rows, args.workers)


if __name__ == "__main__":
    main()
