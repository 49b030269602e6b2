"""`llmenvs bench compare A B`: is B better than A, task by task?

    llmenvs bench compare runs/last-week runs/today

Only tasks count that both runs decided. Runs of other environments or tasks are refused.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from llmenvs.bench.compare import Comparison, Difference, RunComparison, compare_runs
from llmenvs.commands.complaints import EXIT_USAGE, complain

DESCRIPTION = "compare two runs, task by task"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run_a", type=Path, metavar="A", help="the folder of a run")
    parser.add_argument("run_b", type=Path, metavar="B", help="the folder of another")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Compare, and show the tables; returns the exit status."""
    try:
        found = compare_runs(args.run_a, args.run_b)
    except (ValueError, OSError) as error:
        complain("bench compare", error)
        return EXIT_USAGE
    console = Console(highlight=False, markup=False, soft_wrap=args.json)
    if args.json:
        console.print(json.dumps(_as_dict(found), indent=2))
        return 0
    _show(console, found, args)
    return 0


def _as_dict(found: RunComparison) -> dict[str, object]:
    return {
        "overall": found.overall.to_dict(),
        "by_env": {name: one.to_dict() for name, one in found.by_env.items()},
        "by_category": {name: one.to_dict() for name, one in found.by_category.items()},
        "differing": {name: list(pair) for name, pair in found.differing.items()},
    }


def _show(console: Console, found: RunComparison, args: argparse.Namespace) -> None:
    console.print(f"A is {args.run_a}, B is {args.run_b}.")
    for key, (ours, theirs) in found.differing.items():
        console.print(f"They differ in {key}, too: {ours!r} and {theirs!r}.")
    rows = dict(found.by_env)
    if len(rows) > 1:
        rows["all"] = found.overall
    _show_table(console, "B less A", rows)
    if found.by_category:
        _show_table(console, "by category", found.by_category)
    test = found.overall.mcnemar
    if test is not None:
        console.print(
            f"A alone solved {test.only_a:,}, B alone {test.only_b:,}: McNemar's exact test says "
            f"{_p(test.p_value)}."
        )
    console.print(
        "Differences with 95 % bootstrap intervals over tasks; p by the paired permutation test, "
        "not corrected for several tests."
    )


def _show_table(console: Console, title: str, rows: Mapping[str, Comparison]) -> None:
    table = Table(title=title, title_justify="left")
    columns = ("", "pairs", "left out", "success A", "B", "B - A (95 %), p", "reward B - A, p")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for name, one in rows.items():
        table.add_row(
            name,
            f"{one.num_pairs:,}",
            f"{one.num_left_out:,}",
            f"{one.success.mean_a:.3f}",
            f"{one.success.mean_b:.3f}",
            _with_interval(one.success),
            _with_interval(one.reward),
        )
    console.print(table)


def _with_interval(one: Difference) -> str:
    interval = "" if one.ci95 is None else f" [{one.ci95[0]:+.3f}, {one.ci95[1]:+.3f}]"
    return f"{one.difference:+.3f}{interval}, {_p(one.p_value)}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
