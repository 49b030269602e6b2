"""Task sets from files: JSON lines, gzipped or not, and Parquet where pyarrow is installed.

Every fault names the file, the line and the field, and what was expected there. A file is read
whole or not at all: half a task set would be another task set.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmenvs.tasks import TaskSet

_BOM = "\ufeff"


def load_tasks(
    path: Path,
    *,
    schema: Mapping[str, Any] | None = None,
    split: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> TaskSet:
    """Read the tasks of a ``.jsonl``, ``.jsonl.gz`` or ``.parquet`` file.

    GSM8K's files are tasks of ``MathAnswer-v0`` as they are, since the verifier reads ``#### 42``
    in a target; MATH's are with ``columns={"problem": "question", "solution": "answer"}``.

    Args:
        path: one JSON object a line in UTF-8, empty lines apart; or a Parquet table.
        schema: the JSON schema that every row must meet, such as `math_tasks.TASK_SCHEMA`.
        split: keep the rows whose field ``split`` is this; every row must then have one.
        columns: fields of the file to be called otherwise, by the name that they have there.

    Raises:
        ValueError: a fault in the file, or a split that no row has; the message names the splits.
        OSError: the file cannot be read.
        ModuleNotFoundError: Parquet without pyarrow.
    """
    places, rows = [], []
    for place, row in read_rows(path):
        places.append(place)
        rows.append({(columns or {}).get(name, name): value for name, value in row.items()})
    if not rows:
        raise ValueError(f"{path}: there is no task in it")
    tasks = TaskSet(rows, schema=schema, places=places)
    return tasks if split is None else _of_split(tasks, split, path, places)


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of such a file with its place, for messages.

    Raises:
        ValueError: a fault in the file.
        OSError: the file cannot be read.
        ModuleNotFoundError: Parquet without pyarrow.
    """
    readers = {".jsonl": _read_jsonl, ".parquet": _read_parquet}
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix not in readers or (suffix == ".parquet" and path.suffix == ".gz"):
        raise ValueError(f"{path}: a task file ends in .jsonl or .parquet, or in .jsonl.gz")
    return readers[suffix](path)


def read_listed_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of a file that `read_rows` reads, or of a JSON list in ``.json`` or its gzip.

    Raises:
        As `read_rows`.
    """
    if not path.name.endswith((".json", ".json.gz")):
        yield from read_rows(path)
        return
    try:
        rows = json.loads(read_bytes(path).decode("utf-8"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}:{line}: is not UTF-8 ({error.reason})") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: is not JSON ({error})") from error
    if not isinstance(rows, list):
        raise ValueError(f"{path}: must be a JSON list of rows, got {type(rows).__name__}")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ValueError(f"{path}: row {number}: must be an object, got {row!r:.80}")
        yield f"{path}: row {number}", row


def read_bytes(path: Path) -> bytes:
    """Return what is in a file, unpacked if its name ends in ``.gz``.

    Raises:
        ValueError: it is no whole gzip file.
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: is not a whole gzip file ({error})") from error


def _of_split(tasks: TaskSet, split: str, path: Path, places: list[str]) -> TaskSet:
    for task, place in zip(tasks, places, strict=True):
        if not isinstance(task.get("split"), str):
            raise ValueError(f"{place}['split']: must be a string, got {task.get('split')!r}")
    known = sorted({task["split"] for task in tasks})
    if split not in known:
        raise ValueError(f"{path}: no task has the split {split!r}; the splits are {known}")
    return tasks.filter(lambda task: task["split"] == split)


def _read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, data in enumerate(read_bytes(path).split(b"\n"), start=1):
        place = f"{path}:{number}"
        try:
            line = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{place}: is not UTF-8 ({error.reason})") from error
        if line.startswith(_BOM):
            raise ValueError(f"{place}: starts with a byte-order mark; save it as plain UTF-8")
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{place}: is not JSON at column {error.colno} ({error.msg}); "
                f"is the line cut off? It ends in {line.rstrip()[-20:]!r}"
            ) from error
        except RecursionError as error:
            raise ValueError(f"{place}: is nested too deep to be read") from error
        if not isinstance(row, dict):
            raise ValueError(f"{place}: must be a JSON object, got {type(row).__name__}")
        yield place, row


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path}: reading Parquet needs pyarrow; pip install pyarrow"
        ) from error
    for number, row in enumerate(parquet.read_table(path).to_pylist()):
        # A Parquet column has a value in every row; None is how a row says that it has none.
        yield f"{path}: row {number}", {k: v for k, v in row.items() if v is not None}
