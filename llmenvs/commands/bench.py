"""`llmenvs bench`: play episodes with a policy, and say how well it did.

    llmenvs bench --env llmenvs/GridWorld-v0 --policy random --episodes 200 --out runs/random

Stop it when you like: the same command goes on where it was, and more episodes may be asked for.
"""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from llmenvs.bench.run import Bench, BenchConfig, EpisodeResult
from llmenvs.commands.options import parse_options
from llmenvs.commands.sub_commands import add_sub_commands, run_sub_command
from llmenvs.progress import progress_bar
from llmenvs.running_episode import DEFAULT_LIMITS, RolloutLimits

DESCRIPTION = "measure a policy on one or more environments"
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
SUB_COMMANDS = {
    "compare": ("llmenvs.commands.bench_compare", "compare two runs, task by task"),
    "report": ("llmenvs.commands.bench_report", "write a run as one HTML page"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_sub_commands(parser, SUB_COMMANDS)
    parser.add_argument("--env", action="append", metavar="ID", help="repeatable")
    parser.add_argument(
        "--env-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the environments; the value is read as JSON, or as text where it is none",
    )
    parser.add_argument("--policy", help="oracle, random, noop or package.module:name")
    parser.add_argument("--episodes", type=int, default=100, help="of each environment")
    parser.add_argument("--seed", type=int, default=0, help="of tasks and sampling")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for the results")
    parser.add_argument("--overwrite", action="store_true", help="drop another run in --out")
    parser.add_argument("--concurrency", type=int, default=16, help="episodes at once")
    parser.add_argument("--max-new-tokens", type=int, default=DEFAULT_LIMITS.max_new_tokens)
    parser.add_argument("--max-episode-tokens", type=int, default=DEFAULT_LIMITS.max_episode_tokens)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark and show its table; returns the exit status."""
    status = run_sub_command(args, SUB_COMMANDS)
    if status is not None:
        return status
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        bench = Bench(_config(args), args.out, overwrite=args.overwrite)
        summary = _run(bench)
    except KeyboardInterrupt:
        errors.print("llmenvs bench: stopped; the same command goes on from here")
        return EXIT_INTERRUPTED
    except (ValueError, OSError) as error:
        errors.print(f"llmenvs bench: {error}")
        return EXIT_USAGE
    _show(summary, args)
    return 0


def _config(args: argparse.Namespace) -> BenchConfig:
    for name in ("env", "policy", "out"):
        if getattr(args, name) is None:
            raise ValueError(f"--{name} is missing")
    return BenchConfig(
        env_ids=args.env,
        env_options=parse_options(args.env_option, flag="--env-option"),
        policy=args.policy,
        seed=args.seed,
        episodes=args.episodes,
        concurrency=args.concurrency,
        limits=RolloutLimits(args.max_new_tokens, args.max_episode_tokens),
    )


def _run(bench: Bench) -> dict[str, Any]:
    rewards: list[float] = []
    with progress_bar("bench", total=bench.num_left, shown=True) as bar:

        def progress(env_id: str, result: EpisodeResult) -> None:
            if result.valid:
                rewards.append(result.reward)
            mean = sum(rewards) / len(rewards) if rewards else float("nan")
            bar.advance(f"{env_id}  mean reward {mean:.2f}")

        return bench.run(progress)


def _show(summary: dict[str, Any], args: argparse.Namespace) -> None:
    table = Table(title=f"{args.policy}, seed {args.seed}", title_justify="left")
    for column in ("environment", "episodes", "valid", "success (95 %)", "mean reward (95 %)"):
        left = column == "environment"
        table.add_column(column, justify="left" if left else "right", overflow="fold")
    rows = dict(summary["per_env"])
    if len(rows) > 1:
        rows["all"] = summary
    for name, figures in rows.items():
        table.add_row(
            name,
            f"{figures['episodes']:,}",
            f"{figures['valid_share']:.1%}",
            _with_interval(figures["success_mean"], figures["success_ci95_wilson"]),
            _with_interval(figures["reward_mean"], figures["reward_ci95_normal"]),
        )
    console = Console()
    console.print(table)
    console.print(f"Written to {args.out}: summary.json, episodes.jsonl", highlight=False)


def _with_interval(mean: float | None, interval: tuple[float, float] | None) -> str:
    if mean is None:
        return "none decided"
    if interval is None:
        return f"{mean:.3f}"
    return f"{mean:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"
