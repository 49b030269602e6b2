"""`llmenvs verifiers`: what can score, and with which options."""

import argparse

from rich.console import Console
from rich.markup import escape

from llmenvs.verifiers.registry import VERIFIERS, find_verifier, verifier_options

DESCRIPTION = "list the verifiers and their options"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.add_argument("name", nargs="*", help="show only these; all by default")


def run(args: argparse.Namespace) -> int:
    """Print each verifier and its options; return 1 if one cannot be imported, else 0."""
    console = Console()
    status = 0
    for name in args.name or sorted(VERIFIERS):
        summary = VERIFIERS[name][1] if name in VERIFIERS else ""
        console.print(f"[bold]{escape(name)}[/bold]  {escape(summary)}", highlight=False)
        try:
            options = verifier_options(find_verifier(name))
        except ValueError as error:
            _print(console, f"  {error}")
            status = 1
            continue
        for option in options:
            kind = f": {option.type}" if option.type else ""
            default = " (required)" if option.default is None else f" = {option.default}"
            _print(console, f"  {option.name}{kind}{default}")
            if option.description:
                _print(console, f"      {option.description}")
    return status


def _print(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
