"""Compare sets of real numbers: intervals, unions, inequalities and conditions on one variable.

A set is known by its critical points (ends, roots and poles) and by a test of membership. Two sets
are equal if they agree at every critical point of either and between any two of them, for no set
changes elsewhere. Critical points of a relation are found where it is a polynomial or a quotient
of polynomials of low degree in its variable, with absolute values; others are left undecided.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

from llmenvs.verifiers.math.nodes import (
    Call,
    Constant,
    Interval,
    Node,
    Number,
    Relation,
    Sequence,
    SequenceKind,
    Symbol,
    call,
    integer,
    render,
    symbols,
    walk,
)
from llmenvs.verifiers.math.numeric import Evaluator, UnevaluableError

_MAX_DEGREE = 6
_MAX_POINTS = 40
_MAX_ABSOLUTES = 3
_TESTS: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
    "!=": lambda sign: sign != 0,
    "=": lambda sign: sign == 0,
}
INEQUALITIES = frozenset(_TESTS) - {"="}


@dataclass(frozen=True, slots=True)
class Region:
    """A set of real numbers: where it can change, what is in it, and the name of its variable."""

    points: tuple[Any, ...]
    contains: Callable[[Any], bool]
    variable: str | None = None


def same_region(left: Node, right: Node, evaluator: Evaluator) -> bool | None:
    """Return whether two nodes are the same set of reals, or None where either is not known."""
    try:
        ours, theirs = _region(left, evaluator), _region(right, evaluator)
        if ours is None or theirs is None:
            return None
        if ours.variable and theirs.variable and ours.variable != theirs.variable:
            return False
        return all(ours.contains(x) == theirs.contains(x) for x in _probes(ours, theirs, evaluator))
    except UnevaluableError:
        return None


def _probes(left: Region, right: Region, evaluator: Evaluator) -> Iterator[Any]:
    mp = evaluator.mp
    points = sorted(x for x in (*left.points, *right.points) if mp.isfinite(x))
    distinct: list[Any] = []
    for point in points:
        if not distinct or not _close(point, distinct[-1], mp):
            distinct.append(point)
    if len(distinct) > _MAX_POINTS:
        raise UnevaluableError("a set with too many ends")
    yield from distinct
    yield from ((a + b) / 2 for a, b in pairwise(distinct))
    yield (distinct[0] if distinct else mp.zero) - 1
    yield (distinct[-1] if distinct else mp.zero) + 1


def _close(a: Any, b: Any, mp: Any) -> bool:
    return bool(abs(a - b) <= mp.mpf(10) ** -25 * max(1, abs(a)))


def _region(node: Node, evaluator: Evaluator) -> Region | None:
    match node:
        case Interval():
            return _interval(node, evaluator)
        case Constant(name="reals"):
            return Region((), lambda x: True)
        case Constant(name="empty"):
            return Region((), lambda x: False)
        case Sequence(kind=SequenceKind.SET, items=items):
            return _points(items, evaluator)
        case Sequence(kind=SequenceKind.TUPLE, items=(low, high)):
            return _interval(Interval(low, high, low_closed=False, high_closed=False), evaluator)
        case Sequence(kind=SequenceKind.LIST, items=items, joined_by_or=joined) if items:
            parts = [_region(item, evaluator) for item in items]
            return _combine("union" if joined else "intersection", parts)
        case Call(op="such_that", args=(condition,)):
            return _region(condition, evaluator)
        case Call(op=("union" | "intersection" | "difference") as op, args=args):
            return _combine(op, [_region(arg, evaluator) for arg in args])
        case Relation():
            return _condition(node, evaluator)
    return None


def _interval(node: Interval, evaluator: Evaluator) -> Region | None:
    if symbols(node):
        return None
    mp = evaluator.mp
    low, high = evaluator.value(node.low), evaluator.value(node.high)
    if mp.im(low) or mp.im(high):
        return None

    def contains(x: Any) -> bool:
        if _close(x, low, mp):
            return node.low_closed and (low < high or node.high_closed)
        if _close(x, high, mp):
            return node.high_closed and low < high
        return bool(low < x < high)

    return Region((low, high), contains)


def _points(items: tuple[Node, ...], evaluator: Evaluator) -> Region | None:
    if any(symbols(item) for item in items):
        return None
    values = tuple(evaluator.value(item) for item in items)
    mp = evaluator.mp
    if any(mp.im(value) for value in values):
        return None
    return Region(values, lambda x: any(_close(x, value, mp) for value in values))


def _combine(op: str, parts: list[Region | None]) -> Region | None:
    known = [part for part in parts if part is not None]
    names = {part.variable for part in known if part.variable}
    if len(known) < len(parts) or len(names) > 1:
        return None
    points = tuple(point for part in known for point in part.points)
    tests = [part.contains for part in known]
    name = next(iter(names), None)
    if op == "union":
        return Region(points, lambda x: any(test(x) for test in tests), name)
    if op == "intersection":
        return Region(points, lambda x: all(test(x) for test in tests), name)
    return Region(points, lambda x: tests[0](x) and not any(t(x) for t in tests[1:]), name)


def _condition(node: Relation, evaluator: Evaluator) -> Region | None:
    if node.operators[0] in {"in", "notin"} and len(node.operators) == 1:
        inner = _region(node.operands[1], evaluator)
        if inner is None or node.operators[0] == "in":
            return inner
        return Region(inner.points, lambda x: not inner.contains(x), inner.variable)
    if not set(node.operators) <= set(_TESTS):
        return None
    operands = [abstract_functions(operand) for operand in node.operands]
    names = frozenset().union(*map(symbols, operands))
    if len(names) != 1:
        return None
    name = next(iter(names))
    parts = []
    for op, (left, right) in zip(node.operators, pairwise(operands), strict=True):
        difference = call("add", left, call("mul", integer(-1), right))
        parts.append((_TESTS[op], _Difference(difference, name, evaluator)))
    points = tuple(point for _, difference in parts for point in difference.critical_points())
    return Region(points, lambda x: all(holds(t, d, x) for t, d in parts), name)


def holds(test: Callable[[int], bool], difference: "_Difference", x: Any) -> bool:
    """Return whether the sign of ``difference`` at ``x`` passes ``test``; not where undefined."""
    try:
        return test(difference.sign(x))
    except UnevaluableError:
        return False


def abstract_functions(node: Node) -> Node:
    """Return ``node`` with an unknown function's value such as ``f(x)`` as one variable."""
    if isinstance(node, Call):
        if node.op == "apply":
            return Symbol(render(node))
        return call(node.op, *(abstract_functions(arg) for arg in node.args))
    return node


class _Difference:
    """The difference of two sides of a relation, as a function of one variable."""

    def __init__(self, node: Node, name: str, evaluator: Evaluator) -> None:
        self.node = node
        self.name = name
        self.evaluator = evaluator

    def at(self, x: Any, node: Node | None = None) -> Any:
        self.evaluator.bound[self.name] = x
        try:
            return self.evaluator.value(node or self.node)
        finally:
            del self.evaluator.bound[self.name]

    def sign(self, x: Any) -> int:
        value = self.at(x)
        mp = self.evaluator.mp
        if mp.im(value):
            raise UnevaluableError("not real")
        if abs(value) <= mp.mpf(10) ** -22 * max(1, abs(x)):
            return 0
        return 1 if value > 0 else -1

    def critical_points(self) -> list[Any]:
        points: list[Any] = []
        bottoms = [b for b in _denominators(self.node) if self.name in symbols(b)]
        for bottom in bottoms:
            points += self.roots(bottom, [])
        absolutes = {item.args[0] for item in walk(self.node)
                     if isinstance(item, Call) and item.op == "abs"}  # fmt: skip
        if len(absolutes) > _MAX_ABSOLUTES:
            raise UnevaluableError("too many absolute values")
        for inner in absolutes:
            points += self.roots(inner, [])
        ordered = sorted(absolutes, key=render)
        for signs in product((1, -1), repeat=len(ordered)):
            branch = _replace_absolutes(self.node, dict(zip(ordered, signs, strict=True)))
            points += self.roots(branch, bottoms)
        return points

    def roots(self, node: Node, bottoms: list[Node]) -> list[Any]:
        """Return the real roots of a polynomial, from its values at equidistant points."""
        mp = self.evaluator.mp
        cleared = call("mul", node, *bottoms) if bottoms else node
        start = mp.mpf(1) / 7
        values = [self.at(start + k, cleared) for k in range(_MAX_DEGREE + 3)]
        if any(mp.im(value) for value in values):
            raise UnevaluableError("not real")
        scale = max(1, *(abs(value) for value in values))
        leading: list[Any] = []
        rows = values
        while rows and max(abs(value) for value in rows) > scale * mp.mpf(10) ** -28:
            leading.append(rows[0])
            rows = [b - a for a, b in pairwise(rows)]
        if len(leading) > _MAX_DEGREE + 1:
            raise UnevaluableError("not a polynomial of low degree")
        return [start + root for root in _newton_roots(leading, mp)]


def _newton_roots(differences: list[Any], mp: Any) -> list[Any]:
    """Return the real roots of ``sum(d_k * binomial(t, k))``."""
    if len(differences) < 2:
        return []
    coefficients = [mp.zero] * len(differences)
    basis = [mp.one]  # the coefficients of binomial(t, k), constant first
    for k, difference in enumerate(differences):
        for power, value in enumerate(basis):
            coefficients[power] += difference * value
        shifted = [mp.zero, *basis]
        basis = [(a - k * b) / (k + 1) for a, b in zip(shifted, [*basis, mp.zero], strict=True)]
    if len(coefficients) == 2:
        return [-coefficients[0] / coefficients[1]]
    if len(coefficients) == 3:
        c, b, a = coefficients
        discriminant = b * b - 4 * a * c
        if abs(discriminant) <= mp.mpf(10) ** -25 * max(1, b * b):
            return [-b / (2 * a)]
        root = mp.sqrt(discriminant) if discriminant > 0 else None
        return [] if root is None else [(-b - root) / (2 * a), (-b + root) / (2 * a)]
    try:
        found = mp.polyroots(coefficients[::-1], maxsteps=100, extraprec=60)
    except mp.NoConvergence as error:
        raise UnevaluableError("roots not found") from error
    return [mp.re(root) for root in found if abs(mp.im(root)) < mp.mpf(10) ** -12]


def _denominators(node: Node) -> Iterator[Node]:
    for item in walk(node):
        match item:
            case Call(op="div", args=(_, bottom)):
                yield bottom
            case Call(op="pow", args=(base, Number(value=value))) if value < 0:
                yield call("pow", base, Number(-value))


def _replace_absolutes(node: Node, signs: dict[Node, int]) -> Node:
    if isinstance(node, Call):
        if node.op == "abs":
            inner = _replace_absolutes(node.args[0], signs)
            return inner if signs[node.args[0]] > 0 else call("mul", integer(-1), inner)
        return call(node.op, *(_replace_absolutes(arg, signs) for arg in node.args))
    return node
