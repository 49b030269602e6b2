"""The trees that answers are parsed into.

Every node is immutable and hashable; equal trees mean the same notation, up to what the parser
already normalised. `render` gives a canonical text that does not depend on the order of the terms
of a sum or the factors of a product.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from llmenvs.verifiers.math.limits import MAX_TREE_DEPTH, MAX_TREE_SIZE, OverBudgetError


@dataclass(frozen=True, slots=True)
class Number:
    """An exact rational.

    Attributes:
        value: the number.
        digits: how many significant digits were typed if it was written as a decimal, else 0.
        exponent: the power of ten of the last digit typed; -2 for ``0.25``.
        truncated: the decimal went on with an ellipsis.
    """

    value: Fraction
    digits: int = 0
    exponent: int = 0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class LongInteger:
    """A whole number too long for arithmetic; it can only be compared with another."""

    negative: bool
    digits: str


@dataclass(frozen=True, slots=True)
class BaseNumber:
    """A whole number with its base as a subscript."""

    digits: str
    base: int
    value: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable, with its subscript and primes."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """``pi``, ``e``, ``i``, ``oo``, ``undefined``, ``dots``, ``reals`` and the like."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """Plain words, lower-cased, with single spaces."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function applied to its arguments.

    Attributes:
        op: its name.
        args: what it is applied to.
        depth: how deep the tree is.
        size: how many nodes it has, with a shared part counted each time.
    """

    op: str
    args: tuple["Node", ...]
    depth: int = 0
    size: int = 1


class SequenceKind(StrEnum):
    """How several values were written."""

    LIST = "list"
    TUPLE = "tuple"
    SET = "set"


@dataclass(frozen=True, slots=True)
class Sequence:
    """Several values; ``joined_by_or`` tells ``x < 1 or x > 2`` from ``1 < x and x < 2``."""

    kind: SequenceKind
    items: tuple["Node", ...]
    joined_by_or: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """A real interval."""

    low: "Node"
    high: "Node"
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """``operands[0] operators[0] operands[1] …``."""

    operators: tuple[str, ...]
    operands: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of equal length."""

    rows: tuple[tuple["Node", ...], ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """``a : b : c``; ``clock`` where it reads as a time of day."""

    items: tuple["Node", ...]
    clock: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement, as a factor and powers of base dimensions."""

    factor: Fraction
    dimensions: tuple[tuple[str, int], ...]
    name: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its unit."""

    value: "Node"
    unit: Unit


Node: TypeAlias = (
    Number
    | LongInteger
    | BaseNumber
    | Symbol
    | Constant
    | Text
    | Call
    | Sequence
    | Interval
    | Relation
    | Matrix
    | Ratio
    | Quantity
)

ZERO = Number(Fraction(0))
ONE = Number(Fraction(1))
PI = Constant("pi")
INFINITY = Constant("oo")
UNDEFINED = Constant("undefined")
EMPTY_SET = Sequence(SequenceKind.SET, ())


def integer(value: int) -> Number:
    """Return ``value`` as a node."""
    return Number(Fraction(value))


def call(op: str, *args: Node) -> Call:
    """Return ``op`` applied to ``args``.

    Raises:
        OverBudgetError: the tree is too deep to be walked.
    """
    depth, size = 1, 1
    for arg in args:
        if isinstance(arg, Call):
            depth = max(depth, arg.depth + 1)
            size += arg.size
        else:
            size += 1
    if depth > MAX_TREE_DEPTH or size > MAX_TREE_SIZE:
        raise OverBudgetError("an expression that is too large or nested too deep")
    return Call(op, args, depth, size)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below ``node``."""
    match node:
        case Call(args=items) | Sequence(items=items) | Ratio(items=items):
            return items
        case Relation(operands=items):
            return items
        case Interval(low=low, high=high):
            return (low, high)
        case Matrix(rows=rows):
            return tuple(item for row in rows for item in row)
        case Quantity(value=value):
            return (value,)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield ``node`` and everything below it."""
    stack = [node]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(children(item))


def symbols(node: Node) -> frozenset[str]:
    """Return the names of the variables in ``node``."""
    return frozenset(item.name for item in walk(node) if isinstance(item, Symbol))


def contains_call(node: Node, ops: frozenset[str]) -> bool:
    """Return whether any of ``ops`` is applied in ``node``."""
    return any(isinstance(item, Call) and item.op in ops for item in walk(node))


_UNORDERED = frozenset({"add", "mul", "union", "intersection"})


def render(node: Node) -> str:
    """Return a canonical text: equal for trees that differ in the order of terms only."""
    match node:
        case Number(value=value):
            size = max(value.numerator.bit_length(), value.denominator.bit_length())
            return str(value) if size < 10_000 else f"{value.numerator:x}/{value.denominator:x}"
        case LongInteger(negative=negative, digits=digits):
            return f"{'-' if negative else ''}{digits}"
        case BaseNumber(digits=digits, base=base):
            return f"{digits}_{base}"
        case Symbol(name=name) | Constant(name=name):
            return name
        case Text(text=text):
            return f'"{text}"'
        case Call(op=op, args=args):
            parts = [render(arg) for arg in args]
            if op in _UNORDERED:
                parts.sort()
            return f"{op}({', '.join(parts)})"
        case Quantity(value=value, unit=unit):
            return f"{render(value)} {unit.name}"
    return _render_container(node)


def _render_container(node: Node) -> str:
    match node:
        case Sequence(kind=kind, items=items):
            parts = [render(item) for item in items]
            if kind is SequenceKind.SET:
                parts.sort()
            return f"{kind.value}({', '.join(parts)})"
        case Interval(low=low, high=high, low_closed=low_closed, high_closed=high_closed):
            opening, closing = "[" if low_closed else "(", "]" if high_closed else ")"
            return f"{opening}{render(low)}, {render(high)}{closing}"
        case Relation(operators=operators, operands=operands):
            tail = (f" {op} {render(x)}" for op, x in zip(operators, operands[1:], strict=True))
            return render(operands[0]) + "".join(tail)
        case Matrix(rows=rows):
            return f"[{'; '.join(', '.join(render(item) for item in row) for row in rows)}]"
        case Ratio(items=items):
            return ":".join(render(item) for item in items)
    raise TypeError(f"not a node: {node!r}")
