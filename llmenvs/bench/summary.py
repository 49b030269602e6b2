"""The figures of a run, from the records of its episodes.

Episodes that are not valid enter no mean; ``valid_share`` counts them. Several samples of one task
are not independent, so that intervals are bootstrapped over tasks; that of the success rate is
Wilson's where each task was played once, or where all episodes ended the same.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from llmenvs.bench.config import BenchConfig
from llmenvs.bench.episode_record import EpisodeRecord
from llmenvs.bench.intervals import cluster_intervals, clustered, wilson_interval
from llmenvs.bench.samples import sample_figures
from llmenvs.transcript import Author

Interval = tuple[float, float]


def summary_of(
    records: Mapping[str, Sequence[EpisodeRecord]], config: BenchConfig, identity: Mapping[str, Any]
) -> dict[str, Any]:
    """Return ``summary.json``: the figures of all episodes, and of each environment apart.

    Args:
        records: by environment.
        config: of the run.
        identity: of the run, whose keys stand in the summary too.
    """
    import gymnasium

    import llmenvs

    overall, per_env = run_figures(records, identity["dataset_hashes"])
    return {
        **overall,
        "cost": cost_of(overall, price_in=config.price_in, price_out=config.price_out),
        **identity,
        "per_env": per_env,
        "ci95": "bootstrap over tasks; Wilson for success with one sample of each task",
        "versions": {"llmenvs": llmenvs.__version__, "gymnasium": gymnasium.__version__},
    }


def run_figures(
    records: Mapping[str, Sequence[EpisodeRecord]], dataset_hashes: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the figures of all episodes, and those of each environment with its kinds of task.

    Args:
        records: by environment, at least one.
        dataset_hashes: of the environments' tasks.
    """
    by_env = {env_id: figures(found) for env_id, found in records.items()}
    if len(by_env) == 1:
        overall = next(iter(by_env.values()))  # not computed twice: the intervals take long
    else:
        overall = figures([record for found in records.values() for record in found])
    per_env = {
        env_id: {
            **by_env[env_id],
            "dataset_hash": dataset_hashes[env_id],
            "by_category": groups_by(found, lambda record: record.category),
            "by_difficulty": groups_by(found, lambda record: record.difficulty),
        }
        for env_id, found in records.items()
    }
    return overall, per_env


def figures(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """Return the figures of episodes; a mean of nothing is None."""
    valid = [record for record in records if record.valid]
    reward_interval, success_interval = _intervals(valid)
    return {
        "episodes": len(records),
        "tasks": len({_task_of(record) for record in records}),
        "valid_share": len(valid) / len(records) if records else None,
        "reward_mean": _mean(record.reward for record in valid),
        "reward_ci95": reward_interval,
        "success_mean": _mean(bool(record.success) for record in valid),
        "success_ci95": success_interval,
        "turns_mean": _mean(len(record.turn_rewards) for record in valid),
        "part_means": _part_means(valid),
        "failures": _failure_counts(records),
        **sample_figures(records),
        **token_figures(records),
    }


def groups_by(
    records: Sequence[EpisodeRecord], key: Callable[[EpisodeRecord], str | None]
) -> dict[str, dict[str, Any]]:
    """Return the main figures of the episodes of each kind; those of no kind are left out."""
    groups: dict[str, list[EpisodeRecord]] = defaultdict(list)
    for record in records:
        name = key(record)
        if name is not None:
            groups[name].append(record)
    return {name: _short_figures(groups[name]) for name in sorted(groups)}


def token_figures(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """Return how much was written and asked for.

    ``generated_tokens`` are those of the environment's tokenizer, bytes by default. Those of an
    endpoint are None where it did not tell of every episode; ``usage_unknown`` says of how many.
    """
    written = sum(
        segment.num_tokens
        for record in records
        for segment in record.segments
        if segment.author is Author.POLICY
    )
    usages = [record.usage for record in records if record.usage is not None]
    if not usages:
        return {"generated_tokens": written}
    unknown = sum(u.prompt_tokens is None or u.completion_tokens is None for u in usages)
    return {
        "generated_tokens": written,
        "requests": sum(usage.requests for usage in usages),
        "retries": sum(usage.retries for usage in usages),
        "prompt_tokens": None if unknown else sum(u.prompt_tokens or 0 for u in usages),
        "completion_tokens": None if unknown else sum(u.completion_tokens or 0 for u in usages),
        "usage_unknown": unknown,
    }


def cost_of(
    figures: dict[str, Any], *, price_in: float | None, price_out: float | None
) -> float | None:
    """Return what the tokens of an endpoint cost; None where tokens or prices are not known.

    >>> told = {"prompt_tokens": 2_000_000, "completion_tokens": 500_000}
    >>> cost_of(told, price_in=1.0, price_out=4.0)
    4.0
    """
    tokens = figures.get("prompt_tokens"), figures.get("completion_tokens")
    if tokens[0] is None or tokens[1] is None or (price_in is None and price_out is None):
        return None
    return float((tokens[0] * (price_in or 0.0) + tokens[1] * (price_out or 0.0)) / 1e6)


def _short_figures(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    valid = [record for record in records if record.valid]
    _, success_interval = _intervals(valid)
    return {
        "episodes": len(records),
        "valid_share": len(valid) / len(records),
        "reward_mean": _mean(record.reward for record in valid),
        "success_mean": _mean(bool(record.success) for record in valid),
        "success_ci95": success_interval,
        "failures": _failure_counts(records),
    }


def _intervals(valid: Sequence[EpisodeRecord]) -> tuple[Interval | None, Interval | None]:
    """Return the intervals of the mean reward and of the success rate."""
    if not valid:
        return None, None
    values = np.array([(record.reward, bool(record.success)) for record in valid], np.float64)
    sums, counts = clustered([_task_of(record) for record in valid], values)
    found = cluster_intervals(sums, counts)
    solved = int(values[:, 1].sum())
    reward = None if found is None else found[0]
    if found is None or len(counts) == len(valid) or solved in (0, len(valid)):
        # Of several samples that all ended the same, only the tasks are trials.
        trials = len(counts)
        return reward, wilson_interval(round(solved * trials / len(valid)), trials)
    return reward, found[1]


def _task_of(record: EpisodeRecord) -> tuple[str, str]:
    return record.env, record.task_id or f"episode {record.episode}"


def _part_means(valid: Sequence[EpisodeRecord]) -> dict[str, float]:
    values: dict[str, list[float]] = defaultdict(list)
    for record in valid:
        for name, value in (record.verdict or {}).get("parts", {}).items():
            values[name].append(value)
    return {name: float(np.mean(found)) for name, found in values.items()}


def _failure_counts(records: Sequence[EpisodeRecord]) -> dict[str, int]:
    counts = Counter(label for record in records for label in record.failures)
    return dict(sorted(counts.items(), key=lambda row: (-row[1], row[0])))


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return float(np.mean(found)) if found else None
