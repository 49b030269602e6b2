"""Read the rows to score from JSONL or Parquet, one at a time; a bad row is a row with a problem.

JSONL is read as RFC 8259 has it: UTF-8, and no NaN or Infinity. A byte order mark is accepted at
the start of the file, where the RFC allows it, and nowhere else; blank lines are no rows. Lines end
at a line feed alone, so that U+2028 and the like may stand in a text.
"""

import importlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

MAX_LINE_BYTES = 1 << 26
"""A longer line is a bad row: it bounds the memory that one row can take."""

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_BATCH_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields to read. A dot goes into an object, as in ``reward_model.ground_truth``.

    Attributes:
        completion: holds what the policy wrote.
        target: holds the target; None for verifiers that take None.
        verdict: is added to the record, and must not be there yet.
    """

    completion: str
    target: str | None
    verdict: str


@dataclass(frozen=True, slots=True)
class InputRow:
    """One row, good or bad.

    Attributes:
        place: where it stands, as "line 3" or "row 3", counted from 1.
        end: how far the input is read after it, in the unit of ``RowReader.total``.
        record: all its fields; None for what is no record.
        text: the record as the JSON text that it was read from; None if it was not.
        completion: "" for a bad row.
        target: None for a bad row.
        problem: what is wrong with it, with its place; None for a good row.
    """

    place: str
    end: int
    record: Mapping[str, Any] | None = None
    text: str | None = None
    completion: str = ""
    target: Any = None
    problem: str | None = None


class RowReader(Protocol):
    """A file of rows; each iteration starts again at the first."""

    total: int

    def __iter__(self) -> Iterator[InputRow]: ...


def open_input(path: Path, fields: Fields) -> RowReader:
    """Return a reader for ``path``, by its suffix.

    Raises:
        ValueError: the suffix is neither .jsonl nor .parquet, or the file is not of that format.
        OSError: the file cannot be read.
    """
    if path.suffix == ".jsonl":
        return JSONLReader(path, fields)
    if path.suffix == ".parquet":
        return ParquetReader(path, fields)
    raise ValueError(f"input must end in .jsonl or .parquet, got {str(path)!r}")


class JSONLReader:
    """Rows of a JSONL file; ``total`` is its size in bytes."""

    def __init__(self, path: Path, fields: Fields) -> None:
        self.total = os.path.getsize(path)
        self._path = path
        self._fields = fields
        with open(path, "rb") as file:
            if file.read(2) in _UTF16_BOMS:
                raise ValueError(f"input must be UTF-8, {str(path)!r} begins as UTF-16 does")

    def __iter__(self) -> Iterator[InputRow]:
        decoder = _Decoder()
        with open(self._path, "rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                too_long = len(line) == MAX_LINE_BYTES and not line.endswith(b"\n")
                while too_long and (rest := file.readline(MAX_LINE_BYTES)):
                    if rest.endswith(b"\n"):
                        break
                if number == 1:
                    line = line.removeprefix(_UTF8_BOM)
                if line.isspace() or not line:
                    continue
                place, end = f"line {number}", file.tell()
                if too_long:
                    problem = f"{place}: longer than {MAX_LINE_BYTES} bytes"
                    yield InputRow(place, end, problem=problem)
                else:
                    yield _row_of_line(line, place, end, self._fields, decoder)


class ParquetReader:
    """Rows of a Parquet file; ``total`` is their number."""

    def __init__(self, path: Path, fields: Fields) -> None:
        self.file = import_pyarrow("pyarrow.parquet").ParquetFile(path)
        self.total: int = self.file.metadata.num_rows
        self._fields = fields
        if fields.verdict in self.file.schema_arrow.names:
            raise ValueError(
                f"input has a column {fields.verdict!r} already; choose another --verdict-field"
            )

    def __iter__(self) -> Iterator[InputRow]:
        number = 0
        for batch in self.file.iter_batches(batch_size=_BATCH_ROWS):
            for record in batch.to_pylist():
                number += 1
                yield _row_of_record(record, f"row {number}", number, None, self._fields)


def import_pyarrow(module: str) -> Any:
    """Return a module of pyarrow.

    Raises:
        ValueError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"Parquet needs pyarrow, which cannot be imported ({error}): pip install pyarrow"
        ) from error


class _Decoder(json.JSONDecoder):
    """A decoder that notes whether a number is not finite, which JSON does not have.

    Attributes:
        all_finite: whether all numbers have been finite since it was last set to True.
    """

    def __init__(self) -> None:
        super().__init__(parse_constant=self._read_float, parse_float=self._read_float)
        self.all_finite = True

    def _read_float(self, text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            self.all_finite = False
        return value


def _row_of_line(line: bytes, place: str, end: int, fields: Fields, decoder: _Decoder) -> InputRow:
    try:
        text = line.decode("utf-8").strip(" \t\r\n")
        record = _decode_record(text, decoder)
        if fields.verdict in record:
            raise ValueError(
                f", field {fields.verdict!r}: is there already; choose another --verdict-field"
            )
    except UnicodeDecodeError as error:
        problem = f": not UTF-8: byte 0x{line[error.start]:02x} at column {error.start + 1}"
    except json.JSONDecodeError as error:
        cut = "" if line.endswith(b"\n") else "; the file ends in the middle of this line"
        problem = f": not JSON: {error.msg} (column {error.colno}){cut}"
    except RecursionError:
        problem = ": nested too deeply"
    except ValueError as error:
        problem = str(error)
    else:
        return _row_of_record(record, place, end, text, fields)
    return InputRow(place, end, problem=f"{place}{problem}")


def _decode_record(text: str, decoder: _Decoder) -> dict[str, Any]:
    if text.startswith("\ufeff"):
        raise ValueError(": begins with a byte order mark, which may only begin the file")
    decoder.all_finite = True
    try:
        record = decoder.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # an integer with more digits than Python converts
        raise ValueError(": an integer has too many digits") from error
    # Escapes of surrogates; most lines have none, and need no second look.
    if not decoder.all_finite or "\\ud" in text or "\\uD" in text:
        fault = _find_fault(record, "")
        if fault is not None:
            raise ValueError(fault)
    if not isinstance(record, dict):
        raise ValueError(f": must be a JSON object, got {type(record).__name__}")
    return record


def _row_of_record(
    record: Mapping[str, Any], place: str, end: int, text: str | None, fields: Fields
) -> InputRow:
    try:
        completion = _field(record, fields.completion)
        if not isinstance(completion, str):
            got = type(completion).__name__
            raise ValueError(f"field {fields.completion!r}: must be a str, got {got}")
        target = None if fields.target is None else _field(record, fields.target)
    except ValueError as error:
        return InputRow(place, end, record, text, problem=f"{place}, {error}")
    return InputRow(place, end, record, text, completion, target)


def _field(record: Mapping[str, Any], name: str) -> Any:
    if name in record:
        return record[name]
    value: Any = record
    for step in name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            known = ", ".join(map(repr, record)) or "no fields"
            raise ValueError(f"field {name!r}: missing; the record has {known}")
        value = value[step]
    return value


def _find_fault(value: Any, path: str) -> str | None:
    """Return what in a JSON value is not JSON or not Unicode, with its field; None if nothing."""
    if isinstance(value, float) and not math.isfinite(value):
        return f", field {path!r}: {value} is no JSON number"
    if isinstance(value, str) and not _is_unicode(value):
        return f", field {path!r}: holds half a surrogate pair, which is not valid Unicode"
    if isinstance(value, list):
        inner = ((item, f"{path}[{i}]") for i, item in enumerate(value))
    elif isinstance(value, dict):
        if bad := next((key for key in value if not _is_unicode(key)), None):
            return f", field {bad!r}: its name holds half a surrogate pair"
        inner = ((item, f"{path}.{key}".removeprefix(".")) for key, item in value.items())
    else:
        return None
    faults = (_find_fault(item, item_path) for item, item_path in inner)
    return next((fault for fault in faults if fault is not None), None)


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
