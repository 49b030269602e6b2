"""`llmenvs score`: run a verifier over a file of completions.

    llmenvs score --verifier math --input outputs.jsonl --target-field answer --output scored.jsonl
    llmenvs score --engine ray --ray-address 10.0.0.1:6379 --verifier math --input outputs.jsonl …

Rows stream through worker processes and are written in order; run the same command again after a
kill and it goes on where it was. A bad row is a row with status error, not the end.
"""

import argparse
import contextlib
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from llmenvs import __version__
from llmenvs.commands.engine_options import add_engine_arguments, check_engine
from llmenvs.commands.options import parse_options
from llmenvs.commands.score_input import Fields, InputRow, RowReader, open_input
from llmenvs.commands.score_output import (
    CorruptOutput,
    Identity,
    Output,
    open_output,
    sha256_of,
    write_atomically,
)
from llmenvs.commands.score_summary import Summary
from llmenvs.engines.ray_cluster import ClusterError
from llmenvs.verifiers.judge import failure
from llmenvs.verifiers.registry import load_verifier
from llmenvs.verifiers.scoring import TIMEOUT_S, score_stream
from llmenvs.verifiers.verdict import Verdict, Verifier
from llmenvs.verifiers.worker_pool import WorkerError

DESCRIPTION = "score a file of completions with a verifier"

EXIT_NOTHING_SCORED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--verifier", required=True, metavar="NAME", help="see `llmenvs verifiers`")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the verifier; the value is read as JSON, or as text where it is none; repeatable",
    )
    parser.add_argument("--input", required=True, type=Path, help=".jsonl or .parquet")
    parser.add_argument("--output", type=Path, help=".jsonl or .parquet; only sum up by default")
    parser.add_argument("--overwrite", action="store_true", help="start --output again")
    parser.add_argument("--completion-field", default="completion", metavar="FIELD")
    parser.add_argument(
        "--target-field",
        metavar="FIELD",
        help="may go into objects, as in reward_model.ground_truth; by default the target is None",
    )
    parser.add_argument("--verdict-field", default="verdict", metavar="FIELD")
    parser.add_argument("--out", type=Path, metavar="DIR", help="leave summary.json there")
    parser.add_argument(
        "--workers", type=int, help="processes, 0 for none; by default one for each core"
    )
    parser.add_argument(
        "--timeout-s", type=float, default=TIMEOUT_S, help="of one row, in a worker"
    )
    add_engine_arguments(parser)
    parser.add_argument(
        "--explain",
        nargs="*",
        type=int,
        metavar="NUMBER",
        help="say why each row, or each of these lines, got its score",
    )


def available_cores() -> int:
    """Return on how many cores this process may run."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Job:
    """All that one run works with."""

    verifier: Verifier
    reader: RowReader
    output: Output | None
    score: Callable[[Verifier, Iterable[tuple[str, Any]]], Iterator[Verdict]]
    explained: Collection[int] | None  # of these lines, or of all where empty
    summary: Summary


def run(args: argparse.Namespace) -> int:
    """Score, report, and return the exit status: 0 unless no row at all could be scored."""
    try:
        job = _set_up(args)
    except (ValueError, OSError, ImportError) as error:
        return _complain(str(error), EXIT_USAGE)
    try:
        _score(job)
    except KeyboardInterrupt:
        again = "" if job.output is None else "; run the same command again to go on"
        return _complain(f"stopped after {job.summary.num_rows:,} rows{again}", EXIT_INTERRUPTED)
    except (CorruptOutput, WorkerError, ClusterError) as error:
        return _complain(str(error), EXIT_USAGE)
    finally:
        if job.output is not None:
            job.output.close()
    _report(args, job.summary)
    return EXIT_NOTHING_SCORED if job.summary.num_rows and not job.summary.score.count else 0


def _complain(message: str, status: int) -> int:
    Console(stderr=True).print(
        f"llmenvs score: {message}", markup=False, highlight=False, soft_wrap=True
    )
    return status


def _set_up(args: argparse.Namespace) -> _Job:
    options = parse_options(args.option, flag="--option")
    verifier = load_verifier(args.verifier, options)
    score = _engine(args)
    fields = Fields(args.completion_field, args.target_field, args.verdict_field)
    reader = open_input(args.input, fields)
    output = None if args.output is None else _open_output(args, options, fields, reader)
    return _Job(verifier, reader, output, score, args.explain, Summary())


def _engine(args: argparse.Namespace) -> Callable[..., Iterator[Verdict]]:
    """Return what scores a stream of rows, here or on a cluster."""
    least = 1 if args.engine == "ray" else 0
    if (args.workers is not None and args.workers < least) or not args.timeout_s > 0:
        raise ValueError(
            f"need --workers >= {least} and --timeout-s > 0, "
            f"got {args.workers} and {args.timeout_s}"
        )
    check_engine(args)
    if args.engine == "ray":
        from llmenvs.engines.ray_scoring import score_on_ray  # needed with Ray alone

        return partial(
            score_on_ray,
            address=args.ray_address,
            workers=args.workers,
            timeout_s=args.timeout_s,
        )
    workers = available_cores() if args.workers is None else args.workers
    return partial(score_stream, workers=workers, timeout_s=args.timeout_s)


def _open_output(
    args: argparse.Namespace, options: Mapping[str, Any], fields: Fields, reader: RowReader
) -> Output:
    if args.output.exists() and args.output.samefile(args.input):
        raise ValueError(f"--output is the input, {str(args.input)!r}")
    sha256 = sha256_of(args.input)
    identity = Identity(__version__, args.verifier, options, asdict(fields), sha256)
    return open_output(
        args.output, identity=identity, fields=fields, reader=reader, overwrite=args.overwrite
    )


def _score(job: _Job) -> None:
    """Go through all rows: first those that an earlier run has scored, then the others."""
    rows = iter(job.reader)
    with _progress(shown=job.explained is None) as progress:
        task = progress.add_task("scoring", total=job.reader.total, rows="")

        def count(row: InputRow, verdict: Verdict) -> None:
            job.summary.add(verdict)
            _explain(row, verdict, job.explained)
            if job.summary.num_rows % 64 == 0:
                progress.update(task, completed=row.end, rows=f"{job.summary.num_rows:,} rows")

        if job.output is not None:
            for verdict in job.output.restore():
                count(_next_row(rows), verdict)
        with contextlib.closing(_scored(job, rows)) as scored:
            for row, verdict in scored:
                if job.output is not None:
                    job.output.add(row, verdict)
                count(row, verdict)
        progress.update(task, completed=job.reader.total, rows=f"{job.summary.num_rows:,} rows")
        if job.output is not None:
            job.output.finish()


def _next_row(rows: Iterator[InputRow]) -> InputRow:
    row = next(rows, None)
    if row is None:
        raise CorruptOutput("the output holds more rows than the input")
    return row


def _scored(job: _Job, rows: Iterator[InputRow]) -> Generator[tuple[InputRow, Verdict], None, None]:
    waiting: deque[InputRow] = deque()

    def pairs() -> Iterator[tuple[str, Any]]:
        for row in rows:
            waiting.append(row)
            # A bad row goes through as well, as "", and so keeps its turn and the memory bound.
            yield row.completion, row.target

    for verdict in job.score(job.verifier, pairs()):
        row = waiting.popleft()
        yield row, verdict if row.problem is None else failure(row.problem)


def _progress(*, shown: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not (shown and console.is_terminal),
    )


def _explain(row: InputRow, verdict: Verdict, numbers: Collection[int] | None) -> None:
    if numbers is not None and (not numbers or int(row.place.split()[1]) in numbers):
        sys.stdout.write(f"{explanation(row, verdict)}\n")


def explanation(row: InputRow, verdict: Verdict) -> str:
    """Return in a few lines why a row got its score."""
    score = "no score" if verdict.score is None else f"score {verdict.score:g}"
    lines = [f"{row.place}: {score}, {verdict.status.value}: {verdict.reason}"]
    if verdict.extracted is not None:
        lines.append(f"  extracted {verdict.extracted!r}")
    if row.target is not None:
        lines.append(f"  target {row.target!r}")
    lines += [f"  part {name} {value:g}" for name, value in verdict.parts.items()]
    return "\n".join(lines)


def _report(args: argparse.Namespace, summary: Summary) -> None:
    table = Table(title=f"{args.verifier} on {args.input.name}", show_header=False)
    for what, value in summary.lines().items():
        table.add_row(what, value)
    Console().print(table)
    if args.out is not None:
        content: Mapping[str, Any] = {
            "verifier": args.verifier,
            "options": parse_options(args.option, flag="--option"),
            **summary.to_dict(),
        }
        args.out.mkdir(parents=True, exist_ok=True)
        write_atomically(args.out / "summary.json", json.dumps(content, indent=2) + "\n")
