"""What the tests of a target expect for which input, as Python text, and what a prompt shows of it.

Of a suite these are the comparisons ``f(literals) == literal`` and ``literal == f(literals)`` in
its asserts; a suite may test in other ways too, and its cases are then not all of its tests.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from llmenvs.envs.code_test_evalplus import python_text
from llmenvs.verifiers.code.target import CodeTarget, FunctionTarget, StdinTarget

_NEAR = 12
"""Characters, blanks apart, that may stand between a call and its result in a prompt."""


class Case(NamedTuple):
    """One test.

    Attributes:
        arguments: source of ``(args, kwargs)``, or of the text on standard input.
        expected: source of the result, or of the text on standard output.
        call: as a prompt would show it, ``f(1, 2)``; the input as it is for standard input.
        is_visible: the target says that the prompt shows it.
    """

    arguments: str
    expected: str
    call: str
    is_visible: bool


def cases_of(target: CodeTarget) -> list[Case]:
    """Return the cases of a target that can be written as text."""
    if isinstance(target, StdinTarget):
        return [
            Case(repr(given), repr(expected), given, group == "visible")
            for given, expected, group in zip(
                target.stdin, target.stdout, target.groups, strict=True
            )
        ]
    if isinstance(target, FunctionTarget):
        return list(_cases_of_calls(target))
    source = "\n".join([target.tests, *target.checks])
    return list(_cases_of_asserts(ast.parse(source), {*target.names, "candidate"}))


def shown_cases(cases: Sequence[Case], prompt: str) -> list[Case]:
    """Return the cases that a prompt shows, or that are said to be visible."""
    text = _bare(prompt)
    return [case for case in cases if case.is_visible or _is_shown(case, text)]


def repeated(cases: Sequence[Case]) -> list[Case]:
    """Return the cases whose arguments an earlier one has."""
    seen: set[str] = set()
    found = []
    for case in cases:
        if case.arguments in seen:
            found.append(case)
        seen.add(case.arguments)
    return found


def contradictory(cases: Sequence[Case]) -> list[Case]:
    """Return the cases of which an earlier one expects another result for the same arguments."""
    expected: dict[str, str] = {}
    return [
        case
        for case in cases
        if expected.setdefault(case.arguments, case.expected) != case.expected
    ]


def _cases_of_calls(target: FunctionTarget) -> Iterator[Case]:
    for call, output, group in zip(target.calls, target.outputs, target.groups, strict=True):
        try:
            arguments = f"({python_text(call.args)}, {python_text(dict(call.kwargs))})"
            inside = [python_text(value) for value in call.args]
            inside += [f"{name}={python_text(value)}" for name, value in call.kwargs.items()]
            expected = python_text(output)
        except ValueError:  # an array, which has no text
            continue
        shown = f"{call.function.rpartition('.')[2]}({', '.join(inside)})"
        yield Case(arguments, expected, shown, group == "visible")


def _cases_of_asserts(tree: ast.Module, names: set[str]) -> Iterator[Case]:
    name = next(iter(names - {"candidate"}), "candidate")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assert) or not isinstance(node.test, ast.Compare):
            continue
        test = node.test
        if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.Is):
            continue
        for call, expected in ((test.left, test.comparators[0]), (test.comparators[0], test.left)):
            if _is_call(call, names) and _is_literal(expected):
                yield _case_of_call(call, expected, name)


def _is_call(node: ast.expr, names: set[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in names
        and all(map(_is_literal, node.args))
        and all(word.arg is not None and _is_literal(word.value) for word in node.keywords)
    )


def _case_of_call(call: ast.expr, expected: ast.expr, name: str) -> Case:
    assert isinstance(call, ast.Call)  # noqa: S101 (of _is_call)
    assert isinstance(call.func, ast.Name)  # noqa: S101
    args = ast.unparse(ast.Tuple(call.args, ast.Load()))
    kwargs = ", ".join(f"{word.arg!r}: {ast.unparse(word.value)}" for word in call.keywords)
    called = name if call.func.id == "candidate" else call.func.id
    shown = ast.unparse(ast.Call(ast.Name(called, ast.Load()), call.args, call.keywords))
    return Case(f"({args}, {{{kwargs}}})", ast.unparse(expected), shown, is_visible=False)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _is_shown(case: Case, prompt: str) -> bool:
    call, expected = _bare(case.call), _bare(case.expected)
    if not case.arguments.startswith("("):  # standard input: both texts stand there somewhere
        return bool(call) and call in prompt and _bare(ast.literal_eval(case.expected)) in prompt
    place = prompt.find(call)
    while place >= 0:
        after = prompt[place + len(call) :][: _NEAR + len(expected)]
        if expected in after:
            return True
        place = prompt.find(call, place + 1)
    return False


def _bare(text: str) -> str:
    return re.sub(r"\s", "", text).replace("'", '"')
