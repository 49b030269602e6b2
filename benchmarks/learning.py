"""Whether the algorithms learn: the optimum of a grid, and success in words against a control.

    python benchmarks/learning.py [--part tabular | text] [--algorithm ppo] [--out F] [--plot PNG]

``tabular``: REINFORCE and PPO with tabular features on the series' grid world, with slip and
without, ten seeds. The peer is value iteration: ``worst_gap`` is by how much the exact value of the
learned greedy policy falls short of the optimal value in the worst cell, ``start_gap`` in the
series' start. ``text``: PPO and GRPO with a tiny transformer on MathAnswer and on GridWorld in
words, three seeds, each with a control whose rewards are shuffled among the episodes; success is
the mean over the first and the last five iterations. One JSON object a run.
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learning_setups import TEXT_SETUPS, tabular_setup, tabular_trainer, text_trainer

import llmenvs
from llmenvs.agents.planning import policy_values, value_iteration
from llmenvs.agents.trainer import iterate

TABULAR_ITERATIONS = {"reinforce": 300, "ppo": 120}
TEXT_ITERATIONS = {"math_answer": 100, "grid_world": 160}


def main() -> None:
    """Train everything and print a row for each run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--part", choices=("tabular", "text"), action="append")
    parser.add_argument("--algorithm", choices=("reinforce", "ppo", "grpo"), action="append")
    parser.add_argument("--out", type=Path, help="append the results to this file of JSON lines")
    parser.add_argument("--plot", type=Path, help="draw the text part of --out into this file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for part in args.part or ([] if args.plot else ["tabular", "text"]):
        chosen = args.algorithm or ["reinforce", "ppo", "grpo"]
        for row in _tabular_rows(chosen) if part == "tabular" else _text_rows(chosen):
            print(json.dumps({k: v for k, v in row.items() if k != "success_curve"}), flush=True)
            if args.out is not None:
                with args.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({**row, **_machine()}) + "\n")
    if args.plot is not None:
        _plot(args.out, args.plot)


def _tabular_rows(algorithms: Sequence[str]) -> Iterator[dict[str, Any]]:
    for slip in (0.0, 0.2):
        for algorithm in sorted(set(algorithms) & set(TABULAR_ITERATIONS)):
            num_iterations = TABULAR_ITERATIONS[algorithm]
            for seed in range(10):
                start = time.monotonic()
                setup, model = tabular_setup(slip_probability=slip)
                for _ in iterate(tabular_trainer(algorithm, setup, seed=seed), num_iterations):
                    pass
                table = setup.envs[0].P
                optimal = value_iteration(table).v
                gaps = optimal - policy_values(table, model.greedy_moves())
                yield {
                    "benchmark": "learning_tabular",
                    "algorithm": algorithm,
                    "slip_probability": slip,
                    "seed": seed,
                    "iterations": num_iterations,
                    "worst_gap": round(float(gaps.max()), 3),
                    "start_gap": round(float(gaps[0]), 3),
                    "optimal_start_value": round(float(optimal[0]), 3),
                    "wall_s": round(time.monotonic() - start, 1),
                }


def _text_rows(algorithms: Sequence[str]) -> Iterator[dict[str, Any]]:
    for task, num_iterations in TEXT_ITERATIONS.items():
        for algorithm in sorted(set(algorithms) & {"ppo", "grpo"}):
            for seed in range(3):
                for control in (False, True):
                    start = time.monotonic()
                    setup = TEXT_SETUPS[task](seed=seed)
                    trainer = text_trainer(algorithm, setup, seed=seed, control=control)
                    curve = [i.metrics.success_mean for i in iterate(trainer, num_iterations)]
                    yield {
                        "benchmark": "learning_text",
                        "task": task,
                        "algorithm": algorithm,
                        "seed": seed,
                        "rewards": "shuffled" if control else "true",
                        "success_first": round(float(np.mean(curve[:5])), 3),
                        "success_last": round(float(np.mean(curve[-5:])), 3),
                        "success_curve": [round(success, 3) for success in curve],
                        "wall_s": round(time.monotonic() - start, 1),
                    }


def _machine() -> dict[str, Any]:
    versions = {"llmenvs": llmenvs.__version__, "torch": torch.__version__}
    return {"versions": versions, "device": "cpu, one thread", "machine": platform.machine()}


def _plot(results: Path, picture: Path) -> None:
    from matplotlib.figure import Figure

    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["benchmark"] == "learning_text"]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, len(TEXT_ITERATIONS), sharey=True)
    for task, axis in zip(TEXT_ITERATIONS, axes, strict=True):
        for algorithm, colour in (("ppo", "tab:blue"), ("grpo", "tab:orange")):
            for rewards, style in (("true", "-"), ("shuffled", ":")):
                key = (task, algorithm, rewards)
                curves = np.array(
                    [
                        row["success_curve"]
                        for row in rows
                        if (row["task"], row["algorithm"], row["rewards"]) == key
                    ]
                )
                label = f"{algorithm.upper()}, {rewards} rewards"
                axis.plot(curves.mean(0), style, color=colour, label=label)
                axis.fill_between(
                    range(curves.shape[1]), curves.min(0), curves.max(0), color=colour, alpha=0.15
                )
        axis.set_title(task)
        axis.set_xlabel("iteration (256 episodes each)")
        axis.set_ylim(0.0, 1.02)
    axes[0].set_ylabel("share of episodes solved")
    axes[0].legend(fontsize=8)
    figure.suptitle("Mean and range of three seeds")
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    main()
