"""`llmenvs train`: train a model in environments, on from where it was left.

    llmenvs train sft --env llmenvs/GridWorld-v0 --data random --out runs/warm
    llmenvs train grpo --env llmenvs/GridWorld-v0 --model runs/warm/model --out runs/grid
    llmenvs train ppo --env A-v0:0.7 --env B-v0:0.3 --model path/to/model --out runs/mixed

    accelerate launch --multi_gpu --num_processes 2 -m llmenvs.cli train grpo …

Stop it when you like: the same command goes on where it was, and more iterations may be asked for.
"""

import argparse
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from llmenvs.agents.algorithms import ALGORITHMS
from llmenvs.agents.distributed import (
    MainProcessFailed,
    is_main,
    joined,
    num_processes,
    process_index,
)
from llmenvs.agents.environments import parse_env
from llmenvs.agents.train import TrainingStopped, train
from llmenvs.agents.train_config import TrainConfig
from llmenvs.commands.complaints import EXIT_INTERRUPTED, EXIT_USAGE, complain
from llmenvs.commands.config_options import add_options, options_of, read_options, with_flags
from llmenvs.commands.options import parse_options

EXIT_STOPPED = 1
_APART = ("algorithm", "envs", "settings", "env_options")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    algorithms = parser.add_subparsers(
        dest="algorithm", required=True, metavar="ALGORITHM", parser_class=_StrictParser
    )
    for name, algorithm in ALGORITHMS.items():
        command = algorithms.add_parser(
            name, help=algorithm.summary, description=algorithm.summary, allow_abbrev=False
        )
        _add_run_options(command)
        if not algorithm.plays:
            _add_data_option(command)
        add_options(command.add_argument_group("the run"), TrainConfig, skip=_APART)  # type: ignore[arg-type]
        add_options(command.add_argument_group(f"settings of {name}"), algorithm.settings)  # type: ignore[arg-type]


def run(args: argparse.Namespace) -> int:
    """Train, and say what came out; returns the exit status."""
    try:
        config = _config(args)
        if args.threads is not None:
            _set_threads(args.threads)
        with joined(config.device):
            return _train(config, args)
    except KeyboardInterrupt:
        complain("train", "stopped; the same command goes on from the last checkpoint")
        return EXIT_INTERRUPTED
    except (ValueError, OSError, ModuleNotFoundError) as error:
        complain("train", with_flags(str(error), _names(args.algorithm)))
        return EXIT_USAGE


def _train(config: TrainConfig, args: argparse.Namespace) -> int:
    """Train as one of the processes, of which one speaks; errors of the caller pass through."""
    try:
        summary = train(
            config,
            args.out,
            overwrite=args.overwrite,
            resume_from=args.resume_from,
            progress=args.progress,
        )
    except TrainingStopped as error:
        if is_main():
            complain("train", f"stopped: {with_flags(str(error), _names(args.algorithm))}")
        return EXIT_STOPPED
    except MainProcessFailed:  # which has said why
        return EXIT_USAGE
    except (ValueError, OSError) as error:
        if is_main():
            raise
        where = f"process {process_index()} of {num_processes()}"
        raise ValueError(f"{where}: {error}") from error
    if is_main():
        _show(summary, args.out)
    return 0


class _StrictParser(argparse.ArgumentParser):
    """Refuses an option that it does not know, and names the one that may have been meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and exit with the usage where something is left over."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            word = unknown[0].partition("=")[0]
            near = difflib.get_close_matches(word, self._option_string_actions, n=1)
            self.error(f"unknown option {word}" + (f"; did you mean {near[0]}?" if near else ""))
        return known, unknown


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--env",
        action="append",
        required=True,
        metavar="ID[:WEIGHT]",
        help="repeatable; each episode is one of them by weight",
    )
    parser.add_argument(
        "--env-option",
        action="append",
        default=[],
        metavar="[ID:]NAME=VALUE",
        help="of the environments, or of one; the value is read as JSON, or as text",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    parser.add_argument("--overwrite", action="store_true", help="drop another run in --out")
    parser.add_argument(
        "--resume-from",
        type=int,
        metavar="ITERATIONS",
        help="go on from this checkpoint instead of the newest; 0 starts anew",
    )
    parser.add_argument("--threads", type=int, help="of torch; its own choice by default")
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="show a bar on standard error",
    )


def _add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from-oracle",
        action="store_const",
        dest="data",
        const="oracle",
        default=argparse.SUPPRESS,  # --data has the default
        help="learn from episodes of the environment's oracle, as --data oracle says",
    )


def _config(args: argparse.Namespace) -> TrainConfig:
    weights: dict[str, float] = {}
    for word in args.env:
        env_id, weight = parse_env(word)
        if env_id in weights:
            raise ValueError(f"--env {env_id!r} comes twice")
        if not weight > 0.0:
            raise ValueError(f"--env must have a weight above 0, got {word!r}")
        weights[env_id] = weight
    config: TrainConfig = read_options(
        args,
        TrainConfig,
        skip=_APART,
        algorithm=args.algorithm,
        envs=weights,
        settings=read_options(args, ALGORITHMS[args.algorithm].settings),
        env_options=parse_options(args.env_option, flag="--env-option"),
    )
    return config


def _names(algorithm: str) -> Mapping[str, Any]:
    """Return the fields that have options, by name."""
    settings = ALGORITHMS[algorithm].settings
    names = [option.name for option in options_of(TrainConfig, skip=_APART)]
    names += [option.name for option in options_of(settings)]
    return dict.fromkeys([*names, "resume_from"])


def _set_threads(count: int) -> None:
    if count < 1:
        raise ValueError(f"--threads must be at least 1, got {count}")
    torch.set_num_threads(count)


def _show(summary: Mapping[str, Any], out: Path) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if summary["reward_mean"] is not None:
        console.print(
            f"Reward {summary['reward_mean_first']:.3f} -> {summary['reward_mean']:.3f}, success "
            f"{summary['success_mean_first']:.3f} -> {summary['success_mean']:.3f} "
            f"(first and last {summary['window']} of {summary['iterations']} iterations)."
        )
    elif summary["loss"] is not None:
        console.print(f"Loss {summary['loss']:.4f} after {summary['iterations']} iterations.")
    console.print(f"Written to {out}: summary.json, metrics.jsonl, checkpoints, model")
