"""Programs that solve nothing: a task whose tests one of them passes has weak tests, or leaks.

`trivial_solvers` do nothing, give back what they get, or always give the same; among that are the
task's own expected values. `memoriser` knows what the prompt shows, and nothing else.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from llmenvs.audit.cases import Case
from llmenvs.verifiers.code.target import CodeTarget, FunctionTarget, StdinTarget

_CONSTANTS = ("0", "1", "-1", "True", "False", "''", "[]", "{}", "()", "0.0")
_OWN_CONSTANTS = 8
"""Distinct expected values that are tried, the most common ones first."""


class Solver(NamedTuple):
    """A program and what it is called in reports."""

    name: str
    source: str


def trivial_solvers(target: CodeTarget, cases: Sequence[Case]) -> list[Solver]:
    """Return solvers that know nothing of the task but its interface and single results."""
    expected = [text for text, _ in Counter(case.expected for case in cases).most_common()]
    if isinstance(target, StdinTarget):
        return [
            Solver("none", "pass"),
            Solver("echo", "import sys\nsys.stdout.write(sys.stdin.read())"),
            *(
                Solver(f"constant {text[:40]}", f"import sys\nsys.stdout.write({text})")
                for text in expected[:_OWN_CONSTANTS]
            ),
        ]
    constants = dict.fromkeys([*expected[:_OWN_CONSTANTS], *_CONSTANTS])
    return [
        Solver("none", _program(target, "return None")),
        Solver("echo", _program(target, "return args[0] if args else None")),
        Solver("echo all", _program(target, "return args")),
        *(
            Solver(f"constant {text[:40]}", _program(target, f"return {text}"))
            for text in constants
        ),
    ]


def memoriser(target: CodeTarget, cases: Sequence[Case]) -> Solver:
    """Return a solver that gives the expected result for each of ``cases`` and None otherwise."""
    pairs = "".join(f"    ({case.arguments}, {case.expected}),\n" for case in cases)
    table = f"KNOWN = [\n{pairs}]\n\n"
    if isinstance(target, StdinTarget):
        lookup = "text = sys.stdin.read()\nfor known, result in KNOWN:\n    if known == text:\n"
        return Solver("memoriser", f"import sys\n\n{table}{lookup}        sys.stdout.write(result)")
    body = "for known, result in KNOWN:\n    if known == (args, kwargs):\n        return result"
    return Solver("memoriser", table + _program(target, body))


def names_of(target: CodeTarget) -> tuple[str, ...]:
    """Return the functions that the tests call, as ``Class.method`` too; none of a program."""
    if isinstance(target, FunctionTarget):
        return tuple(dict.fromkeys(call.function for call in target.calls))
    return () if isinstance(target, StdinTarget) else target.names


def _program(target: CodeTarget, body: str) -> str:
    return "\n\n".join(_definition(name, body) for name in names_of(target))


def _definition(path: str, body: str) -> str:
    """Return the source of a function, or of a class with a method where the name has a dot."""
    *classes, name = path.split(".")
    first = "self, " if classes else ""
    lines = [f"def {name}({first}*args, **kwargs):", *(f"    {line}" for line in body.splitlines())]
    for outer in reversed(classes):
        lines = [f"class {outer}:", *(f"    {line}" for line in lines)]
    return "\n".join(lines)
