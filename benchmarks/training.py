"""GRPO's end-to-end speed beside TRL's `GRPOTrainer`: one model, task, machine and run.

    python benchmarks/training.py [--repeats 3] [--out FILE] [-- TRL_BASELINE_ARGUMENTS]

`../shared/baselines/trl_baseline.py` makes the model, the tokenizer and the questions, writes them,
and trains with TRL. Ours then loads the same files in a process of its own, with the same groups,
lengths, learning rate and number of samples, one torch thread each. The two take turns. A sample
is one completion; the time is that of training, imports and loading left out. On a machine that is
busy with other work, read the ratio of CPU time. Peak memory is that of the process. Arguments
after ``--`` are for the baseline: ``-- --task copy --steps 60``.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import keep

ROOT = Path(__file__).parent.parent
BASELINE = ROOT / ".." / "shared" / "baselines" / "trl_baseline.py"
WINDOW = 10  # iterations at the end that the reward is the mean of, as the baseline logs it


def train_ours(folder: Path) -> dict[str, Any]:
    """Train on what the baseline wrote to ``folder``; returns the figures."""
    import torch
    from training_task import DigitEnv

    from llmenvs import RolloutLimits, TaskSet
    from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer
    from llmenvs.agents.model_files import load_policy

    torch.set_num_threads(1)
    run = json.loads((folder / "config_run.json").read_text())
    policy = load_policy(str(folder))
    rows = (folder / "data.jsonl").read_text().splitlines()
    tasks = TaskSet([json.loads(row) for row in rows])
    num_samples = run["prompts"] * run["group"]
    envs = [DigitEnv(tasks=tasks, tokenizer=policy.tokenizer) for _ in range(num_samples)]
    config = GRPOConfig(
        num_groups=run["prompts"],
        group_size=run["group"],
        learning_rate=run["lr"],
        num_epochs=run["iters"],
        minibatch_size=num_samples,
        kl_coefficient=run["beta"],
        limits=RolloutLimits(max_new_tokens=run["max_new"]),
    )
    trainer = GRPOTrainer(envs, policy, config, seed=run["seed"])
    rewards, tokens = [], 0
    started, started_cpu = time.perf_counter(), time.process_time()
    for _ in range(run["steps"]):
        iteration = trainer.step()
        rewards.append(iteration.metrics.reward_mean)
        tokens += iteration.metrics.generated_tokens
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
    return {
        "samples": num_samples * run["steps"],
        "train_wall_s": round(wall_s, 2),
        "train_cpu_s": round(cpu_s, 2),
        "reward_first": round(statistics.mean(rewards[:WINDOW]), 4),
        "reward_last": round(statistics.mean(rewards[-WINDOW:]), 4),
        "gen_tokens": tokens,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def run_child(words: list[str]) -> dict[str, Any]:
    """Run a program with one thread and return the JSON object behind its last ``SUMMARY``."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    output = subprocess.run(
        [sys.executable, *words], env=environment, check=True, capture_output=True, text=True
    ).stdout
    lines = [line for line in output.splitlines() if line.startswith("SUMMARY ")]
    summary: dict[str, Any] = json.loads(lines[-1].removeprefix("SUMMARY "))
    return summary


def run_pair(words: list[str], seed: int) -> dict[str, dict[str, Any]]:
    """Run TRL and then ours from the files that it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        exported = str(Path(folder) / "init")
        seeded = [str(BASELINE), "--seed", str(seed), "--export", exported, *words]
        trl = run_child(seeded)
        ours = run_child([__file__, "--ours", exported])
    for figures in (trl, ours):
        figures["samples_per_s"] = round(figures["samples"] / figures["train_wall_s"], 1)
    return {"trl": trl, "ours": ours}


def main() -> None:
    """Measure, print a table, and write one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs, of seeds 0, 1, …")
    parser.add_argument("--out", type=Path, help="append the result to this file of JSON lines")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("baseline", nargs="*", help="arguments of the baseline, after --")
    args = parser.parse_args()
    if args.ours is not None:
        print("SUMMARY " + json.dumps(train_ours(args.ours)))
        return
    if not BASELINE.exists():
        print(f"skipped: there is no {os.path.relpath(BASELINE, ROOT)} to measure against")
        return
    pairs = [run_pair(args.baseline, seed) for seed in range(args.repeats)]
    result = report(pairs, args.baseline)
    keep(result, args.out)


def report(pairs: list[dict[str, dict[str, Any]]], arguments: list[str]) -> dict[str, Any]:
    """Print the pairs and return what is kept of them."""
    import torch
    import transformers
    import trl

    import llmenvs

    shown = (
        "samples_per_s",
        "train_wall_s",
        "train_cpu_s",
        "reward_first",
        "reward_last",
        "peak_rss_mb",
    )
    print(f"{'':<12}" + "".join(f"{name:>15}" for name in shown))
    for seed, pair in enumerate(pairs):
        for name, figures in pair.items():
            values = "".join(f"{figures[key]:>15}" for key in shown)
            print(f"{f'{name}, {seed}':<12}{values}")
    ratios = [p["ours"]["samples_per_s"] / p["trl"]["samples_per_s"] for p in pairs]
    cpu_ratios = [p["trl"]["train_cpu_s"] / p["ours"]["train_cpu_s"] for p in pairs]
    for clock, found in (("wall", ratios), ("CPU", cpu_ratios)):
        print(
            f"ours / TRL, samples for each second of {clock} time: "
            f"median {statistics.median(found):.2f}, least {min(found):.2f}"
        )
    rewards = [
        statistics.mean(pair[name]["reward_last"] for pair in pairs) for name in ("ours", "trl")
    ]
    print(f"mean of the last rewards: ours {rewards[0]:.4f}, TRL {rewards[1]:.4f}")
    kept = (*shown, "samples", "gen_tokens")
    return {
        "benchmark": "training",
        "baseline_arguments": arguments,
        "ratio_samples_per_s": _summary(ratios),
        "ratio_samples_per_cpu_s": _summary(cpu_ratios),
        "reward_last_mean": {"ours": round(rewards[0], 4), "trl": round(rewards[1], 4)},
        "runs": [{n: {k: f[k] for k in kept} for n, f in pair.items()} for pair in pairs],
        "versions": {
            "llmenvs": llmenvs.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "trl": trl.__version__,
        },
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": 1,
    }


def _summary(ratios: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(ratios), 2), "least": round(min(ratios), 2)}


if __name__ == "__main__":
    main()
