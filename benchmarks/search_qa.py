"""What SearchQA costs besides the search, what sharing calls saves, and what an outage does.

    python benchmarks/search_qa.py [--episodes 200] [--out FILE]

1. Overhead: CPU time of a turn at bytes with a retriever that answers at once with the same three
   passages of the bundled corpus, beside a step of Gymnasium's FrozenLake in the same run.
2. Batching: the oracle plays test questions against a server in another process. Once the episodes
   share a retriever, so that a rollout asks once for all that wait; once each environment has its
   own, so that each search is a call. The same with BM25 in this process.
3. Outage: the server is killed in the middle of the episodes and started again two seconds later,
   and once not started again. An episode is lost if it is not returned, and scored falsely if it is
   valid without being what it is without an outage.
"""

import argparse
import json
import logging
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
from machine import keep

import llmenvs
from llmenvs import Completion, Policy, Prompt, Trajectory, rollout
from llmenvs.data.search_qa import load_corpus
from llmenvs.envs import BundledQuestions, SearchQAEnv
from llmenvs.retrievers import BM25Retriever, Hit, HTTPRetriever, Retriever

SEARCH = "<think>Which city is it?</think>\n<search>capital of the country</search>"
SECONDS_AWAY = 2.0


class AtOnce:
    """Answers every query with the same passages."""

    def __init__(self, hits: list[Hit]) -> None:
        self._hits = hits

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Return the same hits for each query."""
        return [self._hits[:k] for _ in queries]


class OwnRetriever:
    """Another object for the same retriever: searches of two of them are never one call."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self.num_calls = 0

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Pass the call on."""
        self.num_calls += 1
        return self._retriever.search(queries, k)


class Server:
    """`llmenvs index serve` in a process of its own, on one port however often it is started."""

    def __init__(self, index: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        command = [sys.executable, "-m", "llmenvs.cli", "index", "serve", str(index)]
        self._command = [*command, "--port", str(self.port)]
        self.url = f"http://127.0.0.1:{self.port}/retrieve"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        with HTTPRetriever(self.url) as client:
            client.search(["ready"], 1)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


class Interrupting:
    """A policy that calls ``interrupt`` before its third batch, in the middle of the episodes."""

    def __init__(self, policy: Policy, interrupt: Callable[[], None]) -> None:
        self._policy = policy
        self._interrupt = interrupt
        self._num_batches = 0

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer as the policy does."""
        self._num_batches += 1
        if self._num_batches == 3:
            self._interrupt()
        return self._policy.act(prompts)


def cpu_us(action: Callable[[], object], count: int) -> float:
    """Return microseconds of CPU time for each call."""
    start = time.process_time()
    for _ in range(count):
        action()
    return (time.process_time() - start) / count * 1e6


def overhead(count: int, repeats: int) -> dict[str, float]:
    """Return the median cost of each kind of turn, and of FrozenLake's step, in microseconds."""
    hits = BM25Retriever.from_passages(load_corpus()).search(["capital of a country"], 3)[0]
    env: Any = gym.make("llmenvs/SearchQA-v0", split="test", retriever=AtOnce(hits), max_turns=9)
    lake: Any = gym.make("FrozenLake-v1")
    answer = "<think>It is this one.</think>\n<answer>Lima</answer>"

    def episode(action: str, turns: int) -> Callable[[], object]:
        def play() -> None:
            env.reset(seed=0)
            for _ in range(turns):
                env.step(action)

        return play

    def lake_step() -> None:
        _, _, terminated, truncated, _ = lake.step(0)
        if terminated or truncated:
            lake.reset()

    lake.reset(seed=0)
    reset = episode(SEARCH, 0)
    runs = []
    for _ in range(repeats):
        base = cpu_us(reset, count)
        eight_searches = cpu_us(episode(SEARCH, 8), count // 8)
        runs.append(
            {
                "a turn that searches": (eight_searches - base) / 8,
                "a turn whose action is invalid": (cpu_us(episode("hm", 8), count // 8) - base) / 8,
                "the turn that answers": cpu_us(episode(answer, 1), count) - base,
                "reset": base,
                "FrozenLake-v1, a step": cpu_us(lake_step, count),
            }
        )
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def play(
    retrievers: Sequence[Retriever], num_episodes: int, wrap: Callable[[Policy], Policy]
) -> tuple[list[Trajectory], float]:
    """Return the episodes of test questions of every kind under the oracle, and their seconds."""
    envs = [SearchQAEnv(split="test", retriever=retriever) for retriever in retrievers]
    oracle = wrap(envs[0].scripted_policies()["oracle"])
    tasks = list(BundledQuestions("test"))  # by kind, so that every so many is of every kind
    task_ids = [tasks[i * len(tasks) // num_episodes]["task_id"] for i in range(num_episodes)]
    start = time.perf_counter()
    trajectories = rollout(envs, oracle, seeds=[0] * len(task_ids), task_ids=task_ids)
    return trajectories, time.perf_counter() - start


def batching(retriever: Retriever, num_episodes: int) -> dict[str, float]:
    """Return the seconds and calls of both ways, and how many times faster sharing is."""
    shared = OwnRetriever(retriever)
    own = [OwnRetriever(retriever) for _ in range(num_episodes)]
    together, shared_s = play([shared] * num_episodes, num_episodes, lambda policy: policy)
    alone, own_s = play(own, num_episodes, lambda policy: policy)
    assert [t.messages for t in together] == [t.messages for t in alone]
    return {
        "shared_s": round(shared_s, 3),
        "each_alone_s": round(own_s, 3),
        "ratio": round(own_s / shared_s, 2),
        "shared_calls": shared.num_calls,
        "calls_alone": sum(retriever.num_calls for retriever in own),
    }


def outage(index: Path, num_episodes: int, *, restart: bool) -> dict[str, Any]:
    """Kill the server in the middle of the episodes and count what became of them."""
    server = Server(index)
    away: list[threading.Thread] = []

    def interrupt() -> None:
        server.kill()
        if restart:
            away.append(threading.Timer(SECONDS_AWAY, server.start))
            away[0].start()

    with HTTPRetriever(server.url, retry_for_s=60.0 if restart else 0.5) as retriever:
        expected, _ = play([retriever] * num_episodes, num_episodes, lambda policy: policy)
        played, seconds = play(
            [retriever] * num_episodes, num_episodes, lambda policy: Interrupting(policy, interrupt)
        )
    for thread in away:
        thread.join()
    server.kill()
    pairs = list(zip(played, expected, strict=True))
    return {
        "episodes": len(played),
        "lost": num_episodes - len(played),
        "valid": sum(t.valid for t in played),
        "scored_falsely": sum(t.valid and t.messages != e.messages for t, e in pairs),
        "invalid_with_a_reward": sum(not t.valid and t.total_reward != 0.0 for t in played),
        "valid_and_solved": sum(t.valid and t.info["verdict"].success for t in played),
        "seconds": round(seconds, 2),
    }


def main() -> None:
    """Measure, print, and write one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--turns", type=int, default=8_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="append the result to this file of JSON lines")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # an outage is expected here

    costs = overhead(args.turns, args.repeats)
    for name, cost in costs.items():
        print(f"{name:<34}{cost:>8.1f} µs")
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        local = BM25Retriever.from_passages(load_corpus())
        local.save(index)
        server = Server(index)
        with HTTPRetriever(server.url) as remote:
            shared = {
                "server": batching(remote, args.episodes),
                "in process": batching(local, args.episodes),
            }
        server.kill()
        outages = {
            "restarted": outage(index, args.episodes, restart=True),
            "not restarted": outage(index, args.episodes, restart=False),
        }
    for name, row in {**shared, **outages}.items():
        print(f"{name}: {json.dumps(row)}")
    result = {
        "benchmark": "search_qa",
        "cpu_us": {name: round(cost, 1) for name, cost in costs.items()},
        "ratio_to_frozen_lake": round(
            costs["a turn that searches"] / costs["FrozenLake-v1, a step"], 1
        ),
        "batching": shared,
        "outage": outages,
        "episodes": args.episodes,
        "repeats": args.repeats,
        "versions": {"llmenvs": llmenvs.__version__, "gymnasium": gym.__version__},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    keep(result, args.out)


if __name__ == "__main__":
    main()
