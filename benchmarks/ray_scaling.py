"""Measure what Ray costs and how it scales: rows and turns, on one and on two processes.

    python benchmarks/ray_scaling.py --rows 200000 --dear-rows 400 --episodes 60

Prints one JSON object a line. Each way does the same work in the same run, in turns, and its result
is compared with that of this process. A pool of worker processes of one machine
(`llmenvs.verifiers.scoring.score_stream`) is the peer. Times are of a pass on a cluster that is up;
actors start within it, as the worker processes of the pool do. ``cheap`` rows cost next to nothing,
so that their time is the overhead; ``dear`` rows each keep a core busy for a while, so that their
time is the work. A reader estimates a cluster of N processes by
``rows * (work / N + overhead) + start``, as long as ``rows / overhead`` feeds them all.
"""

import argparse
import json
import logging
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium as gym
from machine import cpu_and_packages

from llmenvs import Trajectory, rollout
from llmenvs.engines.ray_cluster import ray_cluster
from llmenvs.engines.ray_scoring import score_on_ray
from llmenvs.policy import Policy
from llmenvs.verifiers.length import LengthVerifier
from llmenvs.verifiers.scoring import score_stream
from llmenvs.verifiers.verdict import Verdict, Verifier

Rows = Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class Busy:
    """A verifier that keeps a core busy for a while.

    Attributes:
        seconds: of CPU time.
    """

    seconds: float

    def __call__(self, completion: str, target: Any) -> Verdict:
        """Burn, then accept."""
        end = time.process_time() + self.seconds
        while time.process_time() < end:
            pass
        return Verdict.scored(1.0, success=True, reason="done")


def cheap_rows(count: int) -> Rows:
    """Completions of 100 to 399 characters."""
    return [("x" * (100 + i * 37 % 300), None) for i in range(count)]


def scoring(name: str, verifier: Verifier, rows: Rows, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield the figures of each way of scoring."""
    ways: dict[str, Callable[[], Iterable[Verdict]]] = {
        "in this process": partial(score_stream, verifier, rows, workers=0)
    }
    for workers in (1, 2):
        ways[f"pool of {workers}"] = partial(score_stream, verifier, rows, workers=workers)
        ways[f"ray, {workers}"] = partial(on_ray, verifier, rows, workers)
    expected = list(ways["in this process"]())
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    first: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, score in ways.items():
            start = time.perf_counter()
            verdicts = iter(score())
            got = [next(verdicts)]
            first[way].append(time.perf_counter() - start)
            got += verdicts
            seconds[way].append(time.perf_counter() - start)
            assert got == expected, way
    for way, times in seconds.items():
        to_first = statistics.median(first[way])
        after = statistics.median(a - b for a, b in zip(times, first[way], strict=True))
        yield {
            "benchmark": f"scoring, {name} rows",
            "way": way,
            "rows": len(rows),
            "repeats": repeats,
            "seconds_to_first_row": round(to_first, 3),
            "seconds_after_it": round(after, 3),
            "seconds_after_it_min_max": spread(
                [a - b for a, b in zip(times, first[way], strict=True)]
            ),
            "us_per_row": round(1e6 * after / len(rows), 2),
        }


def on_ray(verifier: Verifier, rows: Rows, workers: int) -> Iterator[Verdict]:
    """Score on the cluster that is up."""
    return score_on_ray(verifier, rows, workers=workers)


def playing(num_episodes: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield the figures of a rollout here and there."""
    envs: list[gym.Env[str, str]] = [
        gym.make("llmenvs/GridWorld-v0", random_start=True) for _ in range(8)
    ]
    policy: Policy = envs[0].unwrapped.scripted_policies()["random"]  # type: ignore[attr-defined]
    seeds = list(range(num_episodes))
    ways: dict[str, Callable[[], list[Trajectory]]] = {
        "in this process": partial(rollout, envs, policy, seeds=seeds),
        "ray": partial(rollout, envs, policy, seeds=seeds, engine="ray"),
    }
    expected = [t.to_dict() for t in ways["in this process"]()]
    num_turns = sum(len(t["turn_rewards"]) for t in expected)
    for way, play in ways.items():
        times = []
        for _ in range(repeats):
            ended: list[float] = []
            note = partial(_note, ended)
            assert [t.to_dict() for t in play(on_episode=note)] == expected, way  # type: ignore[call-arg]
            times.append(ended[-1] - ended[0])  # the actors have started by then
        yield {
            "benchmark": "rollout",
            "way": way,
            "episodes": num_episodes,
            "turns": num_turns,
            "environments": len(envs),
            "repeats": repeats,
            "seconds_after_first_episode": round(statistics.median(times), 3),
            "seconds_after_first_episode_min_max": spread(times),
            "us_per_turn": round(1e6 * statistics.median(times) / num_turns, 1),
        }


def _note(ended: list[float], runs: list[Trajectory]) -> None:
    ended.append(time.perf_counter())


def spread(times: Sequence[float]) -> list[float]:
    """Return the least and the most."""
    return [round(min(times), 3), round(max(times), 3)]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dear-rows", type=int, default=400)
    parser.add_argument("--dear-ms", type=float, default=20.0)
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    machine = cpu_and_packages(["llmenvs", "ray"])
    start = time.perf_counter()
    with ray_cluster(num_cpus=2):
        row: dict[str, Any] = {"benchmark": "start", "way": "ray, a local cluster of 2"}
        print(json.dumps({**row, "seconds": round(time.perf_counter() - start, 1), **machine}))
        length = LengthVerifier(max_length=200, margin=200)
        busy = Busy(args.dear_ms / 1000)
        for row in scoring("cheap", length, cheap_rows(args.rows), args.repeats):
            print(json.dumps({**row, **machine}), flush=True)
        for row in scoring("dear", busy, [("x", None)] * args.dear_rows, args.repeats):
            print(json.dumps({**row, "ms_of_cpu": args.dear_ms, **machine}), flush=True)
        for row in playing(args.episodes, args.repeats):
            print(json.dumps({**row, **machine}), flush=True)


if __name__ == "__main__":
    main()
