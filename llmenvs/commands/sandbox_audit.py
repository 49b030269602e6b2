"""`llmenvs sandbox audit`: do the tests of code tasks accept the reference and nothing else?

    llmenvs sandbox audit code_test --out runs/audit
    llmenvs sandbox audit humaneval --out runs/humaneval
    llmenvs sandbox audit mbpp:sanitized-mbpp.json
    llmenvs sandbox audit tasks.jsonl

Of each task the reference runs several times; then programs that do nothing, give back their input,
always give the same, or know only the prompt's examples; then mutants of the reference. Stop it
when you like: the same command with --out goes on where it was. The exit status is 0 if nothing was
found, 1 if something was, 2 if the tasks cannot be read, and 130 if it was stopped.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from llmenvs.audit.audit import AuditConfig, Record
from llmenvs.audit.run import AuditRun
from llmenvs.audit.tasks import read_tasks
from llmenvs.commands.complaints import EXIT_INTERRUPTED, EXIT_USAGE, complain
from llmenvs.progress import progress_bar
from llmenvs.verifiers.code.job import SandboxUnavailable
from llmenvs.verifiers.code.open_sandbox import BACKENDS, open_sandbox

SUMMARY = "find weak, flaky and leaking tests of code tasks"
EXIT_FOUND = 1
_MOST_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of the command line."""
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    default = AuditConfig()
    parser.add_argument(
        "tasks",
        metavar="TASKS",
        help="code_test, humaneval, a file of rows, or humaneval:FILE, mbpp:FILE, evalplus:FILE, "
        "livecodebench:FILE",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="for the results")
    parser.add_argument("--overwrite", action="store_true", help="drop another audit in --out")
    parser.add_argument("--instances", type=int, default=1, help="of each problem of code_test")
    parser.add_argument("--repeats", type=int, default=default.repeats, help="of the reference")
    parser.add_argument("--max-mutants", type=int, default=default.max_mutants, help="of one task")
    parser.add_argument(
        "--weak-below", type=float, default=default.weak_below, help="share of mutants to fail"
    )
    parser.add_argument(
        "--mutant-cpu-s", type=float, default=default.mutant_cpu_s, help="limit of a mutant"
    )
    parser.add_argument("--seed", type=int, default=default.seed, help="of the draw of mutants")
    parser.add_argument("--backend", choices=BACKENDS, help="of the sandbox")
    parser.add_argument("--workers", type=int, default=2, help="tasks at a time")


def run(args: argparse.Namespace) -> int:
    """Audit, show what was found, and return the exit status."""
    done: list[Record] = []
    try:
        audit = _set_up(args)
        _audit(audit, args, done)
    except KeyboardInterrupt:
        again = "; the same command goes on from here" if args.out is not None else ""
        complain("sandbox audit", f"stopped after {len(done)} tasks{again}")
        return EXIT_INTERRUPTED
    except (ValueError, OSError, ModuleNotFoundError, SandboxUnavailable) as error:
        complain("sandbox audit", error)
        return EXIT_USAGE
    summary = audit.finish()
    _show(summary, audit.records, args.out)
    return 0 if summary["sound"] == summary["tasks"] else EXIT_FOUND


def _set_up(args: argparse.Namespace) -> AuditRun:
    if args.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {args.workers}")
    config = AuditConfig(
        repeats=args.repeats,
        max_mutants=args.max_mutants,
        weak_below=args.weak_below,
        mutant_cpu_s=args.mutant_cpu_s,
        seed=args.seed,
    )
    tasks, faults = read_tasks(args.tasks, instances=args.instances)
    return AuditRun(
        args.tasks, tasks, config, faults=faults, out=args.out, overwrite=args.overwrite
    )


def _audit(audit: AuditRun, args: argparse.Namespace, done: list[Record]) -> None:
    waiting = len(audit.waiting)
    shown = Console(stderr=True).is_terminal
    with (
        open_sandbox(args.backend, workers=args.workers) as sandbox,
        progress_bar("audit", total=waiting, shown=shown and waiting > 0) as bar,
    ):
        for record in audit.run(sandbox, workers=args.workers):
            done.append(record)
            bar.advance(record["task_id"])


def _show(summary: Mapping[str, Any], records: Sequence[Record], out: Path | None) -> None:
    console = Console()
    table = Table(title=f"audit of {summary['tasks_name']}", show_header=False)
    table.add_row("tasks", f"{summary['tasks']}, {summary['sound']} without a finding")
    for kind, count in summary["findings"].items():
        if count:
            table.add_row(kind, str(count))
    if summary["mutation_score"] is not None:
        counts = f"{summary['killed']} of {summary['mutants']} mutants fail"
        table.add_row("mutation score", f"{summary['mutation_score']:.1%}, {counts}")
    console.print(table)
    found = [record for record in records if record["findings"]]
    for record in found[:_MOST_SHOWN]:
        details = "; ".join(f"{each['kind']}: {each['detail']}" for each in record["findings"])
        line = f"{record['task_id']}: {details}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(found) > _MOST_SHOWN:
        console.print(f"and {len(found) - _MOST_SHOWN} more tasks", highlight=False)
    if out is not None:
        line = f"the whole report is {out / 'report.md'}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
