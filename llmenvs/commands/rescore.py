"""`llmenvs rescore`: score the transcripts of a run again, without asking any policy.

    llmenvs rescore runs/x --verifier math --out runs/x-math
    llmenvs rescore runs/x --verifier answer --option metric=f1 --out runs/x-f1

The targets are those of the run. What the run said stands beside the new verdicts.
"""

import argparse
from pathlib import Path

from rich.console import Console

from llmenvs.bench.rescore import Rescoring, rescore
from llmenvs.commands.bench_table import show_summary
from llmenvs.commands.complaints import EXIT_USAGE, complain
from llmenvs.commands.options import parse_options

DESCRIPTION = "score the transcripts of a run again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument("--verifier", required=True, help="a name, or package.module:Class")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the verifier; the value is read as JSON, or as text where it is none",
    )
    parser.add_argument(
        "--turns", choices=("last", "all"), default="last", help="what the verifier reads"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 scores in this one")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for the results (default: RUN-rescored)"
    )


def run(args: argparse.Namespace) -> int:
    """Score again, and show the table; returns the exit status."""
    folder = args.run_folder
    out = args.out or folder.with_name(f"{folder.resolve().name}-rescored")
    try:
        options = parse_options(args.option, flag="--option")
        rescoring = Rescoring(args.verifier, options, args.turns, args.workers)
        summary = rescore(folder, rescoring, out)
    except (ValueError, OSError) as error:
        complain("rescore", error)
        return EXIT_USAGE
    show_summary(summary, title=f"{folder}, by {args.verifier}", folder=out)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{summary['changed']:,} of {summary['episodes']:,} verdicts changed.")
    return 0
