"""Look at the shape of a node, and bring it to another."""

from llmenvs.verifiers.math.nodes import (
    BaseNumber,
    Call,
    Constant,
    Interval,
    Matrix,
    Node,
    Number,
    Quantity,
    Ratio,
    Relation,
    Sequence,
    SequenceKind,
    call,
    integer,
    walk,
)
from llmenvs.verifiers.math.regions import INEQUALITIES

LIST, TUPLE, SET = SequenceKind.LIST, SequenceKind.TUPLE, SequenceKind.SET
_REGIONAL = frozenset({"union", "intersection", "difference", "such_that"})


def is_regional(node: Node) -> bool:
    """Return whether ``node`` is a set of reals rather than a value."""
    match node:
        case Interval():
            return True
        case Constant(name=name):
            return name in {"reals", "empty", "integers", "naturals", "rationals", "complexes"}
        case Call(op=op):
            return op in _REGIONAL
        case Relation(operators=operators):
            return bool(INEQUALITIES & set(operators))
        case Sequence(kind=kind, items=items):
            return not items or (kind is LIST and any(is_regional(item) for item in items))
    return False


def expand(node: Node) -> Node:
    """Return ``node`` with ± as a list of two values."""
    if not isinstance(node, Call | Quantity | Relation):
        return node
    signs = {x.op for x in walk(node) if isinstance(x, Call) and x.op in {"pm", "mp"}}
    if not signs:
        return node
    return Sequence(LIST, (_signed(node, 1), _signed(node, -1)))


def _signed(node: Node, sign: int) -> Node:
    match node:
        case Call(op=("pm" | "mp") as op, args=(arg,)):
            inner = _signed(arg, sign)
            positive = sign > 0 if op == "pm" else sign < 0
            if isinstance(inner, Number):
                return inner if positive else Number(-inner.value, inner.digits, inner.exponent)
            return inner if positive else call("mul", integer(-1), inner)
        case Call(op=op, args=args):
            return call(op, *(_signed(arg, sign) for arg in args))
        case Quantity(value=value, unit=unit):
            return Quantity(_signed(value, sign), unit)
        case Relation(operators=operators, operands=operands):
            return Relation(operators, tuple(_signed(x, sign) for x in operands))
    return node


def kind(node: Node) -> SequenceKind:
    """Return how several values were written; one value counts as a list."""
    return node.kind if isinstance(node, Sequence) else LIST


def is_dots(node: Node) -> bool:
    """Return whether ``node`` is an ellipsis."""
    return node == Constant("dots")


def has_dots(node: Node) -> bool:
    """Return whether ``node`` goes on with an ellipsis."""
    return any(is_dots(item) for item in walk(node))


def has_constant(node: Node, name: str) -> bool:
    """Return whether the constant ``name`` is in ``node``."""
    return any(item == Constant(name) for item in walk(node))


def has_call(node: Node, op: str) -> bool:
    """Return whether the function ``op`` is applied to one argument in ``node``."""
    return any(isinstance(x, Call) and x.op == op and len(x.args) == 1 for x in walk(node))


def scaled(quantity: Quantity) -> Node:
    """Return the value of a quantity in base units."""
    factor = quantity.unit.factor
    if isinstance(quantity.value, Number):
        return Number(quantity.value.value * factor)
    return call("mul", Number(factor), quantity.value)


def as_quotient(node: Node) -> Node:
    """Return a ratio of two as their quotient."""
    match node:
        case Ratio(items=(Number(value=top), Number(value=bottom))) if bottom:
            return Number(top / bottom)
        case Ratio(items=(top, bottom)):
            return call("div", top, bottom)
    return node


def written_alike(target: BaseNumber, answer: Number) -> bool:
    """Return whether the digits agree: a completion may leave the base out."""
    return str(answer.value) == target.digits


def rows(node: Node) -> tuple[tuple[Node, ...], ...] | None:
    """Return the rows of a matrix, or of lists that may stand for one."""
    if isinstance(node, Matrix):
        return node.rows
    if isinstance(node, Interval) and node.low_closed and node.high_closed:
        node = Sequence(LIST, (node.low, node.high))
    if not isinstance(node, Sequence) or node.kind is SET or not node.items:
        return None
    nested = [rows(item) for item in node.items if isinstance(item, Sequence | Interval)]
    if len(nested) == len(node.items):
        single = [found[0] for found in nested if found is not None and len(found) == 1]
        return tuple(single) if len(single) == len(nested) else None
    return (node.items,)
