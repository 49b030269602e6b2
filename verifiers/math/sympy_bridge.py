"""Build sympy expressions from encoded trees and decide equality; runs in the worker only."""

from collections.abc import Callable
from typing import Any

import sympy  # type: ignore[import-untyped]  # it ships no types

from llmenvs.verifiers.math.codec import Encoded
from llmenvs.verifiers.math.numeric import sample

_CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "oo": sympy.oo}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": sympy.Add, "mul": sympy.Mul, "pow": sympy.Pow, "div": lambda a, b: a / b,
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "cot": sympy.cot, "sec": sympy.sec,
    "csc": sympy.csc, "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan,
    "arccot": sympy.acot, "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh,
    "arcsinh": sympy.asinh, "arccosh": sympy.acosh, "arctanh": sympy.atanh, "ln": sympy.log,
    "log": lambda x, base=10: sympy.log(x, base), "abs": sympy.Abs, "floor": sympy.floor,
    "ceil": sympy.ceiling, "factorial": sympy.factorial, "binomial": sympy.binomial,
    "erf": sympy.erf, "sign": sympy.sign, "re": sympy.re, "im": sympy.im, "arg": sympy.arg,
    "max": sympy.Max, "min": sympy.Min, "gcd": sympy.gcd, "lcm": sympy.lcm,
    "degrees": lambda x: x * sympy.pi / 180,
}  # fmt: skip
_DIGITS = 25
_CLOSE = sympy.Float(10) ** -15
_POINTS = (0, 1, 6)


def build(data: Encoded) -> Any:
    """Return the sympy expression of an encoded tree.

    Raises:
        ValueError: it holds an operation that has no counterpart.
    """
    kind, *rest = data
    if kind == "number":
        return sympy.Rational(int(rest[0], 16), int(rest[1], 16))
    if kind == "symbol":
        return sympy.Symbol(rest[0], real=True)
    if kind == "constant" and rest[0] in _CONSTANTS:
        return _CONSTANTS[rest[0]]
    if kind != "call":
        raise ValueError(f"nothing to build from {kind}")
    op, *encoded = rest
    args = [build(item) for item in encoded]
    if op in {"sum", "product"} and len(args) == 4:
        body, variable, low, high = args
        index = sympy.Symbol(variable.name, integer=True)
        series = sympy.Sum if op == "sum" else sympy.Product
        return series(body.subs(variable, index), (index, low, high))
    if op == "integral":
        return sympy.Integral(args[0], tuple(args[1:]))
    if op == "limit":
        return sympy.Limit(*args, dir="+-" if args[2].is_finite else "-")
    if op == "apply":
        return sympy.Function(args[0].name)(*args[1:])
    if op not in _FUNCTIONS:
        raise ValueError(f"no counterpart of {op}")
    return _FUNCTIONS[op](*args)


def evaluate(data: Encoded) -> Any:
    """Return the expression with its sums, integrals and limits done where sympy can."""
    return build(data).doit()


def equal(left: Any, right: Any) -> bool:
    """Return whether two evaluated expressions are equal: by value, else by simplification."""
    difference = left - right
    if difference == 0:
        return True
    names = sorted(difference.free_symbols, key=str)
    if not names:
        return _close(left, right)
    try:
        points = [{name: _value(str(name), point) for name in names} for point in _POINTS]
        return all(_close(left.subs(at), right.subs(at)) for at in points)
    except (TypeError, ValueError):
        return bool(sympy.simplify(difference) == 0)


def _value(name: str, point: int) -> Any:
    value = sample(name, point)
    return sympy.Rational(value.numerator, value.denominator)


def _close(left: Any, right: Any) -> bool:
    ours, theirs = left.evalf(_DIGITS), right.evalf(_DIGITS)
    if not (ours.is_number and theirs.is_number):
        raise ValueError("no numeric value")
    if ours.is_infinite or theirs.is_infinite:
        return bool(ours == theirs)
    return bool(abs(ours - theirs) <= _CLOSE * max(1, abs(ours), abs(theirs)))
