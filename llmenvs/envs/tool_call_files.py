"""Task sets of ``ToolCall-v0`` from the files of other data sets.

`load_tool_call_tasks` reads rows of our own form, `load_toolrl` ToolRL's ``rlla`` files,
`load_xlam` and `load_hermes` theirs, and `load_bfcl_tasks` the single-turn cases of the installed
package ``bfcl-eval``. Every fault names the file, the line and the field. A file is read whole, or
without the rows that cannot be read where ``skip_bad_rows`` says so; then a warning counts them.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmenvs.envs.tool_call_rows import hermes_rows, toolrl_row, xlam_row
from llmenvs.envs.tool_call_tasks import tool_call_tasks
from llmenvs.task_files import read_listed_rows
from llmenvs.tasks import TaskSet

Row = Mapping[str, Any]


def load_tool_call_tasks(path: Path, *, skip_bad_rows: bool = False) -> TaskSet:
    """Read rows that meet `TASK_SCHEMA`.

    Args:
        path: a ``.jsonl`` file in UTF-8, a ``.json`` file with a list of rows, or ``.parquet``.
        skip_bad_rows: leave out rows that cannot be read and warn, rather than raise.

    Raises:
        ValueError: a fault in the file, or no row that can be read.
        OSError: the file cannot be read.
        ModuleNotFoundError: Parquet without pyarrow.
    """
    return _load(path, lambda row: [dict(row)], skip_bad_rows=skip_bad_rows)


def load_toolrl(path: Path, *, skip_bad_rows: bool = False) -> TaskSet:
    """Read ToolRL's ``rlla`` files: Parquet for verl, or JSON with instruction, input and output.

    A task keeps the system prompt of the file, the ground truth for the reward ``toolrl``, and the
    tools that can be read from the prompt. Some ground truths of ``rlla_sft.json`` hold calls that
    are not JSON; ToolRL's own reward raises on them.

    The arguments and what it raises are those of `load_tool_call_tasks`.
    """
    return _load(path, lambda row: [toolrl_row(row)], skip_bad_rows=skip_bad_rows)


def load_xlam(path: Path, *, skip_bad_rows: bool = False) -> TaskSet:
    """Read rows with ``query``, ``tools`` and ``answers``, as in xlam-function-calling-60k.

    The arguments and what it raises are those of `load_tool_call_tasks`.
    """
    return _load(path, lambda row: [xlam_row(row)], skip_bad_rows=skip_bad_rows)


def load_hermes(path: Path, *, skip_bad_rows: bool = False) -> TaskSet:
    """Read rows with ``conversations`` and ``tools``, as in hermes-function-calling-v1.

    Each turn of the assistant is a task, with the dialogue before it.

    The arguments and what it raises are those of `load_tool_call_tasks`.
    """
    return _load(path, hermes_rows, skip_bad_rows=skip_bad_rows)


def _load(path: Path, tasks_of: Callable[[Row], Sequence[Row]], *, skip_bad_rows: bool) -> TaskSet:
    path = Path(path)  # a text does as well
    rows: list[Row] = []
    places: list[str] = []
    faults: list[str] = []
    for place, row in read_listed_rows(path):
        try:
            found = _converted(row, tasks_of, place)
            if found and skip_bad_rows:
                tool_call_tasks(found, places=[place] * len(found))
        except ValueError as error:
            if not skip_bad_rows:
                raise
            faults.append(str(error))
            continue
        rows += found
        places += [place] * len(found)
    if faults:
        warnings.warn(
            f"{path}: left out {len(faults)} rows that cannot be read, the first: {faults[0]}",
            stacklevel=3,
        )
    if not rows:
        raise ValueError(f"{path}: there is no task in it")
    return tool_call_tasks(rows, places=places)


def _converted(row: Row, tasks_of: Callable[[Row], Sequence[Row]], place: str) -> Sequence[Row]:
    try:
        return tasks_of(row)
    except ValueError as error:
        raise ValueError(f"{place}{error}") from error
