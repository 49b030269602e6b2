"""What a step costs: the text grid world, masks on, beside FrozenLake and GEM's games, in one run.

    python benchmarks/step_overhead.py [--steps 20000] [--repeats 5] [--out FILE]

Every environment is stepped by the same loop with random actions, `reset` at each end included, and
CPU time is counted. GEM (gem-llm 0.1.0) runs in an environment of its own, made under ``build/`` on
the first run. GEM's bare games emit neither tokens nor masks; a policy plays them through its
``concat_with_action`` wrapper, which joins the whole history into every observation, and has to
encode it. The table shows both. The last rows show what a turn costs when the transcript is long.
"""

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
from machine import keep

import llmenvs

ROOT = Path(__file__).parent.parent
PEER = ROOT / "build" / "peers" / "gem"
MOVES = [f"<action>{move}</action>" for move in ("up", "down", "left", "right")]
LONG = 200
WINDOW = 20

# Run in GEM's environment, which has neither this package nor Gymnasium's environments.
GEM_PROGRAM = """
import json, random, sys, time
import gem
from gem.wrappers.observation_wrapper import ObservationWrapper

steps, window, long = (int(x) for x in sys.argv[1:4])
moves = [r"\\boxed{%s}" % move for move in ("up", "down", "left", "right")]
rng = random.Random(0)

def rate(name, actions, wrapped=False, count=steps):
    env = gem.make(name)
    if wrapped:
        env = ObservationWrapper(env, include_action=True, include_chat_template=False)
    env.reset(seed=0)
    start = time.process_time()
    for i in range(count):
        observation, _, terminated, truncated, _ = env.step(actions[i % len(actions)])
        if wrapped:
            list(observation.encode())
        if terminated or truncated:
            env.reset()
    return count / (time.process_time() - start)

walk = [rng.choice(moves) for _ in range(1000)]
guesses = [r"\\boxed{%d}" % rng.randint(1, 50) for _ in range(1000)]
guess, puzzle = "game:GuessTheNumber-v0-hard", "game:FifteenPuzzle-v0-easy"
rates = {
    "gem GuessTheNumber-v0-hard": rate(guess, guesses),
    "gem GuessTheNumber-v0-hard, history, bytes": rate(guess, guesses, True),
    "gem FifteenPuzzle-v0-easy": rate(puzzle, walk),
    "gem FifteenPuzzle-v0-easy, history, bytes": rate(puzzle, walk, True),
    "gem Sokoban-v0-easy": rate("game:Sokoban-v0-easy", walk, False, steps // 10),
}
env = gem.make("game:FifteenPuzzle-v0-easy", max_turns=long + 1)
env = ObservationWrapper(env, include_action=True, include_chat_template=False)
costs = [[] for _ in range(long)]
for _ in range(20):
    env.reset(seed=0)
    for turn in range(long):
        start = time.perf_counter()
        observation, _, terminated, truncated, _ = env.step(walk[turn])
        list(observation.encode())
        costs[turn].append(time.perf_counter() - start)
        if terminated or truncated:
            break
print(json.dumps({"rates": rates, "costs": [min(c) if c else None for c in costs]}))
"""


def steps_per_second(env: gym.Env[Any, Any], actions: Sequence[Any], num_steps: int) -> float:
    """Return steps for each second of CPU time, resets included."""
    env.reset(seed=0)
    start = time.process_time()
    for index in range(num_steps):
        _, _, terminated, truncated, _ = env.step(actions[index % len(actions)])
        if terminated or truncated:
            env.reset()
    return num_steps / (time.process_time() - start)


def turn_costs(num_turns: int, *, num_episodes: int = 20) -> list[float]:
    """Return the least seconds that each turn of an episode took."""
    env = gym.make("llmenvs/GridWorld-v0", max_turns=num_turns + 1)
    costs: list[list[float]] = [[] for _ in range(num_turns)]
    for _ in range(num_episodes):
        env.reset(seed=0)
        for turn in range(num_turns):
            action = MOVES[2 * (turn % 2)]  # up, left, up, left: along a wall, and no end
            if turn > 1:
                action = MOVES[2]
            start = time.perf_counter()
            env.step(action)
            costs[turn].append(time.perf_counter() - start)
    return [min(cost) for cost in costs]


def gem_python() -> Path:
    """Return the interpreter of GEM's environment, made on the first call."""
    python = PEER / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "gem-llm==0.1.0", "numpy"], check=True
        )
    return python


def measure_gem(num_steps: int) -> dict[str, Any]:
    """Run GEM's games once."""
    arguments = [str(number) for number in (num_steps, WINDOW, LONG)]
    output = subprocess.run(
        [gem_python(), "-c", GEM_PROGRAM, *arguments], check=True, capture_output=True, text=True
    ).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def medians(measure: Callable[[], dict[str, float]], repeats: int) -> dict[str, float]:
    """Return the median of each figure over ``repeats`` runs."""
    runs = [measure() for _ in range(repeats)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main() -> None:
    """Measure, print a table, and write one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="append the result to this file of JSON lines")
    args = parser.parse_args()

    rng = random.Random(0)  # noqa: S311 (actions)
    walk = [rng.choice(MOVES) for _ in range(1000)]
    lake, grid = gym.make("FrozenLake-v1"), gym.make("llmenvs/GridWorld-v0")
    lake_actions = [rng.randrange(4) for _ in range(1000)]

    def ours() -> dict[str, float]:
        return {
            "gymnasium FrozenLake-v1": steps_per_second(lake, lake_actions, args.steps),
            "llmenvs GridWorld-v0, masks, bytes": steps_per_second(grid, walk, args.steps),
        }

    gem = measure_gem(args.steps)
    rates = medians(ours, args.repeats) | gem["rates"]
    base = rates["gymnasium FrozenLake-v1"]
    for name, rate in rates.items():
        print(f"{name:<46}{rate:>10,.0f} steps/s{rate / base:>8.2f} x FrozenLake")

    growth = {"llmenvs": growth_of(turn_costs(LONG)), "gem, history": growth_of(gem["costs"])}
    for name, (early, late) in growth.items():
        print(
            f"{name:<14} a turn costs {early * 1e6:6.1f} µs at turns 2 to {WINDOW}, "
            f"{late * 1e6:6.1f} µs at the last {WINDOW} of {LONG}: {late / early:.2f} x"
        )
    result = {
        "benchmark": "step_overhead",
        "steps_per_s": {name: round(rate) for name, rate in rates.items()},
        "ratio_to_frozen_lake": round(rates["llmenvs GridWorld-v0, masks, bytes"] / base, 3),
        "turn_cost_growth": {
            name: round(late / early, 2) for name, (early, late) in growth.items()
        },
        "steps": args.steps,
        "repeats": args.repeats,
        "versions": {"llmenvs": llmenvs.__version__, "gymnasium": gym.__version__, "gem": "0.1.0"},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    keep(result, args.out)


def growth_of(costs: Sequence[float | None]) -> tuple[float, float]:
    """Return the median cost of the early turns and of the last ones, in seconds."""
    known = [cost for cost in costs if cost is not None]
    return statistics.median(known[1:WINDOW]), statistics.median(known[-WINDOW:])


if __name__ == "__main__":
    main()
