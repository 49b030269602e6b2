"""What the tables and plots of a report say: figures as in ``summary.json``, and their spread."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from llmenvs.bench.episode_record import EpisodeRecord
from llmenvs.bench.report.plots import Rate, counts_plot, histogram, rates_plot
from llmenvs.bench.report.tables import table, with_interval
from llmenvs.bench.summary import figures, groups_by
from llmenvs.transcript import Author

_MOST_GROUPS = 24
_NONE = "-"


class Results:
    """The figures of episodes, each computed once.

    Args:
        records: of a run, at least one.
    """

    def __init__(self, records: Sequence[EpisodeRecord]) -> None:
        self._records = records
        members: dict[str, list[EpisodeRecord]] = {}
        for record in records:
            members.setdefault(record.env, []).append(record)
        self._by_env: dict[str, Mapping[str, Any]] = {
            env: figures(found) for env, found in members.items()
        }
        self._is_one_env = len(members) == 1
        self._overall = next(iter(self._by_env.values())) if self._is_one_env else figures(records)
        self._groups = {
            "category": groups_by(records, lambda record: record.category),
            "difficulty": groups_by(records, lambda record: record.difficulty),
        }

    def tables(self) -> list[str]:
        """Return the tables: by environment, category and difficulty, and the verdict's parts."""
        rows = self._by_env if self._is_one_env else {**self._by_env, "all": self._overall}
        made = [_environments_table(rows)]
        made += [_groups_table(name, rows) for name, rows in self._groups.items() if len(rows) > 1]
        if self._overall["part_means"]:
            means = [[name, f"{mean:.3f}"] for name, mean in self._overall["part_means"].items()]
            made.append(table("Parts of the verdict, of decided episodes", ("part", "mean"), means))
        return made

    def plots(self) -> list[str]:
        """Return the plots: success by group, failures, rewards, turns, tokens."""
        if len(self._groups["category"]) > 1:
            success = _success_plot("category", self._groups["category"])
        else:
            success = _success_plot("environment", self._by_env)
        return [*success, *_spread_plots(self._records)]


def _spread_plots(records: Sequence[EpisodeRecord]) -> list[str]:
    valid = [record for record in records if record.valid]
    made = []
    failures = Counter(name.replace("_", " ") for record in records for name in record.failures)
    if failures:
        note = "how many episodes show each; one may show several"
        made.append(counts_plot("Failures", note, failures.most_common(), bad=True))
    for title, unit, values in (
        ("Rewards", "return of an episode", [record.reward for record in valid]),
        ("Turns", "turns of the policy", [len(record.turn_rewards) for record in valid]),
        ("Generated tokens", "tokens of the policy", [_generated(record) for record in valid]),
    ):
        if len(set(values)) > 1:
            counts, edges = _binned(values)
            note = f"{len(values):,} decided episodes"
            made.append(histogram(title, note, edges, counts, unit=unit))
    return made


def _environments_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    columns: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "episodes": lambda row: f"{row['episodes']:,}",
        "decided": lambda row: f"{row['valid_share']:.1%}",
        "success (95 %)": _success,
        "mean reward (95 %)": lambda row: with_interval(
            row["reward_mean"], row["reward_ci95"], percent=False
        ),
        "turns": lambda row: _number(row["turns_mean"], "{:.1f}"),
        "tokens": lambda row: _number(row["generated_tokens"], "{:,}"),
    }
    most = max((int(k) for row in found.values() for k in row.get("pass_at_k", {})), default=1)
    if most > 1:
        columns[f"pass@{most}"] = lambda row: _number(
            row.get("pass_at_k", {}).get(str(most)), "{:.1%}"
        )
        columns["majority"] = lambda row: _number(row.get("majority_vote"), "{:.1%}")
    if any(row.get("retries") for row in found.values()):
        columns["retries"] = lambda row: _number(row.get("retries"), "{:,}")
    rows = [[name, *(show(row) for show in columns.values())] for name, row in found.items()]
    return table("By environment", ("environment", *columns), rows)


def _groups_table(name: str, groups: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [
            group,
            f"{row['episodes']:,}",
            f"{row['valid_share']:.1%}",
            _success(row),
            _number(row["reward_mean"], "{:.3f}"),
            ", ".join(f"{f.replace('_', ' ')} {count}" for f, count in row["failures"].items()),
        ]
        for group, row in groups.items()
    ]
    columns = (name, "episodes", "decided", "success (95 %)", "mean reward", "failures")
    return table(f"By {name}", columns, rows)


def _success(row: Mapping[str, Any]) -> str:
    return with_interval(row["success_mean"], row["success_ci95"], percent=True)


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else form.format(value)


def _success_plot(name: str, groups: Mapping[str, Mapping[str, Any]]) -> list[str]:
    rates = [
        Rate(
            group,
            row["success_mean"],
            row["success_ci95"],
            round(row["valid_share"] * row["episodes"]),
        )
        for group, row in groups.items()
        if row["success_mean"] is not None
    ]
    if not rates:
        return []  # nothing is decided
    rates.sort(key=lambda rate: -rate.value)
    note = "share of decided episodes, with its 95 % interval"
    if len(rates) > _MOST_GROUPS:
        note += f"; the {_MOST_GROUPS} lowest of {len(rates)}"
    return [rates_plot(f"Success by {name}", note, rates[-_MOST_GROUPS:])]


def _binned(values: Sequence[float]) -> tuple[list[int], list[float]]:
    """Return counts and edges: whole numbers have a bin each where they are few."""
    low, high = min(values), max(values)
    if all(float(value).is_integer() for value in values) and high - low < 24:
        edges = np.arange(low, high + 2)
    else:
        edges = np.linspace(low, high, 21)
    counts, _ = np.histogram(values, bins=edges)
    return counts.tolist(), edges.tolist()


def _generated(record: EpisodeRecord) -> int:
    return sum(s.num_tokens for s in record.segments if s.author is Author.POLICY)
