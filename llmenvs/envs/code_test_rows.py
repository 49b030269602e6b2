"""Rows of HumanEval and MBPP as tasks of ``CodeTest-v0``.

A row's texts are parsed where something has to be found in them, and never run here. What is wrong
is said as ``['field']: fault``, to stand behind the place of the row.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from llmenvs.verifiers.code.suite_names import names_under_test

Row: TypeAlias = Mapping[str, Any]

_WHOLE_PROGRAM = (
    "Complete this Python program. Write all of it, with the imports and functions that are given."
)


def text_of(row: Row, name: str, *, default: str | None = None) -> str:
    """Return a field that must be a text.

    Raises:
        ValueError: it is none, or it is missing and there is no default.
    """
    value = row.get(name, default)
    if value is None and name not in row:
        raise ValueError(f"[{name!r}]: is missing; the row has {', '.join(row) or 'no fields'}")
    if not isinstance(value, str):
        raise ValueError(f"[{name!r}]: must be a text, got {value!r:.80}")
    return value


def texts_of(row: Row, name: str) -> list[str]:
    """Return a field that must be a list of texts; an empty one where it is missing.

    Raises:
        ValueError: it is none.
    """
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"[{name!r}]: must be a list of texts, got {value!r:.80}")
    return value


def humaneval_row(row: Row) -> Row:
    """Return a task for a row of HumanEval.

    Raises:
        ValueError: a field is missing or not of its type, or the prompt is not Python.
    """
    prompt, name = text_of(row, "prompt"), text_of(row, "entry_point")
    return {
        "task_id": task_id_of(row),
        "statement": f"{_WHOLE_PROGRAM}\n\n```python\n{prompt.strip()}\n```",
        "target": {
            "test": text_of(row, "test"),
            "setup": definitions_besides(prompt, name),
            "entry_point": name,
        },
        "solution": prompt + text_of(row, "canonical_solution"),
    }


def mbpp_row(row: Row, *, shown_tests: int, challenge: bool) -> Row:
    """Return a task for a row of MBPP, in the full form or the sanitized one.

    Raises:
        ValueError: a field is missing or not of its type, or the tests name no function.
    """
    tests = texts_of(row, "test_list")
    if not tests:
        raise ValueError("['test_list']: must hold at least one test")
    asserts = [*tests, *(texts_of(row, "challenge_test_list") if challenge else [])]
    imports = "\n".join(texts_of(row, "test_imports"))
    setup = f"{imports}\n{text_of(row, 'test_setup_code', default='')}".strip()
    shown = "\n".join(tests[:shown_tests])
    return {
        "task_id": task_id_of(row),
        "statement": text_of(row, "text" if "text" in row else "prompt"),
        "interface": f"Write {_listed(_names(setup, asserts))}.",
        "examples": f"It must pass, among others:\n{shown}",
        "target": {"asserts": asserts, **({"setup": setup} if setup else {})},
        "solution": text_of(row, "code"),
    }


def _names(setup: str, asserts: Sequence[str]) -> tuple[str, ...]:
    try:
        return names_under_test(setup, asserts)
    except ValueError as error:
        raise ValueError(f"['test_list']: {error}") from error


def _listed(names: Sequence[str]) -> str:
    what = "the function" if len(names) == 1 else "what the tests use:"
    return f"{what} {', '.join(f'`{name}`' for name in names)}"


def task_id_of(row: Row) -> str:
    """Return the id of a row; a number, as MBPP's files have it, as ``"Mbpp/2"``."""
    found = row.get("task_id")
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise ValueError(f"['task_id']: must be a number or a text, got {found!r:.80}")
    return f"Mbpp/{found}" if isinstance(found, int) or found.isdecimal() else found


def definitions_besides(prompt: str, name: str) -> str:
    r"""Return the imports and functions that a prompt has besides the one that it asks for.

    Raises:
        ValueError: the prompt is not Python.

    >>> definitions_besides("import math\n\ndef f(x):\n    'Asked.'\n", "f")
    'import math'
    """
    try:
        body = ast.parse(prompt.rstrip() + "\n    pass\n").body
    except SyntaxError:
        body = _parsed(prompt)
    kept = [
        node
        for node in body
        if not (isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name)
    ]
    return "\n".join(map(ast.unparse, kept))


def _parsed(prompt: str) -> list[ast.stmt]:
    try:
        return ast.parse(prompt).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"['prompt']: is not Python ({error})") from error
