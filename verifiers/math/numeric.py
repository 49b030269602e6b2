"""Evaluate trees: exactly at rational points where that works, else with many digits.

Sample points are a function of the variable's name and the number of the point, so that a verdict
does not depend on when or where it is given. The many-digit arithmetic is mpmath's, in a context
of our own per thread, since mpmath's global precision is shared between threads.
"""

import hashlib
import math
import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from llmenvs.verifiers.math import fold
from llmenvs.verifiers.math.limits import MAX_EXPONENT, MAX_TERMS, Meter, OverBudgetError
from llmenvs.verifiers.math.nodes import (
    BaseNumber,
    Call,
    Constant,
    Node,
    Number,
    Quantity,
    Symbol,
    render,
)
from llmenvs.verifiers.math.units import DEGREE

LOW_DIGITS = 40
HIGH_DIGITS = 80
Bindings = dict[str, Fraction]


class UnevaluableError(Exception):
    """The tree has no value here: an unknown operation, a pole, or a point outside its domain."""


class NeedsAlgebraError(UnevaluableError):
    """The tree has no value by arithmetic alone: an integral, a limit, an infinite sum."""


ALGEBRAIC = frozenset({"integral", "limit", "sum", "product"})
_local = threading.local()


def _context(digits: int) -> Any:
    contexts: dict[int, Any] | None = getattr(_local, "contexts", None)
    if contexts is None:
        contexts = _local.contexts = {}
    if digits not in contexts:
        from mpmath.ctx_mp import MPContext  # type: ignore[import-untyped]  # it ships no types

        contexts[digits] = MPContext()
        contexts[digits].dps = digits
    return contexts[digits]


def sample(name: str, point: int) -> Fraction:
    """Return the value of the variable ``name`` at the sample point number ``point``.

    Points 0 and 1 are positive, 2 is negative, 3 has either sign, 4 and 5 are whole numbers,
    6 is below one and 7 is large.
    """
    seed = int.from_bytes(hashlib.sha256(f"{name}\0{point}".encode()).digest()[:6], "big")
    value = Fraction(seed % 2_000 + 400, 800 + seed % 131)
    if point in {4, 5}:
        return Fraction(seed % 7 + 2)
    if point == 2 or (point == 3 and seed >> 20 & 1):
        return -value
    if point == 6:
        return value / 4
    return value * 9 if point == 7 else value


def exact(node: Node, bindings: Bindings, meter: Meter) -> Fraction | None:
    """Return the rational value of ``node``, or None where it is not one by the four operations."""
    meter.charge()
    match node:
        case Number(value=value):
            return value
        case Symbol(name=name):
            return bindings.get(name)
        case Call(op="add", args=args):
            values = [exact(arg, bindings, meter) for arg in args]
            rational = [v for v in values if v is not None]
            return fold.add(rational, meter) if len(rational) == len(values) else None
        case Call(op="mul", args=args):
            values = [exact(arg, bindings, meter) for arg in args]
            rational = [v for v in values if v is not None]
            return fold.multiply(rational, meter) if len(rational) == len(values) else None
        case Call(op=("div" | "pow") as op, args=(left, right)):
            first, second = exact(left, bindings, meter), exact(right, bindings, meter)
            if first is None or second is None:
                return None
            folded = (fold.divide if op == "div" else fold.power)(first, second, meter)
            return folded.value if isinstance(folded, Number) else None
        case Call(op="abs", args=(arg,)):
            inner = exact(arg, bindings, meter)
            return None if inner is None else abs(inner)
    return None


class Evaluator:
    """Evaluate trees with a number of digits.

    Values are mpmath's real or complex numbers; infinities are kept, NaN is an error.
    """

    def __init__(self, digits: int, meter: Meter, point: int = 0) -> None:
        self.mp = _context(digits)
        self.meter = meter
        self.point = point
        self.bound: dict[str, Any] = {}

    def value(self, node: Node) -> Any:
        """Return the value of ``node`` at the point.

        Raises:
            UnevaluableError: it has none.
        """
        self.meter.charge(2)
        match node:
            case Number(value=value):
                return self.rational(value)
            case BaseNumber(value=value):
                return self.mp.mpf(value)
            case Symbol(name=name):
                return self.bound[name] if name in self.bound else self.sampled(name)
            case Constant(name=name):
                return self.constant(name)
            case Quantity(value=value, unit=unit):
                turn = self.mp.pi / 180 if unit == DEGREE else self.rational(unit.factor)
                return self.value(value) * turn
            case Call(op=op, args=args):
                return self.checked(self.call(op, args))
        raise UnevaluableError(f"no value for {type(node).__name__}")

    def rational(self, value: Fraction) -> Any:
        """Return ``value`` as a number with the digits of this evaluator."""
        if value.denominator == 1:
            return self.mp.mpf(value.numerator)
        return self.mp.mpf(value.numerator) / value.denominator

    def sampled(self, name: str) -> Any:
        """Return the sample value of a variable."""
        return self.rational(sample(name, self.point))

    def constant(self, name: str) -> Any:
        """Return the value of a named constant."""
        if name in self.bound:
            return self.bound[name]
        if name == "pi":
            return +self.mp.pi
        if name == "e":
            return +self.mp.e
        if name == "i":
            return self.mp.mpc(0, 1)
        if name == "oo":
            return self.mp.inf
        raise UnevaluableError(f"no value for {name}")

    def checked(self, value: Any) -> Any:
        """Return ``value``, real where it is real up to rounding."""
        if self.mp.isnan(value):
            raise UnevaluableError("not a number")
        if isinstance(value, self.mp.mpc) and abs(value.imag) <= abs(value.real) * self.mp.eps * 16:
            return value.real
        return value

    def call(self, op: str, args: tuple[Node, ...]) -> Any:
        """Return the value of an operation."""
        if op in ALGEBRAIC:
            return self.series(op, args)
        if op == "pow":
            return self.power(*args)
        if op == "apply":
            return self.unknown(args)
        values = [self.value(arg) for arg in args]
        try:
            if op == "add":
                return sum(values[1:], values[0])
            if op == "mul":
                return math.prod(values[1:], start=values[0])
            if op == "div":
                if values[1] == 0:
                    raise UnevaluableError("division by zero")
                return values[0] / values[1]
            return self.function(op, values)
        except (ZeroDivisionError, ValueError, OverflowError, TypeError) as error:
            raise UnevaluableError(str(error)) from error

    def power(self, base: Node, exponent: Node) -> Any:
        """Return a power; the real root of a negative number where the root is odd."""
        below, above = self.value(base), self.value(exponent)
        if below == 0:
            real = self.mp.re(above)
            if real > 0:
                return self.mp.zero
            raise UnevaluableError("zero to a power that is not positive")
        size = abs(self.mp.log(abs(below), 2)) if not self.mp.isinf(below) else self.mp.inf
        if abs(above) * (size + 1) > MAX_EXPONENT and not self.mp.isinf(above):
            raise OverBudgetError("a power out of range")
        if (
            isinstance(exponent, Number)
            and exponent.value.denominator % 2
            and self.mp.im(below) == 0
        ):
            root = abs(below) ** above
            odd = exponent.value.numerator % 2
            return -root if below < 0 and odd else root
        return below**above

    def unknown(self, args: tuple[Node, ...]) -> Any:
        """Return the value of an unknown function: any, but the same for the same arguments."""
        name = render(args[0])
        values = ",".join(self.mp.nstr(self.value(arg), 25) for arg in args[1:])
        return self.sampled(f"{name}({values})")

    def function(self, op: str, values: list[Any]) -> Any:
        """Return the value of a named function."""
        if op in {"gcd", "lcm"}:
            whole = [int(value) for value in values if value == int(value)]
            return self.mp.mpf(math.gcd(*whole) if op == "gcd" else math.lcm(*whole))
        if op in {"max", "min"}:
            return (max if op == "max" else min)(values)
        if op == "factorial" and abs(values[0]) > 10**6:
            raise OverBudgetError("a factorial out of range")
        if op == "log":
            return self.mp.log(values[0], values[1] if len(values) > 1 else 10)
        if op in _HYPERBOLIC and abs(values[0]) > MAX_EXPONENT:
            raise OverBudgetError("an argument out of range")
        if op in _PERIODIC and abs(values[0]) > 10**15:
            raise UnevaluableError("an angle out of range")
        function = _FUNCTIONS.get(op)
        if function is None:
            raise UnevaluableError(f"no arithmetic for {op}")
        return function(self.mp, *values)

    def series(self, op: str, args: tuple[Node, ...]) -> Any:
        """Return a finite sum or product."""
        if op in {"integral", "limit"} or len(args) != 4:
            raise NeedsAlgebraError(op)
        body, variable, low, high = args
        first, last = self.value(low), self.value(high)
        if self.mp.isinf(first) or self.mp.isinf(last) or last - first > MAX_TERMS:
            raise NeedsAlgebraError(f"a {op} of more than {MAX_TERMS} terms")
        if not isinstance(variable, Symbol) or first != int(first) or last != int(last):
            raise UnevaluableError(f"a {op} between limits that are not whole")
        total = self.mp.mpf(0 if op == "sum" else 1)
        shadowed = self.bound.get(variable.name)
        for at in range(int(first), int(last) + 1):
            self.bound[variable.name] = self.mp.mpf(at)
            term = self.value(body)
            total = total + term if op == "sum" else total * term
        if shadowed is None:
            self.bound.pop(variable.name, None)
        else:
            self.bound[variable.name] = shadowed
        return total


_HYPERBOLIC = frozenset({"sinh", "cosh", "tanh", "coth", "sech", "csch"})
_PERIODIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_NAMES = {
    **{name: name for name in (*_PERIODIC, *_HYPERBOLIC, "floor", "ceil", "arg", "re", "im", "erf",
                               "sign", "factorial", "binomial", "ln")},
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec",
    "arccsc": "acsc", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
}  # fmt: skip


def _named(name: str) -> Callable[..., Any]:
    return lambda mp, *values: getattr(mp, name)(*values)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{op: _named(name) for op, name in _NAMES.items()},
    "abs": lambda mp, value: abs(value),
    "conjugate": lambda mp, value: mp.conj(value),
    "degrees": lambda mp, value: value * mp.pi / 180,
}
