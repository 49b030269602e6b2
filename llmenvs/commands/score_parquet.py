"""Put the verdicts and their input rows together as one Parquet file.

From Parquet, the columns keep their types and the verdict is one more, a struct. From JSONL, the
types are those of the values: fields that a record lacks are null, integers beside floats become
floats, and a field whose values have no common type becomes JSON text.
"""

import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from llmenvs.commands.score_input import InputRow, ParquetReader, RowReader, import_pyarrow
from llmenvs.commands.score_output import CorruptOutput, LineFile, verdict_json, verdict_of
from llmenvs.verifiers.verdict import Verdict

_BATCH_ROWS = 4096  # becomes one row group


class ParquetOutput:
    """A Parquet file of rows with their verdicts, which is made once all verdicts are known."""

    def __init__(self, path: Path, partial: Path, verdict_field: str, reader: RowReader) -> None:
        self._pa = import_pyarrow("pyarrow")
        self._parquet = import_pyarrow("pyarrow.parquet")
        self._path = path
        self._partial = partial
        self._verdict_field = verdict_field
        self._reader = reader
        self._lines = None if path.exists() else LineFile(partial)

    def restore(self) -> Iterator[Verdict]:
        """Yield the verdicts that an earlier run wrote."""
        if self._lines is not None:
            for line in self._lines.restore():
                yield verdict_of(json.loads(line))
            return
        file = self._parquet.ParquetFile(self._path)
        for batch in file.iter_batches(_BATCH_ROWS, columns=[self._verdict_field]):
            for fields in batch.column(0).to_pylist():
                yield verdict_of({**fields, "parts": dict(fields["parts"])})

    def add(self, row: InputRow, verdict: Verdict) -> None:
        """Note the verdict of the next row."""
        if self._lines is None:
            raise CorruptOutput(f"{self._path.name!r} is complete and lacks rows of the input")
        self._lines.append(verdict_json(verdict))

    def finish(self) -> None:
        """Write the Parquet file, then drop the notes."""
        if self._lines is None:
            return
        self._lines.flush()
        verdicts = (self._arrow_verdict(json.loads(line)) for line in self._lines.restore())
        draft = self._path.with_name(self._path.name + ".tmp")
        if isinstance(self._reader, ParquetReader):
            schema, batches = self._from_parquet(self._reader, verdicts)
        else:
            schema, batches = self._from_records(self._reader, verdicts)
        with self._parquet.ParquetWriter(draft, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        os.replace(draft, self._path)
        self._partial.unlink()

    def close(self) -> None:
        """Close the notes."""
        if self._lines is not None:
            self._lines.close()

    def _verdict_type(self) -> Any:
        pa = self._pa
        return pa.struct(
            {
                "score": pa.float64(),
                "success": pa.bool_(),
                "status": pa.string(),
                "parts": pa.map_(pa.string(), pa.float64()),
                "reason": pa.string(),
                "extracted": pa.string(),
            }
        )

    def _arrow_verdict(self, fields: dict[str, Any]) -> dict[str, Any]:
        # Arrow strings are UTF-8, which has no halves of surrogate pairs.
        text = {
            name: value.encode("utf-8", "replace").decode()
            for name in ("reason", "extracted")
            if (value := fields[name]) is not None
        }
        return {**fields, **text, "parts": list(fields["parts"].items())}

    def _column(self, verdicts: Iterator[Any], num_rows: int) -> Any:
        return self._pa.array(itertools.islice(verdicts, num_rows), self._verdict_type())

    def _from_parquet(
        self, reader: ParquetReader, verdicts: Iterator[Any]
    ) -> tuple[Any, Iterator[Any]]:
        schema = reader.file.schema_arrow
        # Hugging Face's list of features would not have the new column, and break on it.
        metadata = {k: v for k, v in (schema.metadata or {}).items() if k != b"huggingface"}
        field = self._pa.field(self._verdict_field, self._verdict_type())
        schema = schema.append(field).with_metadata(metadata)

        def batches() -> Iterator[Any]:
            for batch in reader.file.iter_batches(batch_size=_BATCH_ROWS):
                columns = [*batch.columns, self._column(verdicts, batch.num_rows)]
                yield self._pa.RecordBatch.from_arrays(columns, schema=schema)

        return schema, batches()

    def _from_records(
        self, reader: RowReader, verdicts: Iterator[Any]
    ) -> tuple[Any, Iterator[Any]]:
        types = self._infer_types(reader)
        text = self._pa.string()
        schema = self._pa.schema([(name, kind or text) for name, kind in types.items()])
        schema = schema.append(self._pa.field(self._verdict_field, self._verdict_type()))

        def batches() -> Iterator[Any]:
            for records in _record_batches(reader):
                columns = [
                    self._array([record.get(name) for record in records], kind)
                    for name, kind in types.items()
                ]
                columns.append(self._column(verdicts, len(records)))
                yield self._pa.RecordBatch.from_arrays(columns, schema=schema)

        return schema, batches()

    def _array(self, values: list[Any], kind: Any) -> Any:
        if kind is None:
            values = [None if value is None else json.dumps(value) for value in values]
        return self._pa.array(values, kind or self._pa.string())

    def _infer_types(self, reader: RowReader) -> dict[str, Any]:
        """Return the type of each field in the order of appearance; None for one without."""
        types: dict[str, Any] = {}
        for records in _record_batches(reader):
            for name in dict.fromkeys(itertools.chain.from_iterable(records)):
                known = types.get(name, self._pa.null())
                if known is not None:
                    types[name] = self._widen(known, [record.get(name) for record in records])
        return types

    def _widen(self, known: Any, values: list[Any]) -> Any:
        pa = self._pa
        try:
            schemas = [pa.schema([("", known)]), pa.schema([("", pa.array(values).type)])]
            kind = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return None
        return None if _has_empty_struct(pa, kind) else kind


def _has_empty_struct(pa: Any, kind: Any) -> bool:
    # Parquet has no struct without fields, which is what {} in JSON would be.
    if pa.types.is_struct(kind) and kind.num_fields == 0:
        return True
    return any(_has_empty_struct(pa, kind.field(i).type) for i in range(kind.num_fields))


def _record_batches(rows: Iterable[InputRow]) -> Iterator[list[dict[str, Any]]]:
    source = iter(rows)
    while batch := list(itertools.islice(source, _BATCH_ROWS)):
        yield [dict(row.record or {}) for row in batch]
