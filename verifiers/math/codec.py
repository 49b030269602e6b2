"""Carry trees to the worker process as JSON: numbers, names and operations, never source text."""

from typing import Any

from llmenvs.verifiers.math.nodes import BaseNumber, Call, Constant, Node, Number, Quantity, Symbol

Encoded = list[Any]


def encode(node: Node) -> Encoded:
    """Return ``node`` as nested lists.

    Raises:
        TypeError: it is no expression.
    """
    match node:
        case Number(value=value):
            return ["number", hex(value.numerator), hex(value.denominator)]
        case BaseNumber(value=value):
            return ["number", hex(value), "0x1"]
        case Symbol(name=name):
            return ["symbol", name]
        case Constant(name=name):
            return ["constant", name]
        case Call(op=op, args=args):
            return ["call", op, *(encode(arg) for arg in args)]
        case Quantity(value=value):
            return encode(value)
    raise TypeError(f"no expression: {type(node).__name__}")
