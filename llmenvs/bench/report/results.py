"""What the tables and plots of a report say, computed from the records of its episodes."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from llmenvs.bench.episode_record import EpisodeRecord
from llmenvs.bench.intervals import RunningMean, wilson_interval
from llmenvs.bench.report.plots import Rate, counts_plot, histogram, rates_plot
from llmenvs.bench.report.tables import table, with_interval
from llmenvs.transcript import Author

_MOST_GROUPS = 24
_COLUMNS = ("episodes", "decided", "success (95 %)", "mean reward (95 %)", "turns", "tokens")

GroupOf = Callable[[EpisodeRecord], str | None]


def tables_of(records: Sequence[EpisodeRecord]) -> list[str]:
    """Return the tables: by environment, category and difficulty, parts and failures."""
    made = [_groups_table("By environment", "environment", records, lambda r: r.env)]
    for name, group_of in (("category", _category), ("difficulty", _difficulty)):
        if len(set(map(group_of, records)) - {None}) > 1:
            made.append(_groups_table(f"By {name}", name, records, group_of))
    parts = _parts_table(records)
    return [*made, *([parts] if parts else [])]


def plots_of(records: Sequence[EpisodeRecord]) -> list[str]:
    """Return the plots: success by group, failures, rewards, turns, tokens."""
    valid = [record for record in records if record.valid]
    made = [_success_plot(valid)] if valid else []
    failures = Counter(name for record in records for name in record.failures)
    if failures:
        made.append(
            counts_plot(
                "Failures",
                "how many episodes show each; one may show several",
                failures.most_common(),
                bad=True,
            )
        )
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


def _groups_table(
    caption: str, name: str, records: Sequence[EpisodeRecord], group_of: GroupOf
) -> str:
    groups = _grouped(records, group_of)
    rows = [[group, *_figures(members)] for group, members in groups.items()]
    if len(rows) > 1:
        rows.append(["all", *_figures(records)])
    return table(caption, (name, *_COLUMNS), rows)


def _figures(records: Sequence[EpisodeRecord]) -> list[str]:
    valid = [record for record in records if record.valid]
    reward = RunningMean()
    for record in valid:
        reward.add(record.reward)
    solved, count = sum(bool(record.success) for record in valid), len(valid)
    turns = f"{np.mean([len(r.turn_rewards) for r in valid]):.1f}" if valid else "-"
    tokens = f"{np.mean([_generated(r) for r in valid]):,.0f}" if valid else "-"
    return [
        f"{len(records):,}",
        f"{count / len(records):.1%}",
        with_interval(
            solved / count if count else None, wilson_interval(solved, count), percent=True
        ),
        with_interval(reward.mean, reward.normal_interval(), percent=False),
        turns,
        tokens,
    ]


def _parts_table(records: Sequence[EpisodeRecord]) -> str:
    parts: dict[str, RunningMean] = {}
    for record in records:
        if record.valid and record.verdict is not None:
            for name, value in record.verdict["parts"].items():
                parts.setdefault(name, RunningMean()).add(value)
    if not parts:
        return ""
    rows = [
        [name, f"{mean.count:,}", with_interval(mean.mean, mean.normal_interval(), percent=False)]
        for name, mean in parts.items()
    ]
    return table("Parts of the verdict", ("part", "episodes", "mean (95 %)"), rows)


def _success_plot(valid: Sequence[EpisodeRecord]) -> str:
    named: tuple[tuple[str, GroupOf], ...] = (
        ("category", _category),
        ("environment", lambda record: record.env),
    )
    name, group_of = next(
        ((n, g) for n, g in named if len(set(map(g, valid)) - {None}) > 1), named[-1]
    )
    rates = []
    for group, members in _grouped(valid, group_of).items():
        solved = sum(bool(record.success) for record in members)
        interval = wilson_interval(solved, len(members))
        rates.append(Rate(group, solved / len(members), interval, len(members)))
    rates.sort(key=lambda rate: -rate.value)
    note = "share of decided episodes, with Wilson's 95 % interval"
    if len(rates) > _MOST_GROUPS:
        note += f"; the {_MOST_GROUPS} lowest of {len(rates)}"
    return rates_plot(f"Success by {name}", note, rates[-_MOST_GROUPS:])


def _grouped(records: Sequence[EpisodeRecord], group_of: GroupOf) -> dict[str, list[EpisodeRecord]]:
    groups: dict[str, list[EpisodeRecord]] = {}
    for record in records:
        groups.setdefault(group_of(record) or "not said", []).append(record)
    return dict(sorted(groups.items()))


def _binned(values: Sequence[float]) -> tuple[list[int], list[float]]:
    """Return counts and edges: whole numbers have a bin each where they are few."""
    low, high = min(values), max(values)
    if all(float(value).is_integer() for value in values) and high - low < 24:
        edges = np.arange(low, high + 2)
    else:
        edges = np.linspace(low, high, 21)
    counts, _ = np.histogram(values, bins=edges)
    return counts.tolist(), edges.tolist()


def _category(record: EpisodeRecord) -> str | None:
    return record.category


def _difficulty(record: EpisodeRecord) -> str | None:
    return record.difficulty


def _generated(record: EpisodeRecord) -> int:
    return sum(s.num_tokens for s in record.segments if s.author is Author.POLICY)
