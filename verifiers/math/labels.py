"""Take apart ``name = value``: what is a mere label, and which value a chain of equations gives."""

from dataclasses import dataclass

from llmenvs.verifiers.math.nodes import (
    Call,
    Node,
    Ratio,
    Relation,
    Sequence,
    SequenceKind,
    Symbol,
    Text,
    symbols,
)

_TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_APPROXIMATE = "~"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A value under a label."""

    label: Node
    value: Node


def is_label(node: Node) -> bool:
    """Return whether ``node`` only names what the answer is: ``x``, ``f(x)``, ``|AB|``, ``(p, q)``.

    An expression such as ``x^2`` or ``2a + b`` is no label: an equation with it is the answer.
    """
    match node:
        case Symbol() | Text():
            return True
        case Call(op=("apply" | "angle")):
            return True
        case Call(op=("mul" | "div" | "abs" | "transpose"), args=args):
            if node.op == "mul" and isinstance(args[0], Call) and args[0].op == "pow":
                inverse = args[0].args[0]
                return isinstance(inverse, Symbol) and inverse.name in {"f", "g", "h"}
            return all(_is_segment(arg) for arg in args)
        case Call(op=op, args=(Symbol() | Call(op="angle"),)) if op in _TRIGONOMETRIC:
            return True
        case Ratio(items=items):
            return all(_is_segment(item) for item in items)
        case Sequence(kind=SequenceKind.TUPLE, items=items):
            return all(isinstance(item, Symbol) for item in items)
    return False


def _is_segment(node: Node) -> bool:
    """Return whether ``node`` is made of points and areas, which have capital letters."""
    if isinstance(node, Symbol):
        return node.name[0].isupper()
    return (
        isinstance(node, Call)
        and node.op in {"mul", "abs", "div", "angle"}
        and all(_is_segment(arg) for arg in node.args)
    )


def split_chain(node: Relation) -> tuple[Node | None, list[Node]] | None:
    """Return the label and the values of ``label = a = b ≈ c``, or None where it is no such chain.

    What follows ``≈`` is dropped where an exact value stands before it.
    """
    if not set(node.operators) <= {"=", _APPROXIMATE}:
        return None
    operands = list(node.operands)
    operators = list(node.operators)
    label: Node | None = None
    if operators == ["="] and isinstance(operands[1], Symbol) and not symbols(operands[0]):
        operands.reverse()
    if is_label(operands[0]):
        label, operands, operators = operands[0], operands[1:], operators[1:]
    elif symbols(operands[0]):
        return None
    if _APPROXIMATE in operators:
        operands = operands[: operators.index(_APPROXIMATE) + 1]
    return label, operands


def same_label(left: Node | None, right: Node | None) -> bool:
    """Return whether two labels can name the same thing; one that is missing can."""
    if left is None or right is None or left == right:
        return True
    if isinstance(left, Symbol) and isinstance(right, Symbol):
        return False
    if isinstance(left, Sequence) and isinstance(right, Sequence):
        return False
    if isinstance(left, Call) and isinstance(right, Call) and left.op == right.op:
        # f(x) = 1 and f(t) = 1 say the same; f(2) = 1 and f(3) = 1 do not.
        named = left.op == "apply" and left.args[0] == right.args[0]
        return named and all(isinstance(x, Symbol) for x in (*left.args, *right.args))
    return True


def stem(label: Node) -> str | None:
    """Return the letter of a numbered label: ``x`` of ``x_1``."""
    if isinstance(label, Symbol) and "_" in label.name:
        return label.name.partition("_")[0]
    return None
