"""Tell an evaluated answer from one that still has to be computed."""

from math import gcd

from llmenvs.verifiers.math.answers import Answer
from llmenvs.verifiers.math.nodes import (
    BaseNumber,
    LongInteger,
    Node,
    Number,
    Quantity,
    Ratio,
    Relation,
    Sequence,
    symbols,
)


def is_evaluated(answer: Answer, target: Answer) -> bool:
    """Return whether ``answer`` gives its value outright where ``target`` is a value.

    Arithmetic between numbers, a fraction that is not in lowest terms and, for a rational target,
    any function of numbers are not evaluated. Expressions with variables are left alone.
    """
    if answer.computed:
        return False
    if symbols(target.node) and not isinstance(target.node, Relation):
        return True
    return _is_value(answer.node) or not _is_value(target.node)


def _is_value(node: Node) -> bool:
    match node:
        case Number() | BaseNumber() | LongInteger():
            return True
        case Quantity(value=value):
            return _is_value(value)
        case Relation(operands=operands):
            return _is_value(operands[-1])
        case Sequence(items=items):
            return all(_is_value(item) for item in items)
        case Ratio(items=items):
            whole = [x.value.numerator for x in items if isinstance(x, Number)]
            return len(whole) < len(items) or gcd(*whole) == 1
    return False
