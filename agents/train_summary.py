"""What a run says of itself: its metrics, a line beside its bar, ``summary.json`` at its end."""

import resource
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch

import llmenvs
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.trainer import Iteration
from llmenvs.trajectory import StopReason, Trajectory, episodes_of

_WINDOW = 10


def metrics_of(iteration: Iteration, *, seconds: float) -> dict[str, Any]:
    """Return the line of ``metrics.jsonl`` of an iteration that took so long."""
    played = iteration.metrics
    metrics: dict[str, Any] = dict(iteration.update)
    if iteration.trajectories:
        num_valid = round(played.episodes * played.valid_share)
        metrics |= {
            "episodes": played.episodes,
            "reward_mean": played.reward_mean,
            "success_mean": played.success_mean,
            "valid_share": played.valid_share,
            "turns_mean": played.turns_mean,
            "length_mean": played.generated_tokens / num_valid if num_valid else None,
            "generated_tokens": played.generated_tokens,
            "tokens_per_s": played.generated_tokens / seconds,
            "token_limit_share": token_limit_share(iteration.trajectories),
        }
        if (lag := policy_lag(iteration)) > 0:
            metrics["policy_lag"] = lag
    return {**metrics, "wall_s": seconds, "memory_bytes": peak_memory()}


def token_limit_share(trajectories: Sequence[Trajectory]) -> float:
    """Return the share of the episodes that were cut since they outgrew the context."""
    episodes = episodes_of(trajectories)
    return sum(runs[-1].stop_reason is StopReason.TOKEN_LIMIT for runs in episodes) / len(episodes)


def policy_lag(iteration: Iteration) -> int:
    """Return by how many updates the oldest weights that sampled were behind."""
    versions = [t.policy_version for t in iteration.trajectories if t.policy_version is not None]
    return max((iteration.number - version for version in versions), default=0)


def peak_memory() -> int:
    """Return the most bytes that this process has held; those of the GPU, where it uses one."""
    if torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def note_of(metrics: Mapping[str, Any]) -> str:
    """Return the figures of one iteration for the bar, those that there are."""
    shown = [
        ("reward_mean", "reward {:+.2f}"),
        ("success_mean", "success {:.2f}"),
        ("kl", "KL {:.3f}"),
        ("length_mean", "length {:.1f}"),
        ("valid_share", "valid {:.0%}"),
        ("tokens_per_s", "{:.0f} tok/s"),
    ]
    known = [form.format(metrics[name]) for name, form in shown if metrics.get(name) is not None]
    parts = known or [f"loss {metrics['loss']:.3f}"]
    return " ".join([*parts, f"{metrics['memory_bytes'] / 2**20:.0f} MiB"])


def summary_of(rows: Sequence[Mapping[str, Any]], config: TrainConfig) -> dict[str, Any]:
    """Return the figures of the last ten iterations, those of the first ten, and what was run.

    Means are over valid episodes; without one, and where no episodes were played, they are None.
    """
    last, first = rows[-_WINDOW:], rows[:_WINDOW]
    return {
        "reward_mean": _mean(last, "reward_mean"),
        "success_mean": _mean(last, "success_mean"),
        "valid_share": _mean(last, "valid_share", of_valid=False),
        "episodes": sum(row.get("episodes", 0) for row in rows),
        "reward_mean_first": _mean(first, "reward_mean"),
        "success_mean_first": _mean(first, "success_mean"),
        "loss": rows[-1].get("loss") if rows else None,
        "window": _WINDOW,
        "iterations": len(rows),
        "generated_tokens": sum(row.get("generated_tokens", 0) for row in rows),
        "wall_s": round(sum(row["wall_s"] for row in rows), 3),
        "memory_bytes": max((row["memory_bytes"] for row in rows), default=None),
        "torch_threads": torch.get_num_threads(),
        "versions": {"llmenvs": llmenvs.__version__, "torch": torch.__version__},
        "config": config.identity,
    }


def _mean(rows: Sequence[Mapping[str, Any]], name: str, *, of_valid: bool = True) -> float | None:
    """Return the mean over episodes."""
    total = count = 0.0
    for row in rows:
        if row.get(name) is not None:
            weight = row["episodes"] * (row["valid_share"] if of_valid else 1.0)
            total += weight * row[name]
            count += weight
    return total / count if count else None
