"""Rows of LiveCodeBench as tasks of ``CodeTest-v0``.

A test has an ``input``, an ``output`` and a ``testtype``: ``"stdin"``, or ``"functional"``, where
the input is one JSON value a line, for each argument, and ``metadata`` names the function. Private
tests are JSON, or base64 of zlib of a pickle of the JSON text. A pickle is a program, so it is not
run: its instructions are listed, and only those that make one text are accepted.

Source: lcb_runner/benchmarks/code_generation.py and evaluation/testing_util.py of LiveCodeBench.
"""

import base64
import binascii
import json
import pickletools
import zlib
from typing import Any

from llmenvs.envs.code_test_rows import Row, text_of

MAX_CASES_BYTES = 1 << 28
"""Of the private tests of one row, unpacked."""

_TEXT_INSTRUCTIONS = {"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
_IDLE_INSTRUCTIONS = {"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"}
_DIFFICULTIES = {"easy": 1, "medium": 2, "hard": 3}
_PROGRAM = "Write a program that reads standard input and writes standard output."


def livecodebench_row(row: Row) -> Row:
    """Return a task for a row of LiveCodeBench.

    Raises:
        ValueError: a field is missing or not of its type, tests are of both types or of none.
    """
    public = _cases(row, "public_test_cases")
    private = _cases(row, "private_test_cases") if "private_test_cases" in row else []
    cases = public + private
    kinds = {case["testtype"] for case in cases}
    if kinds not in ({"stdin"}, {"functional"}):
        raise ValueError(
            f"['public_test_cases']: must be 'stdin' or 'functional' alike, got {sorted(kinds)}"
        )
    groups = ["visible"] * len(public) + ["hidden"] * len(private)
    starter = text_of(row, "starter_code", default="")
    functional = kinds == {"functional"}
    target = _functional(row, cases, starter) if functional else _stdin(cases)
    task: dict[str, Any] = {
        "task_id": text_of(row, "question_id"),
        "statement": text_of(row, "question_content"),
        "interface": _method(starter) if functional else _PROGRAM,
        "examples": "",  # the statement has them
        "target": {**target, "groups": groups},
    }
    for name in ("question_title", "platform", "contest_id", "contest_date"):
        if isinstance(row.get(name), str):
            task[name] = row[name]
    if row.get("difficulty") in _DIFFICULTIES:
        task["difficulty"] = _DIFFICULTIES[row["difficulty"]]
    return task


def packed_text(packed: str) -> str:
    """Return the text in base64 of zlib of a pickle of one text, without unpickling.

    Raises:
        ValueError: it is not packed so, it is too large, or the pickle holds anything else.
    """
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(packed, validate=True), MAX_CASES_BYTES)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise ValueError(f"must be JSON, or base64 of zlib ({error})") from error
    if not unpacker.eof:
        what = "is cut off" if not unpacker.unconsumed_tail else f"is over {MAX_CASES_BYTES} bytes"
        raise ValueError(f"what is packed {what}")
    texts = []
    try:
        for instruction, argument, _ in pickletools.genops(data):
            if instruction.name in _TEXT_INSTRUCTIONS:
                texts.append(argument)
            elif instruction.name not in _IDLE_INSTRUCTIONS:
                raise ValueError(f"the pickle has the instruction {instruction.name}")
    except (ValueError, OverflowError, UnicodeDecodeError) as error:
        raise ValueError(f"what is packed must be a pickle of one text: {error}") from error
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise ValueError(f"what is packed must be a pickle of one text, got {len(texts)}")
    return texts[0]


def _cases(row: Row, field: str) -> list[dict[str, str]]:
    cases = row.get(field)
    if not isinstance(cases, list):  # as it is once it was unpacked
        cases = _unpacked(text_of(row, field), field)
    if not isinstance(cases, list):
        raise ValueError(f"[{field!r}]: must be a list of tests, got {type(cases).__name__}")
    for index, case in enumerate(cases):
        keys = ("input", "output", "testtype")
        if not isinstance(case, dict) or not all(isinstance(case.get(key), str) for key in keys):
            raise ValueError(
                f"[{field!r}][{index}]: must have the texts {', '.join(keys)}, got {case!r:.120}"
            )
    return cases


def _unpacked(text: str, field: str) -> Any:
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return json.loads(packed_text(text))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"[{field!r}]: {error}") from error


def _stdin(cases: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "stdin": [case["input"] for case in cases],
        "stdout": [case["output"] for case in cases],
    }


def _functional(row: Row, cases: list[dict[str, str]], starter: str) -> dict[str, Any]:
    name = _function_name(row)
    return {
        "entry_point": f"Solution.{name}" if "class Solution" in starter else name,
        "inputs": [
            [_value(line, "input", index) for line in case["input"].split("\n") if line.strip()]
            for index, case in enumerate(cases)
        ],
        "outputs": [_value(case["output"], "output", index) for index, case in enumerate(cases)],
        "sequences_alike": True,
    }


def _function_name(row: Row) -> str:
    metadata = row.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError as error:
            raise ValueError(f"['metadata']: is not JSON ({error})") from error
    name = metadata.get("func_name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"['metadata']['func_name']: must be a name, got {name!r:.80}")
    return name


def _value(text: str, key: str, index: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f": the {key} of test {index} is not JSON ({error}): {text!r:.80}"
        ) from error


def _method(starter: str) -> str:
    return (
        "Complete this Python program. Write all of it, and import what it uses, such as `List` "
        f"from `typing`.\n\n```python\n{starter.rstrip()}\n```"
    )
