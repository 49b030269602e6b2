"""What `llmenvs bench` shows: the figures as they come, and the tables at the end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from llmenvs.bench.episode_record import EpisodeRecord
from llmenvs.transcript import Author


class LiveFigures:
    """The figures of the episodes so far; mutable."""

    def __init__(self) -> None:
        self._reward = 0.0
        self._num_valid = self._num_solved = self._num_invalid = 0
        self._tokens = self._retries = 0

    def add(self, record: EpisodeRecord) -> str:
        """Count an episode, and return the note beside the bar."""
        self._num_valid += record.valid
        self._num_invalid += not record.valid
        self._num_solved += bool(record.success)
        self._reward += record.reward if record.valid else 0.0
        usage = record.usage
        told = None if usage is None else usage.completion_tokens
        if told is None:
            told = sum(s.num_tokens for s in record.segments if s.author is Author.POLICY)
        self._tokens += told
        self._retries += 0 if usage is None else usage.retries
        note = f"{self._tokens:,} tokens"
        if self._num_valid:
            note = (
                f"reward {self._reward / self._num_valid:.2f}, "
                f"success {self._num_solved / self._num_valid:.0%}, {note}"
            )
        for count, name in ((self._retries, "retries"), (self._num_invalid, "invalid")):
            note += f", {count:,} {name}" if count else ""
        return note


def show_summary(summary: Mapping[str, Any], *, title: str, folder: Path) -> None:
    """Print the tables of a run."""
    console = Console()
    rows = dict(summary["per_env"])
    if len(rows) > 1:
        rows["all"] = summary
    console.print(_main_table(rows, title))
    if "samples" in summary:
        console.print(_sample_table(rows))
    for env_id, figures in summary["per_env"].items():
        for kind in ("category", "difficulty"):
            groups = figures[f"by_{kind}"]
            if len(groups) > 1:
                console.print(_group_table(groups, f"{env_id} by {kind}", kind))
    _show_lines(console, summary)
    console.print(f"Written to {folder}: summary.json, episodes.jsonl", highlight=False)


def with_interval(mean: float | None, interval: tuple[float, float] | None) -> str:
    """Return a mean and its interval as text."""
    if mean is None:
        return "none decided"
    if interval is None:
        return f"{mean:.3f}"
    return f"{mean:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _main_table(rows: Mapping[str, Mapping[str, Any]], title: str) -> Table:
    columns = ("environment", "episodes", "valid", "success (95 %)", "mean reward (95 %)", "turns")
    table = _table(title, columns)
    for name, figures in rows.items():
        turns = figures["turns_mean"]
        table.add_row(
            name,
            f"{figures['episodes']:,}",
            "" if figures["valid_share"] is None else f"{figures['valid_share']:.1%}",
            with_interval(figures["success_mean"], figures["success_ci95"]),
            with_interval(figures["reward_mean"], figures["reward_ci95"]),
            "" if turns is None else f"{turns:.1f}",
        )
    return table


def _sample_table(rows: Mapping[str, Mapping[str, Any]]) -> Table:
    ks = max((row.get("pass_at_k", {}) for row in rows.values()), key=len)
    columns = ("environment", *(f"pass@{k}" for k in ks), "majority", "best reward")
    table = _table("several samples of a task", columns)
    for name, figures in rows.items():
        passes = figures.get("pass_at_k", {})
        values = [passes.get(k) for k in ks]
        values += [figures.get("majority_vote"), figures.get("best_of_n")]
        table.add_row(name, *("" if value is None else f"{value:.3f}" for value in values))
    return table


def _group_table(groups: Mapping[str, Mapping[str, Any]], title: str, kind: str) -> Table:
    table = _table(title, (kind, "episodes", "success (95 %)", "mean reward", "failures"))
    for name, figures in groups.items():
        reward = figures["reward_mean"]
        failures = list(figures["failures"].items())[:3]
        table.add_row(
            name,
            f"{figures['episodes']:,}",
            with_interval(figures["success_mean"], figures["success_ci95"]),
            "" if reward is None else f"{reward:.3f}",
            ", ".join(f"{label} {count}" for label, count in failures),
        )
    return table


def _show_lines(console: Console, summary: Mapping[str, Any]) -> None:
    parts = ", ".join(f"{name} {value:.3f}" for name, value in summary["part_means"].items())
    failures = ", ".join(f"{name} {count:,}" for name, count in summary["failures"].items())
    lines = [f"Parts: {parts}."] if parts else []
    lines += [f"Failures: {failures}."] if failures else []
    if "requests" in summary:
        lines.append(f"{summary['requests']:,} requests, {summary['retries']:,} of them retries.")
        tokens = summary["prompt_tokens"], summary["completion_tokens"]
        if summary["usage_unknown"]:
            lines.append(f"Tokens are not known of {summary['usage_unknown']:,} episodes.")
        else:
            lines.append(f"{tokens[0]:,} prompt tokens, {tokens[1]:,} completion tokens.")
    if summary["cost"] is not None:
        lines.append(f"Cost: {summary['cost']:.4f}.")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table
