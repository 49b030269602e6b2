"""What a MathAnswer episode costs besides the verifier, and what drawing its problem costs.

    python benchmarks/math_episode.py [--episodes 20000] [--out FILE]

The same loop runs with a verifier that answers at once, so that what is left is the environment:
drawing the problem, rendering, masks, infos. CPU time is counted. The verifier's own time stands
beside it, and Gymnasium's FrozenLake reset and step for scale, in the same run.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from machine import keep

import llmenvs
from llmenvs.envs import ProceduralMath
from llmenvs.verifiers import Verdict
from llmenvs.verifiers.math import MathVerifier

_AT_ONCE = Verdict.scored(1.0, success=True)


def at_once(completion: str, target: str) -> Verdict:
    """Answer without looking."""
    return _AT_ONCE


def cpu_us(action: Callable[[int], object], count: int) -> float:
    """Return microseconds of CPU time for each call."""
    start = time.process_time()
    for index in range(count):
        action(index)
    return (time.process_time() - start) / count * 1e6


def episode(env: gym.Env[Any, Any], action: Any) -> Callable[[int], object]:
    """Return a function that plays one episode of one step."""

    def play(index: int) -> object:
        env.reset(seed=index)
        return env.step(action)

    return play


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--episodes", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="append the result to this file of JSON lines")
    args = parser.parse_args()

    source, rng, verifier = ProceduralMath(), np.random.default_rng(0), MathVerifier()
    fast = gym.make("llmenvs/MathAnswer-v0", verifier=at_once)
    whole = gym.make("llmenvs/MathAnswer-v0")
    completion = "3 + 4 = 7, so the answer is \\boxed{7}."
    verifier(completion, "7")
    rows = {
        "episode besides the verifier": episode(fast, completion),
        "of which drawing the problem": lambda index: source.sample(rng),
        "episode with the verifier": episode(whole, completion),
        "the verifier alone": lambda index: verifier(completion, str(index)),
        "FrozenLake-v1, reset and one step": episode(gym.make("FrozenLake-v1"), 1),
    }
    medians = {
        name: statistics.median(cpu_us(row, args.episodes) for _ in range(args.repeats))
        for name, row in rows.items()
    }
    for name, value in medians.items():
        print(f"{name:<36}{value:>8.1f} µs")
    result = {
        "benchmark": "math_episode",
        "cpu_us": {name: round(value, 1) for name, value in medians.items()},
        "episodes": args.episodes,
        "repeats": args.repeats,
        "versions": {"llmenvs": llmenvs.__version__, "gymnasium": gym.__version__},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    keep(result, args.out)


if __name__ == "__main__":
    main()
