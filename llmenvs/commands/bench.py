r"""`llmenvs bench`: play episodes with a policy, and say how well it did.

    llmenvs bench --env llmenvs/GridWorld-v0 --policy random --episodes 200 --out runs/random
    llmenvs bench --env llmenvs/ToolUse-v0 --policy openai --base-url http://localhost:8000/v1 \
        --model qwen --episodes 200 --samples 4 --concurrency 32 --out runs/qwen
    llmenvs bench --suite tools --policy oracle --out runs/oracle
    llmenvs bench compare runs/last-week runs/qwen

Stop it when you like: the same command goes on where it was, and more episodes or samples may be
asked for.
"""

import argparse
from pathlib import Path
from typing import Any

from llmenvs.bench.config import BenchConfig, EnvPlan, as_episodes, read_suite
from llmenvs.bench.endpoint_config import EndpointConfig, RetryRules
from llmenvs.bench.run import Bench, FolderRules
from llmenvs.bench.run_files import NotWrittenError
from llmenvs.bench.suites import suite_path
from llmenvs.commands.bench_table import LiveFigures, show_summary
from llmenvs.commands.complaints import EXIT_INTERRUPTED, EXIT_USAGE, complain
from llmenvs.commands.engine_options import add_engine_arguments, cluster_of
from llmenvs.commands.options import parse_options
from llmenvs.commands.sub_commands import add_sub_commands, run_sub_command
from llmenvs.engines.ray_cluster import ClusterError
from llmenvs.env_making import check_option_owners, options_of_env
from llmenvs.progress import progress_bar
from llmenvs.running_episode import DEFAULT_LIMITS, RolloutLimits

DESCRIPTION = "measure a policy on one or more environments"
EXIT_STOPPED = 1
ENDPOINT_LIMITS = RolloutLimits(max_new_tokens=4_096, max_episode_tokens=2**20)
"""With ``--policy openai``: environments count bytes there, and the endpoint has its own limits."""
SUB_COMMANDS = {
    "compare": ("llmenvs.commands.bench_compare", "compare two runs, task by task"),
    "report": ("llmenvs.commands.bench_report", "write a run as one HTML page"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_sub_commands(parser, SUB_COMMANDS)
    _add_run_options(parser.add_argument_group("the run"))  # type: ignore[arg-type]
    _add_policy_options(parser.add_argument_group("the policy"))  # type: ignore[arg-type]
    _add_endpoint_options(parser.add_argument_group("the endpoint of --policy openai"))  # type: ignore[arg-type]


def run(args: argparse.Namespace) -> int:
    """Run the benchmark and show its table; returns the exit status."""
    status = run_sub_command(args, SUB_COMMANDS)
    if status is not None:
        return status
    try:
        config = _config(args)
        rules = FolderRules(args.overwrite, args.resume, args.retry_invalid)
        retries = RetryRules(args.max_attempts, args.timeout, args.retry_wait)
        bench = Bench(config, args.out, rules=retries, engine=args.engine)
        with cluster_of(args), bench.opened(rules):
            return _run(bench, args)
    except KeyboardInterrupt:
        complain("bench", "stopped; the same command goes on from here")
        return EXIT_INTERRUPTED
    except (ValueError, OSError, ModuleNotFoundError, ClusterError) as error:
        complain("bench", error)
        return EXIT_USAGE


def _run(bench: Bench, args: argparse.Namespace) -> int:
    live = LiveFigures()
    try:
        with progress_bar("bench", total=bench.num_left, shown=args.progress) as bar:
            summary = bench.run(lambda record: bar.advance(live.add(record)))
    except NotWrittenError as error:
        kept = "what was played is kept, and the same command goes on from here"
        complain("bench", f"stopped: {error}; {kept}")
        return EXIT_STOPPED
    except Exception as error:  # what a policy raised on everything is a fault of its own
        complain("bench", f"stopped: {type(error).__name__}: {error}")
        return EXIT_STOPPED
    show_summary(summary, title=f"{args.policy}, seed {bench.config.seed}", folder=args.out)
    return 0


def _add_run_options(group: argparse.ArgumentParser) -> None:
    group.add_argument("--env", action="append", default=[], metavar="ID", help="repeatable")
    group.add_argument(
        "--env-option",
        action="append",
        default=[],
        metavar="[ID:]NAME=VALUE",
        help="of the environments, or of one; the value is read as JSON, or as text; "
        "tasks= may name a task set: bfcl, bundled:test, a file, package.module:name",
    )
    group.add_argument(
        "--suite", metavar="FILE", help="a TOML file of environments, or the name of a bundled one"
    )
    group.add_argument(
        "--episodes", default="100", help="of each environment, or all: each task once"
    )
    group.add_argument("--samples", type=int, default=1, help="completions of each task")
    group.add_argument("--seed", type=int, help="of tasks and sampling (default: 0)")
    group.add_argument("--out", type=Path, metavar="DIR", help="for the results")
    group.add_argument("--overwrite", action="store_true", help="drop another run in --out")
    group.add_argument(
        "--resume", action="store_true", help="--out must hold this run; else it may be new"
    )
    group.add_argument(
        "--retry-invalid", action="store_true", help="play again what is there and not valid"
    )
    group.add_argument("--concurrency", type=int, default=16, help="episodes at once")
    add_engine_arguments(group)
    group.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=True, help="show a bar"
    )


def _add_policy_options(group: argparse.ArgumentParser) -> None:
    group.add_argument("--policy", help="oracle, random, noop, openai, hf or package.module:name")
    group.add_argument("--model", help="as the endpoint names it; of hf: a folder or a name")
    group.add_argument("--temperature", type=float, help="of sampling")
    group.add_argument("--chat", action="store_true", help="of hf: use its chat template")
    group.add_argument("--max-new-tokens", type=int, help="of one completion")
    group.add_argument(
        "--max-episode-tokens", type=int, help="of an episode, by the environment's tokenizer"
    )


def _add_endpoint_options(group: argparse.ArgumentParser) -> None:
    group.add_argument("--base-url", metavar="URL", help="without /chat/completions")
    group.add_argument(
        "--api-key-env",
        default="OPENAI_API_KEY",
        metavar="NAME",
        help="the environment variable that holds the key",
    )
    group.add_argument("--tool-calls", choices=("text", "native"), default="text")
    group.add_argument("--stream", action="store_true", help="ask for replies in pieces")
    group.add_argument("--top-p", type=float)
    group.add_argument("--stop", action="append", default=[], metavar="TEXT", help="repeatable")
    group.add_argument(
        "--send-seed", action=argparse.BooleanOptionalAction, default=True, help="with each request"
    )
    group.add_argument(
        "--token-limit-name",
        choices=("max_tokens", "max_completion_tokens"),
        default="max_tokens",
        help="the field that newer models of OpenAI want is max_completion_tokens",
    )
    group.add_argument("--timeout", type=float, default=300.0, metavar="S", help="of a request")
    group.add_argument("--max-attempts", type=int, default=6, help="of a request")
    group.add_argument(
        "--retry-wait",
        type=float,
        default=1.0,
        metavar="S",
        help="at most, before the second attempt; it doubles with each",
    )
    group.add_argument("--price-in", type=float, help="of a million prompt tokens")
    group.add_argument("--price-out", type=float, help="of a million completion tokens")


def _config(args: argparse.Namespace) -> BenchConfig:
    for name in ("policy", "out"):
        if getattr(args, name) is None:
            raise ValueError(f"--{name} is missing")
    plans, seed = _plans(args)
    endpoint = _endpoint(args)
    default = DEFAULT_LIMITS if endpoint is None else ENDPOINT_LIMITS
    limits = RolloutLimits(
        default.max_new_tokens if args.max_new_tokens is None else args.max_new_tokens,
        default.max_episode_tokens if args.max_episode_tokens is None else args.max_episode_tokens,
    )
    return BenchConfig(
        plans=plans,
        policy=args.policy,
        seed=seed,
        concurrency=args.concurrency,
        limits=limits,
        endpoint=endpoint,
        model=args.model,
        temperature=1.0 if args.temperature is None else args.temperature,
        chat=args.chat,
        price_in=args.price_in,
        price_out=args.price_out,
    )


def _plans(args: argparse.Namespace) -> tuple[list[EnvPlan], int]:
    """Return what is played, and the seed."""
    if bool(args.env) == (args.suite is not None):
        raise ValueError("give --env, one or several, or --suite, and not both")
    options = parse_options(args.env_option, flag="--env-option")
    if args.suite is not None:
        if options:
            raise ValueError("--env-option does not go with --suite, whose file has the options")
        suite = read_suite(suite_path(args.suite))
        return list(suite.plans), suite.seed if args.seed is None else args.seed
    check_option_owners(args.env, options)
    episodes: Any = int(args.episodes) if args.episodes.lstrip("-").isdigit() else args.episodes
    plans = [
        EnvPlan(
            env_id,
            options_of_env(env_id, options),
            as_episodes(episodes, "--episodes"),
            args.samples,
        )
        for env_id in args.env
    ]
    return plans, args.seed or 0


def _endpoint(args: argparse.Namespace) -> EndpointConfig | None:
    if args.policy != "openai":
        if args.base_url is not None:
            raise ValueError(f"--base-url goes with --policy openai, got {args.policy!r}")
        return None
    if args.base_url is None or args.model is None:
        raise ValueError("--policy openai needs --base-url and --model")
    return EndpointConfig(
        base_url=args.base_url,
        model=args.model,
        api_key_env=args.api_key_env,
        tool_calls=args.tool_calls,
        stream=args.stream,
        temperature=args.temperature,
        top_p=args.top_p,
        stop=tuple(args.stop),
        send_seed=args.send_seed,
        token_limit_name=args.token_limit_name,
    )
