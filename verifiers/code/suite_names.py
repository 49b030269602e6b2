"""Which functions of the solution a test suite calls, read from the suite's own source.

These are the names that the suite uses and nowhere defines, and what it takes from a module
``solution``. Only a target's text is read here, by Python's own symbol tables; nothing is run.
"""

import ast
import builtins
import symtable
from collections.abc import Iterator, Sequence

from llmenvs.verifiers.code.shorten import short_repr

_SOLUTION = "solution"
_CANDIDATE = "candidate"


def names_under_test(
    tests: str, checks: Sequence[str] = (), *, entry_point: str | None = None
) -> tuple[str, ...]:
    """Return the names of the solution that the suite uses, ``entry_point`` first.

    Args:
        tests: source of the test module.
        checks: statements that run after it.
        entry_point: the function that the suite calls ``candidate``, if any.

    Raises:
        ValueError: the suite is not Python, ``entry_point`` is no name, or there is no such name.

    >>> names_under_test("import math", ["assert area(2) == 4 * math.pi", "assert side(1) == 1"])
    ('area', 'side')
    """
    if entry_point is not None and not (
        isinstance(entry_point, str) and all(map(str.isidentifier, entry_point.split(".")))
    ):
        raise ValueError(
            f"target['entry_point'] must be the name of a function, got {short_repr(entry_point)}"
        )
    for index, statement in enumerate(checks):
        _parse(statement, f"target['asserts'][{index}]")
    source = "\n".join([tests, *checks])
    tree = _parse(source, "the source of the tests")
    found = dict.fromkeys([*_taken_from_solution(tree), *_undefined(source)])
    if entry_point is not None:
        found.pop(_CANDIDATE, None)
        found = dict.fromkeys([entry_point, *found])
    if not found:
        raise ValueError("the target's tests must call at least one function of the solution")
    return tuple(found)


def _parse(source: str, place: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{place} is not Python: {error}") from error


def _taken_from_solution(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == _SOLUTION:
            yield from (alias.name for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Attribute) and _is_solution(node.value):
            yield node.attr


def _is_solution(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == _SOLUTION


def _undefined(source: str) -> Iterator[str]:
    """Yield the names that are used and neither defined in the module nor built in."""
    module = symtable.symtable(source, "tests", "exec")
    defined = {
        symbol.get_name()
        for symbol in module.get_symbols()
        if symbol.is_assigned() or symbol.is_imported()
    }
    defined |= {
        symbol.get_name()
        for table in _tables(module)
        for symbol in table.get_symbols()
        if symbol.is_declared_global() and symbol.is_assigned()
    }
    known = defined | set(dir(builtins)) | {"__name__", "__file__", _SOLUTION}
    for table in _tables(module):
        for symbol in table.get_symbols():
            here = table is module or symbol.is_global()
            if here and symbol.is_referenced() and symbol.get_name() not in known:
                yield symbol.get_name()


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)
