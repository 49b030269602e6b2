"""The examples that a prompt has as at Python's prompt, ``>>> f(1)`` and the result below it."""

import ast
import itertools
from collections.abc import Collection
from typing import Any, NamedTuple

_SIGN = ">>> "


class Example(NamedTuple):
    """A call and what the prompt says it returns."""

    function: str
    args: tuple[Any, ...]
    result: Any


def examples_in(prompt: str, names: Collection[str]) -> list[Example]:
    r"""Return the examples that call one of ``names`` with literals and show a literal.

    >>> examples_in('Add.\n>>> add(1, 2)\n3\n>>> add(x, 2)\n4', ["add"])
    [Example(function='add', args=(1, 2), result=3)]
    """
    lines = [line.strip() for line in prompt.splitlines()]
    read = (
        _read(line.removeprefix(_SIGN), below, names)
        for line, below in itertools.pairwise(lines)
        if line.startswith(_SIGN)
    )
    return [example for example in read if example is not None]


def _read(source: str, want: str, names: Collection[str]) -> Example | None:
    try:
        call = ast.parse(source, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.keywords:
            return None
        args = tuple(ast.literal_eval(arg) for arg in call.args)
        result = ast.literal_eval(want)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return Example(call.func.id, args, result) if call.func.id in names else None
