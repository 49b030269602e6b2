"""GRPO of a real language model: tokens a second, memory and the card's share, beside TRL's.

    python benchmarks/training_lm.py [--device cuda] [--steps 8] [--out FILE]

SmolLM2-135M-Instruct plays MathAnswer and SearchQA in its chat template. TRL's `GRPOTrainer`,
without vLLM, and ours take turns, each in a process of its own, with the same prompts, groups,
lengths, learning rate and precision: bf16 with fp32 weights on a GPU, fp32 on a CPU. A search
episode of ours has several turns, in which what was read is kept; TRL writes the first turn alone,
which is the cheaper one. Rewards get a hundredth of the sum of the completion's ids modulo 7 in
both, so that few groups are without a signal and both train on what they played.

Generated tokens a second are of the time of generation (of TRL: inside its generation), training
tokens those of prompt and completion a second of the rest; on a CPU, of its time. The share of the
peak is 6 FLOPs a weight and token, and those of attention, over the dense bf16 figure of the card's
data sheet.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from machine import cpu_and_packages, keep
from training_lm_task import Setup, extra_reward, make_envs

import llmenvs
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer, kept_groups
from llmenvs.agents.model_files import load_policy
from llmenvs.agents.recomputation import recompute_layers
from llmenvs.agents.smollm import SMOLLM2
from llmenvs.agents.train_summary import peak_memory
from llmenvs.trajectory import Trajectory

ENVS = ("llmenvs/MathAnswer-v0", "llmenvs/SearchQA-v0")
BF16_PEAKS = {  # dense FLOPs a second, by what the card's name holds; the longer names first
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "RTX 4090": 165e12,
    "L4": 121e12,
    "A10": 125e12,
}


def train_ours(setup: Setup) -> dict[str, Any]:
    """Train and return the figures."""
    policy = load_policy(setup.model)
    policy.precision = "bf16" if setup.device == "cuda" else "fp32"
    policy.model.to(setup.device)
    envs = make_envs(setup, policy)
    if setup.gradient_checkpointing:
        recompute_layers(policy.model)
    if setup.static_decoding:
        policy.model.decode_statically()  # type: ignore[operator]
    config = GRPOConfig(
        num_groups=setup.groups,
        group_size=setup.group_size,
        learning_rate=setup.learning_rate,
        num_epochs=1,
        minibatch_size=setup.samples,
        micro_batch_size=setup.micro_batch_size,
        limits=llmenvs.RolloutLimits(max_new_tokens=setup.max_new_tokens),
    )
    trainer = GRPOTrainer(envs, policy, config, seed=0)
    clock = Clock(trainer.source.play)
    trainer.source.play = clock.play  # type: ignore[method-assign]
    trainer.step()  # warms caches and kernels up
    clock.clear()
    started = now()
    for _ in range(setup.steps):
        trainer.step()
    train_s = now() - started
    runs = [run for group in clock.kept(config) for run in group]
    tokens = sum(len(run.token_ids) for run in runs)
    return {
        "train_s": train_s,
        "generation_s": clock.seconds,
        "generated_tokens": sum(int(t.generated_mask.sum()) for t in clock.trajectories),
        "training_tokens": tokens,
        "turns_mean": statistics.mean(len(t.turn_rewards) for t in clock.trajectories),
        "flops": sum(training_flops(policy.model.model, len(run.token_ids)) for run in runs),
    }


class Clock:
    """Plays through another function, and keeps how long that took and what came of it."""

    def __init__(self, play: Callable[..., list[Trajectory]]) -> None:
        self._play = play
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.seconds = 0.0
        self._played: list[list[Trajectory]] = []

    @property
    def trajectories(self) -> list[Trajectory]:
        """All that were played."""
        return [t for played in self._played for t in played]

    def kept(self, config: GRPOConfig) -> list[list[Trajectory]]:
        """Return the groups that were trained on."""
        return [group for played in self._played for group in kept_groups(played, config)]

    def play(self, *args: Any, **options: Any) -> list[Trajectory]:
        """See `EpisodeSource.play`."""
        started = now()
        played = [with_signal(trajectory) for trajectory in self._play(*args, **options)]
        self.seconds += now() - started
        self._played.append(played)
        return played


def with_signal(trajectory: Trajectory) -> Trajectory:
    """Return the trajectory with a reward that depends on its tokens too."""
    if not len(trajectory.turn_rewards):
        return trajectory
    rewards = trajectory.turn_rewards.copy()
    rewards[-1] += extra_reward(trajectory.token_ids[trajectory.generated_mask].tolist())
    return replace(trajectory, turn_rewards=rewards)


def now() -> float:
    """Return the time in seconds when the device has done all it was asked; CPU time on a CPU."""
    if not torch.cuda.is_initialized():
        return time.process_time()  # whatever else the machine is busy with
    torch.cuda.synchronize()
    return time.perf_counter()


def training_flops(model: Any, length: int) -> float:
    """Return the FLOPs of an update on one sequence, forward and backward, nothing recomputed."""
    config = model.config
    attention = 12 * config.num_hidden_layers * config.hidden_size * length / 2  # causal: half
    return float(length * (6 * model.num_parameters() + attention))


def bf16_peak(card: str) -> float | None:
    """Return the FLOPs a second of a card by its name; None if it is not known.

    >>> bf16_peak("NVIDIA H100 80GB HBM3"), bf16_peak("a CPU")
    (989000000000000.0, None)
    """
    return next((peak for name, peak in BF16_PEAKS.items() if name in card), None)


def measured(figures: dict[str, Any], device: str) -> dict[str, Any]:
    """Return the figures as rates, with the memory and the share of the peak."""
    card = torch.cuda.get_device_name() if device == "cuda" else device
    update_s = max(figures["train_s"] - figures["generation_s"], 1e-9)
    peak = bf16_peak(card)
    rates = {
        "generated_tokens_per_s": figures["generated_tokens"] / figures["generation_s"],
        "training_tokens_per_s": figures["training_tokens"] / update_s,
        "share_of_bf16_peak": figures["flops"] / update_s / peak if peak else None,
    }
    rounded = {name: None if rate is None else float(f"{rate:.4g}") for name, rate in rates.items()}
    seconds = {name: round(figures[name], 2) for name in ("train_s", "generation_s")}
    kept = ("generated_tokens", "training_tokens", "turns_mean")
    counts = {name: figures[name] for name in kept if name in figures}
    return {"device": card, **rounded, **seconds, **counts, "peak_memory_bytes": peak_memory()}


def run_child(implementation: str, setup: Setup) -> dict[str, Any]:
    """Run one implementation in a process of its own."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(setup.threads)}
    words = [sys.executable, __file__, "--child", implementation, "--setup", setup.to_json()]
    output = subprocess.run(
        words, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    figures: dict[str, Any] = json.loads(output.splitlines()[-1].removeprefix("SUMMARY "))
    return figures


def run_as_child(implementation: str, setup: Setup) -> None:
    """Train, and print the figures for the parent."""
    torch.set_num_threads(setup.threads)
    if implementation == "trl":
        from training_lm_trl import train_trl

        figures = train_trl(setup, now=now, flops=training_flops)
    else:
        figures = train_ours(setup)
    print("SUMMARY " + json.dumps(measured(figures, setup.device)))


def main() -> None:
    """Measure, print a table, and write one JSON object for each environment."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--envs", nargs="+", default=list(ENVS))
    parser.add_argument("--model", default=SMOLLM2, help="a folder, or a name")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--max-new-tokens", type=int, default=128)
    parser.add_argument("--micro-batch-size", type=int, default=16)
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--static-decoding", action="store_true", help="of ours, see TrainConfig")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--repeats", type=int, default=2, help="pairs of runs")
    parser.add_argument("--out", type=Path, help="append the results to this file of JSON lines")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--setup", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        run_as_child(args.child, Setup(**json.loads(args.setup)))
        return
    for env_id in args.envs:
        chosen = {name: value for name, value in vars(args).items() if name in Setup.names()}
        result = compare(Setup(env=env_id, **chosen), args.repeats)
        keep(result, args.out)


def compare(setup: Setup, repeats: int) -> dict[str, Any]:
    """Run both in turns, print what they reached and return what is kept."""
    pairs = [{name: run_child(name, setup) for name in ("trl", "ours")} for _ in range(repeats)]
    rates = ("generated_tokens_per_s", "training_tokens_per_s")
    for pair in pairs:
        for name, figures in pair.items():
            print(setup.env, name, {key: figures[key] for key in (*rates, "peak_memory_bytes")})
    ratios = {
        rate: [round(pair["ours"][rate] / pair["trl"][rate], 2) for pair in pairs] for rate in rates
    }
    print(setup.env, "ours / TRL", ratios)
    packages = ("torch", "transformers", "trl")
    named = Path(setup.model).name if Path(setup.model).is_dir() else setup.model
    return {
        "benchmark": "training_lm",
        "setup": {**json.loads(setup.to_json()), "model": named},
        "ratios": ratios,
        "pairs": pairs,
        "llmenvs": llmenvs.__version__,
        **cpu_and_packages(packages),
    }


if __name__ == "__main__":
    main()
