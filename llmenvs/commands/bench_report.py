"""`llmenvs bench report`: one HTML page of a run, with its figures and every transcript.

    llmenvs bench report runs/x                  # writes runs/x/report.html
    llmenvs bench report runs/x runs/y --out both.html

The page opens from the disk, without a network.
"""

import argparse
from pathlib import Path

from rich.console import Console

from llmenvs.commands.complaints import EXIT_USAGE, complain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="folders of `bench --out`"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        dest="page",
        help="the page; report.html in the first folder by default",
    )
    parser.add_argument("--title", default="", help="of the page")


def run(args: argparse.Namespace) -> int:
    """Write the page; returns the exit status."""
    from llmenvs.bench.report import write_report

    page: Path = args.page or args.runs[0] / "report.html"
    try:
        count = write_report(page, args.runs, title=args.title)
    except (ValueError, OSError) as error:
        complain("bench report", error)
        return EXIT_USAGE
    Console(soft_wrap=True, highlight=False, markup=False).print(
        f"Written: {page}, {count:,} episodes. Open it in a browser."
    )
    return 0
