"""Run the tests and the example of every trainer in a virtual environment of its own.

    python tests/trainers/run.py                        # all of them
    python tests/trainers/run.py --only verl prime

Trainers pin packages against each other, so that each has an environment under
``.venv-integrations``, which is made when its pins change and kept else. Everything runs outside of
the checkout, whose folders ``verifiers`` and ``agents`` have the names of other packages. What one
run found is kept in ``results.jsonl`` beside this file; ``docs/compatibility.md`` is made of it.
A test that is skipped counts as failed, since the trainer is there.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results.jsonl")
PAGE = ROOT / "docs" / "compatibility.md"
LIMIT_S = 1800


@dataclass(frozen=True, slots=True)
class Trainer:
    """One row of ``trainers.toml``, and so of the table.

    Attributes:
        name: of its virtual environment, and on the command line.
        title: in the table.
        package: on PyPI, of which the installed version is told.
        kind: what the tests do with it.
        lost: what of a trajectory it cannot carry.
        tests: files of ``tests/llmenvs/integrations``.
        example: a file of ``examples``, with its arguments.
        requires: what pip installs, pinned. Empty: it is in this environment already.
        without_dependencies: what pip installs first and alone, where its own pins cannot be met.
    """

    name: str
    title: str
    package: str
    kind: str
    lost: str
    tests: Sequence[str]
    example: Sequence[str]
    requires: Sequence[str] = ()
    without_dependencies: Sequence[str] = ()


def read_trainers() -> list[Trainer]:
    """Return the rows, in their order."""
    rows = tomllib.loads(Path(__file__).with_name("trainers.toml").read_text())
    return [Trainer(name, **row) for name, row in rows.items()]


TRAINERS = read_trainers()


def main() -> int:
    """Run what was asked for; returns 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [trainer.name for trainer in TRAINERS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--venvs", type=Path, default=ROOT / ".venv-integrations")
    parser.add_argument("--page-only", action="store_true", help="make the page of the results")
    args = parser.parse_args()
    results = read_results()
    for trainer in TRAINERS:
        if trainer.name in args.only and not args.page_only:
            print(f"{trainer.title} ...", flush=True)  # noqa: T201 (a program)
            result = run_trainer(trainer, args.venvs.resolve())
            # What is done stays, whatever becomes of the others, here and in another run.
            results = {**read_results(), trainer.name: result}
            write_results(results)
    table = table_of(results)
    write_page(table)
    print("\n".join(table))  # noqa: T201 (a program)
    return int(any(not results[name]["ok"] for name in args.only if name in results))


def run_trainer(trainer: Trainer, venvs: Path) -> dict[str, Any]:
    """Return the result of one trainer; a failure is a result, too."""
    started = time.monotonic()
    result: dict[str, Any] = {"name": trainer.name, "ok": False, "date": str(_today())}
    try:
        python = ready_python(trainer, venvs)
        result |= {"version": installed_version(python, trainer), "python": python_version(python)}
        with tempfile.TemporaryDirectory() as folder:
            result |= run_tests(trainer, python, Path(folder))
            result["example"] = run_example(trainer, python, Path(folder))
    except (subprocess.SubprocessError, OSError) as error:
        result["error"] = _told(error)
    result["ok"] = (
        result.get("passed", 0) > 0
        and not any(result.get(key) for key in ("failed", "skipped", "error"))
        and result.get("example") == "ran"
    )
    return {**result, "seconds": round(time.monotonic() - started)}


def ready_python(trainer: Trainer, venvs: Path) -> Path:
    """Return the interpreter that has the trainer; make its environment where it is not there."""
    if not trainer.requires:
        return Path(sys.executable)
    folder = venvs / trainer.name
    python, stamp = folder / "bin" / "python", folder / "installed.json"
    pins = json.dumps([trainer.without_dependencies, trainer.requires])
    if not stamp.exists() or stamp.read_text() != pins:
        venvs.mkdir(parents=True, exist_ok=True)
        (venvs / ".gitignore").write_text("*\n")
        venv.create(folder, clear=True, with_pip=True)
        if trainer.without_dependencies:
            _pip(python, "--no-deps", *trainer.without_dependencies)
        _pip(python, *trainer.requires, "-e", str(ROOT))
        stamp.write_text(pins)
    return python


def run_tests(trainer: Trainer, python: Path, folder: Path) -> dict[str, Any]:
    """Return how many tests passed, failed and were skipped."""
    report = folder / "report.xml"
    files = [str(ROOT / "tests" / "llmenvs" / "integrations" / name) for name in trainer.tests]
    options = ["-q", "-p", "no:cacheprovider", "-o", "filterwarnings=default", "--tb=short"]
    _run(
        [
            str(python),
            "-P",  # without it the working folder is on the path
            "-m",
            "pytest",
            *options,
            *("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)),
            f"--junitxml={report}",
            *files,
        ],
        folder,
    )
    if not report.exists():
        return {"passed": 0, "failed": 0, "skipped": 0, "error": "pytest could not start"}
    suite = next(ElementTree.parse(report).iter("testsuite"))  # noqa: S314 (our own file)
    count = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    passed = count["tests"] - failed - count["skipped"]
    return {"passed": passed, "failed": failed, "skipped": count["skipped"]}


def run_example(trainer: Trainer, python: Path, folder: Path) -> str:
    """Return "ran", or how the example ended."""
    name, *arguments = trainer.example
    script = ROOT / "examples" / name
    if not script.exists():
        return f"{name} is not there"
    done = _run([str(python), "-P", str(script), *arguments], folder)
    return "ran" if done.returncode == 0 else f"ended with status {done.returncode}"


def installed_version(python: Path, trainer: Trainer) -> str | None:
    """Return the version of the trainer, None where it is not installed."""
    program = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    done = subprocess.run(
        [python, "-P", "-c", program, trainer.package], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None


def python_version(python: Path) -> str:
    """Return the version of an interpreter."""
    if python == Path(sys.executable):
        return platform.python_version()
    program = "import platform; print(platform.python_version())"
    return subprocess.run(
        [python, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()


def read_results() -> dict[str, dict[str, Any]]:
    """Return the last result of each trainer, by name."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return {row["name"]: row for row in map(json.loads, lines)}


def write_results(results: dict[str, dict[str, Any]]) -> None:
    """Keep the results, in the order of the table."""
    rows = [results[trainer.name] for trainer in TRAINERS if trainer.name in results]
    RESULTS.write_text("".join(json.dumps(row) + "\n" for row in rows))


def table_of(results: dict[str, dict[str, Any]]) -> list[str]:
    """Return the lines of the table."""
    head = ("trainer", "tested version", "Python", "date", "how", "result", "what is lost")
    rows = [head, tuple("---" for _ in head)]
    for trainer in TRAINERS:
        if (result := results.get(trainer.name)) is None:
            continue
        version, python = result.get("version") or "not installed", result.get("python") or ""
        outcome = _outcome(result)
        date = result["date"]
        rows.append((trainer.title, version, python, date, trainer.kind, outcome, trainer.lost))
    return ["| " + " | ".join(row) + " |" for row in rows]


def write_page(table: Sequence[str]) -> None:
    """Write the page."""
    text = (
        "# Which trainers it works with\n\n"
        "Made by `make test-integrations` (`tests/trainers/run.py`), which installs each trainer, "
        "runs its tests and its example, and writes this page; edit neither by hand. Another "
        "version than the tested one gives an `UntestedVersionWarning`.\n\n"
    )
    PAGE.write_text(text + "\n".join(table) + "\n")


def _outcome(result: dict[str, Any]) -> str:
    if result["ok"]:
        return f"{result['passed']} tests passed, the example ran"
    counts = [f"{result[k]} {k}" for k in ("passed", "failed", "skipped") if result.get(k)]
    example = result.get("example")
    if example not in (None, "ran"):
        counts.append(f"the example {example}")
    return "FAILED: " + (result.get("error") or ", ".join(counts) or "no test ran")


def _pip(python: Path, *words: str) -> None:
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *words],
        check=True,
        timeout=LIMIT_S,
    )


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"  # a trainer's own programs
    settings = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=settings, timeout=LIMIT_S, check=False)


def _told(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"{Path(error.cmd[0]).name} {error.cmd[2]} ended with status {error.returncode}"
    return f"{type(error).__name__}: {error}"


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()


if __name__ == "__main__":
    sys.exit(main())
