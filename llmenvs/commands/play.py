"""`llmenvs play`: be the policy yourself, and see exactly what a policy sees.

Type an answer and press Enter. A line ``:tokens`` shows who wrote which token so far, ``:quit``
leaves; so does the end of the input.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from llmenvs.bench.records import write_trajectories
from llmenvs.commands.options import parse_options
from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env

DESCRIPTION = "play an environment in the terminal"
EXIT_USAGE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("env", metavar="ENV_ID", help="such as llmenvs/GridWorld-v0")
    parser.add_argument("--env-option", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seed", type=int, default=0, help="of the episode")
    parser.add_argument("--task-id", help="of the task; the seed draws one by default")
    parser.add_argument("--transcript", type=Path, metavar="FILE", help="append the episode here")


def run(args: argparse.Namespace) -> int:
    """Play one episode; returns the exit status."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        options = parse_options(args.env_option, flag="--env-option")
        env = make_text_env(args.env, **options)
        task = {} if args.task_id is None else {"task_id": args.task_id}
        observation, info = env.reset(seed=args.seed, options=task)
    except (ValueError, TypeError) as error:
        Console(stderr=True, soft_wrap=True).print(f"llmenvs play: {error}", markup=False)
        return EXIT_USAGE
    console.print(f"task {info['task_id']}; stops at {list(info['stop_strings'])}", style="dim")
    console.print(observation)
    for action in _answers(console, env):
        observation, reward, terminated, truncated, info = env.step(action)
        console.print(observation)
        console.print(_outcome(reward, terminated, truncated, info), style="dim")
        if terminated or truncated:
            break
    if args.transcript is not None:
        write_trajectories(args.transcript, env.trajectories())
    return 0


def _answers(console: Console, env: TextEnv[Any]) -> Iterator[str]:
    while True:
        try:
            line = console.input("> ")
        except (EOFError, KeyboardInterrupt):
            console.print("\nleft")
            return
        if line == ":quit":
            return
        if line == ":tokens":
            console.print(_tokens(env))
            continue
        yield line


def _outcome(reward: float, terminated: bool, truncated: bool, info: dict[str, Any]) -> str:  # noqa: FBT001
    parts = [f"reward {reward:+g}"]
    if not info["action_valid"]:
        parts.append("the action could not be read")
    if terminated or truncated:
        parts.append("terminated" if terminated else "truncated")
    verdict = info.get("verdict")
    if verdict is not None:
        score = "undecided" if verdict.score is None else f"score {verdict.score:g}"
        parts.append(f"{score}: {verdict.reason}")
    return ", ".join(parts)


def _tokens(env: TextEnv[Any]) -> Text:
    """Show the tokens so far, those of the policy in reverse."""
    transcript, text = env.transcript, Text()
    for token_id, generated in zip(transcript.token_ids, transcript.generated_mask, strict=True):
        shown = env.tokenizer.decode([token_id]) or f"[{token_id}]"
        text.append(shown, style="reverse" if generated else "")
    count = sum(transcript.generated_mask)
    text.append(f"\n{len(transcript)} tokens, {count} of them generated", style="dim")
    return text
