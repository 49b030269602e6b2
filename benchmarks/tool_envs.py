"""What a turn of the tool-calling environments costs, masks on, beside FrozenLake, in one run.

    python benchmarks/tool_envs.py [--rounds 5] [--out FILE]

The oracle plays the tasks of a set once; what it wrote is then played again and timed, `reset`
included, so that the policy's own time is left out. CPU time of one core is counted, and the best
round of each row, all rows taking turns. FrozenLake-v1 of Gymnasium is stepped by the same process
as the measure of the machine.
"""

import argparse
import importlib.util
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
from machine import keep

import llmenvs
from llmenvs import RolloutLimits, TextEnv, rollout
from llmenvs.envs.tool_call import ToolCallEnv
from llmenvs.envs.tool_call_tasks import BundledToolCalls
from llmenvs.envs.tool_use import ToolUseEnv
from llmenvs.worlds.requests import ProceduralRequests
from llmenvs.worlds.tau2_package import DOMAINS
from llmenvs.worlds.tau2_requests import Tau2Requests

BAR = 5_000
LAKE_STEPS = 20_000
ROLLOUT_LIMITS = RolloutLimits(max_new_tokens=8_192, max_episode_tokens=1 << 22)
Episode = tuple[str, list[str]]
"""A task's id and what the policy wrote, turn by turn."""


def recorded(env: TextEnv[Any], task_ids: list[str]) -> list[Episode]:
    """Return what the oracle writes in each task; it must solve every one."""
    oracle = env.scripted_policies()["oracle"]
    played = rollout(
        [env], oracle, seeds=range(len(task_ids)), task_ids=task_ids, limits=ROLLOUT_LIMITS
    )
    unsolved = [t.info["task_id"] for t in played if not t.info["verdict"].success]
    if unsolved:
        raise RuntimeError(f"the oracle did not solve {unsolved[:5]}")
    episodes = []
    for task_id, trajectory in zip(task_ids, played, strict=True):
        env.reset(options={"task_id": task_id})
        before = sum(m["role"] == "assistant" for m in env.transcript.messages)
        said = [m["content"] for m in trajectory.messages if m["role"] == "assistant"]
        episodes.append((task_id, said[before:]))
    return episodes


def turns_per_second(env: TextEnv[Any], episodes: list[Episode]) -> float:
    """Return turns for each second of CPU time, resets included."""
    turns = 0
    start = time.process_time()
    for task_id, actions in episodes:
        env.reset(options={"task_id": task_id})
        terminated = False
        for action in actions:
            _, _, terminated, _, _ = env.step(action)
            turns += 1
        if not terminated:
            raise RuntimeError(f"task {task_id!r} has not ended")
    return turns / (time.process_time() - start)


def lake_steps_per_second() -> float:
    """Return FrozenLake's steps for each second of CPU time, resets included."""
    env = gym.make("FrozenLake-v1")
    env.reset(seed=0)
    start = time.process_time()
    for index in range(LAKE_STEPS):
        _, _, terminated, truncated, _ = env.step(index * 7 % 4)
        if terminated or truncated:
            env.reset()
    return LAKE_STEPS / (time.process_time() - start)


def rows() -> dict[str, Callable[[], float]]:
    """Return what is measured, by name."""
    calls, requests = BundledToolCalls("train"), ProceduralRequests("train")
    call_ids = [task["task_id"] for task in calls]
    use_ids = list(requests.standard_ids())
    envs: dict[str, tuple[TextEnv[Any], list[str]]] = {
        "ToolCall-v0, exact": (ToolCallEnv(tasks=calls), call_ids),
        "ToolCall-v0, toolrl": (ToolCallEnv(tasks=calls, reward="toolrl"), call_ids),
        "ToolCall-v0, native": (ToolCallEnv(tasks=calls, protocol="native"), call_ids),
        "ToolUse-v0, all worlds": (ToolUseEnv(tasks=requests), use_ids),
        "ToolUse-v0, dense credit": (ToolUseEnv(tasks=requests, dense_credit=0.5), use_ids),
    }
    if importlib.util.find_spec("inspect_evals") and importlib.util.find_spec("inspect_ai"):
        for domain in DOMAINS:
            tasks = Tau2Requests(domain)
            envs[f"ToolUse-v0, tau2 {domain}"] = (ToolUseEnv(tasks=tasks), tasks.standard_ids())
    measured: dict[str, Callable[[], float]] = {"gymnasium FrozenLake-v1": lake_steps_per_second}
    for name, (env, ids) in envs.items():
        measured[name] = _timing(env, recorded(env, ids))
    return measured


def _timing(env: TextEnv[Any], episodes: list[Episode]) -> Callable[[], float]:
    return lambda: turns_per_second(env, episodes)


def main() -> None:
    """Measure, print a table, and write one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="append the result to this file of JSON lines")
    args = parser.parse_args()

    measured = rows()
    best = dict.fromkeys(measured, 0.0)
    for _ in range(args.rounds):
        for name, measure in measured.items():
            best[name] = max(best[name], measure())
    lake = best["gymnasium FrozenLake-v1"]
    for name, rate in best.items():
        print(f"{name:<28}{rate:>10,.0f} turns/s{rate / lake:>8.3f} x FrozenLake")
    result = {
        "benchmark": "tool_envs",
        "turns_per_s": {name: round(rate) for name, rate in best.items()},
        "ratio_to_frozen_lake": {name: round(rate / lake, 4) for name, rate in best.items()},
        "bar_turns_per_s": BAR,
        "rounds": args.rounds,
        "versions": {"llmenvs": llmenvs.__version__, "gymnasium": gym.__version__},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    keep(result, args.out)


if __name__ == "__main__":
    main()
