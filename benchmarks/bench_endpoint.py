"""How near `llmenvs bench` comes to the most that a slow endpoint can give.

A stub endpoint in a process of its own answers each request after a fixed latency. With N requests
open at once the ideal is N / latency; what is measured is requests a second through the whole of
`Bench` (environments, rollout, records on disk, summary), and the same from a bare loop of aiohttp.
A run of few waves also shows what it costs to begin (environments, connections) and to end (the
summary); one of many waves shows what is sustained.
On a machine that others use, read what the bare loop reaches, and the time waited for a core, too.

    python benchmarks/bench_endpoint.py
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from machine import system

from llmenvs.bench.config import BenchConfig, EnvPlan
from llmenvs.bench.endpoint_config import EndpointConfig
from llmenvs.bench.run import Bench

STUB = Path(__file__).parent.parent / "tests" / "llmenvs" / "bench" / "openai_stub.py"
ENV = "llmenvs/MathAnswer-v0"


@dataclass(frozen=True, slots=True)
class Load:
    """One measurement: so many episodes of one turn, so many at once, of this latency."""

    concurrency: int
    latency_s: float
    episodes: int

    @property
    def ideal_s(self) -> float:
        """Seconds that the waves of requests take at least."""
        return -(-self.episodes // self.concurrency) * self.latency_s


class Spent(NamedTuple):
    """Seconds: of the clock, of a core, and of waiting for a core."""

    wall_s: float
    cpu_s: float
    waited_s: float


LOADS = (Load(64, 0.1, 64 * 50), Load(1_000, 2.0, 1_000 * 5), Load(1_000, 2.0, 1_000 * 20))


def main() -> None:
    """Measure all loads and append a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "bench_endpoint.jsonl"
    )
    args = parser.parse_args()
    with args.out.open("w", encoding="utf-8") as file:
        for load in LOADS:
            others = round(os.getloadavg()[0], 1)  # before it starts; 0 on a machine of its own
            row = {**measure(load), "load_before": others, "machine": system()}
            file.write(json.dumps(row) + "\n")
            print(json.dumps(row))


def measure(load: Load) -> dict[str, Any]:
    """Return the throughput of one load, ours and the peer's."""
    script = [{"kind": "ok", "content": "The answer is \\boxed{7}.", "latency_s": load.latency_s}]
    words = [sys.executable, str(STUB), "--script", json.dumps(script)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as stub:
        try:
            assert stub.stdout is not None
            url = f"http://127.0.0.1:{int(stub.stdout.readline())}/v1"
            asyncio.run(bare_loop(f"{url}/chat/completions", load, episodes=64))  # wakes both up
            peer_s = asyncio.run(bare_loop(f"{url}/chat/completions", load, load.episodes))
            spent, summary = ours(url, load)
        finally:
            stub.terminate()
    return {
        "concurrency": load.concurrency,
        "latency_s": load.latency_s,
        "episodes": load.episodes,
        "valid": round(summary["valid_share"] * summary["episodes"]),
        "lost": load.episodes - round(summary["valid_share"] * summary["episodes"]),
        "retries": summary["retries"],
        "ideal_s": load.ideal_s,
        "ours_s": round(spent.wall_s, 3),
        "ours_cpu_ms_per_episode": round(1e3 * spent.cpu_s / load.episodes, 3),
        "ours_waited_for_a_core_s": round(spent.waited_s, 3),
        "share_of_ideal": round(load.ideal_s / spent.wall_s, 3),
        "share_of_aiohttp": round(peer_s / spent.wall_s, 3),
        "aiohttp_loop_s": round(peer_s, 3),
        "aiohttp_share_of_ideal": round(load.ideal_s / peer_s, 3),
    }


def ours(url: str, load: Load) -> tuple[Spent, dict[str, Any]]:
    """Return what playing took, and the summary."""
    config = BenchConfig(
        [EnvPlan(ENV, episodes=load.episodes)],
        "openai",
        concurrency=load.concurrency,
        endpoint=EndpointConfig(url, "stub"),
    )
    with tempfile.TemporaryDirectory() as folder, Bench(config, Path(folder)).opened() as bench:
        begin, cpu, waited = time.perf_counter(), time.process_time(), waited_s()
        summary = bench.run(lambda record: None)
        spent = Spent(time.perf_counter() - begin, time.process_time() - cpu, waited_s() - waited)
        return spent, summary


def waited_s() -> float:
    """Return how long this thread has been ready to run while others had the cores."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


async def bare_loop(url: str, load: Load, episodes: int) -> float:
    """Return the seconds that aiohttp alone takes for as many requests."""
    body = {"model": "stub", "messages": [{"role": "user", "content": "1+1?"}]}
    left = iter(range(episodes))

    async def work(session: aiohttp.ClientSession) -> None:
        for _ in left:
            async with session.post(url, json=body) as response:
                await response.json()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        begin = time.perf_counter()
        await asyncio.gather(*(work(session) for _ in range(load.concurrency)))
        return time.perf_counter() - begin


if __name__ == "__main__":
    main()
