"""Write scored rows so that a run can be killed at any moment and taken up again.

The rows stand in the order of the input, so the number of whole lines written says where to go on;
half a line at the end is cut off. Beside the output, ``OUTPUT.run.json`` says what it belongs to:
the input (by its SHA-256), the verifier, its options, the fields and the version. A run with
anything else refuses to touch it.

JSONL output is each input record as it was, with the verdict as its last field; what was no record
is ``{"verdict": …}`` alone. Parquet cannot be appended to: there the verdicts go to
``OUTPUT.partial.jsonl``, and `llmenvs.commands.score_parquet` puts the file together at the end.
"""

import contextlib
import fcntl
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from llmenvs.commands.score_input import Fields, InputRow, RowReader
from llmenvs.verifiers.verdict import Status, Verdict

_FLUSH_S = 0.2


@dataclass(frozen=True, slots=True)
class Identity:
    """What an output belongs to. Two runs with the same identity write the same rows.

    Attributes:
        llmenvs: version of this package.
        verifier: name of the verifier.
        options: of its constructor.
        fields: that were read and written.
        input_sha256: of the bytes of the input.
    """

    llmenvs: str
    verifier: str
    options: Mapping[str, Any]
    fields: Mapping[str, str | None]
    input_sha256: str


class CorruptOutput(Exception):
    """What an output holds cannot come from the run that it is said to belong to."""


class Output(Protocol):
    """Where scored rows go."""

    def restore(self) -> Iterator[Verdict]:
        """Yield the verdicts that an earlier run wrote, in order; to be exhausted before `add`."""
        ...

    def add(self, row: InputRow, verdict: Verdict) -> None:
        """Write the next row."""
        ...

    def finish(self) -> None:
        """Complete the output, once all rows are added."""
        ...

    def close(self) -> None:
        """Let go of the files, finished or not."""
        ...


def open_output(
    path: Path, *, identity: Identity, fields: Fields, reader: RowReader, overwrite: bool
) -> Output:
    """Return the output at ``path``, to be taken up where an earlier run left it.

    Raises:
        ValueError: the suffix is neither .jsonl nor .parquet, or what is there belongs to another
            run or is being written by one.
    """
    from llmenvs.commands.score_parquet import ParquetOutput

    if path.suffix not in (".jsonl", ".parquet"):
        raise ValueError(f"output must end in .jsonl or .parquet, got {str(path)!r}")
    partial = path.with_name(path.name + ".partial.jsonl")
    claim(path, partial, identity, overwrite=overwrite)
    if path.suffix == ".jsonl":
        return JSONLOutput(path, fields.verdict)
    return ParquetOutput(path, partial, fields.verdict, reader)


def claim(path: Path, partial: Path, identity: Identity, *, overwrite: bool) -> None:
    """Make ``path`` the output of this run, or find that it is already.

    Raises:
        ValueError: it belongs to another run.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    record_path = path.with_name(path.name + ".run.json")
    if overwrite:
        for old in (path, partial):
            if old.exists():
                LineFile(old).close()  # fails while another run writes it
                old.unlink()
        record_path.unlink(missing_ok=True)
    ours = asdict(identity)
    if path.exists() or partial.exists():
        remedy = "pass --overwrite to start again, or choose another --output"
        try:
            theirs = json.loads(record_path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{str(path)!r} exists and {record_path.name!r}, which would say what it belongs "
                f"to, cannot be read: {remedy}"
            ) from error
        for key, value in ours.items():
            if theirs.get(key) != value:
                raise ValueError(
                    f"{str(path)!r} belongs to another run: its {key} is {theirs.get(key)!r}, "
                    f"not {value!r}; {remedy}"
                )
        return
    write_atomically(record_path, json.dumps(ours, indent=2) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    draft = path.with_name(path.name + ".tmp")
    draft.write_text(text, "utf-8")
    os.replace(draft, path)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class JSONLOutput:
    """A JSONL file of records with their verdicts."""

    def __init__(self, path: Path, verdict_field: str) -> None:
        self._lines = LineFile(path)
        self._verdict_field = verdict_field

    def restore(self) -> Iterator[Verdict]:
        """Yield the verdicts that an earlier run wrote."""
        for line in self._lines.restore():
            try:
                verdict = verdict_of(json.loads(line)[self._verdict_field])
            except (ValueError, KeyError, TypeError) as error:
                raise CorruptOutput(f"the output holds what is no scored row: {line!r}") from error
            yield verdict

    def add(self, row: InputRow, verdict: Verdict) -> None:
        """Append the record with its verdict."""
        self._lines.append(self._line(row, verdict_json(verdict)))

    def _line(self, row: InputRow, verdict: str) -> str:
        field = f"{json.dumps(self._verdict_field)}: {verdict}}}"
        text = row.text
        if text is None:
            if not row.record:
                return "{" + field
            text = json.dumps(_jsonable(row.record), ensure_ascii=False)
        # The text is the record as it was read: nothing in it is rounded, reordered or lost.
        start = text[:-1].rstrip()
        return f"{start}{'' if start == '{' else ', '}{field}"

    def finish(self) -> None:
        """Write out what is left."""
        self._lines.flush()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


class LineFile:
    """A file of lines that one process at a time appends to; mutable.

    Raises:
        ValueError: another process has it.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "a+b")  # noqa: SIM115 (closed by close)
        self._flushed_at = time.monotonic()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise ValueError(f"{str(path)!r} is being written by another run") from error

    def restore(self) -> Iterator[bytes]:
        """Yield the whole lines that are there, and cut off half a line after them."""
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            end += len(line)
            yield line
        self._file.truncate(end)

    def append(self, text: str) -> None:
        """Write one line; it reaches the system within `_FLUSH_S` of further lines."""
        self._file.write(text.encode("utf-8") + b"\n")
        now = time.monotonic()
        if now - self._flushed_at > _FLUSH_S:
            self._flushed_at = now
            self._file.flush()

    def flush(self) -> None:
        """Hand everything to the system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file, which also lets go of the lock."""
        with contextlib.suppress(OSError):
            self._file.close()


def verdict_json(verdict: Verdict) -> str:
    """Return a verdict as JSON, in ASCII; a part that is not finite becomes null."""
    fields = verdict.to_dict()
    fields["parts"] = {
        name: value if math.isfinite(value) else None for name, value in verdict.parts.items()
    }
    return json.dumps(fields)


def verdict_of(fields: Mapping[str, Any]) -> Verdict:
    """Return the verdict that `verdict_json` wrote.

    Raises:
        ValueError, KeyError, TypeError: the fields are not those of a verdict.
    """
    parts = {name: math.nan if value is None else value for name, value in fields["parts"].items()}
    return Verdict(
        fields["score"],
        fields["success"],
        Status(fields["status"]),
        parts,
        fields["reason"],
        fields["extracted"],
    )


def _jsonable(value: Any) -> Any:
    """Return a value of a Parquet cell as JSON has it: what it has not becomes null or a str."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return str(value)
