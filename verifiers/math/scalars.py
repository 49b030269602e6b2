"""Decide whether two expressions have the same value.

In this order: exact rationals; equal notation; exact values at rational sample points; values with
many digits at the sample points; and sympy, in its worker, only for what has no value by
arithmetic.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from llmenvs.verifiers.math.limits import Meter, OverBudgetError
from llmenvs.verifiers.math.monomials import read_monomial
from llmenvs.verifiers.math.nodes import (
    UNDEFINED,
    BaseNumber,
    Call,
    Constant,
    LongInteger,
    Node,
    Number,
    call,
    render,
    symbols,
    walk,
)
from llmenvs.verifiers.math.numeric import (
    HIGH_DIGITS,
    LOW_DIGITS,
    Evaluator,
    NeedsAlgebraError,
    UnevaluableError,
    exact,
    sample,
)

MIN_ROUNDED_DIGITS = 6
"""Significant digits from which a decimal may stand for the value that rounds to it."""
_NOISE = Fraction(1, 10**13)
_NOISE_DIGITS = 15
_POINTS = 8
_ENOUGH = 4

Algebra = Callable[[Node, Node], bool]
"""What decides where arithmetic cannot: whether two trees are equal."""


def same_number(left: Number, right: Number) -> bool:
    """Return whether two rationals agree; a decimal also agrees with what rounds to it.

    Only a decimal of at least `MIN_ROUNDED_DIGITS` significant digits may stand for another
    number, and only for one that is rounded to it correctly; or it has the 15 digits and more of
    double precision and differs by its noise.
    """
    if left.value == right.value:
        return True
    if max(left.digits, right.digits) < MIN_ROUNDED_DIGITS:
        return False
    return _rounds_to(right.value, left) or _rounds_to(left.value, right)


def _rounds_to(value: Fraction, decimal: Number) -> bool:
    if decimal.digits < MIN_ROUNDED_DIGITS:
        return False
    difference = abs(value - decimal.value)
    if decimal.digits >= _NOISE_DIGITS and difference <= _NOISE * abs(value):
        return True
    unit = Fraction(10) ** decimal.exponent
    return difference <= (unit if decimal.truncated else unit / 2)


class ScalarComparer:
    """Compare expressions, charging a meter.

    Args:
        meter: what the work is charged to.
        algebra: asked where arithmetic gives no value.
    """

    def __init__(self, meter: Meter, algebra: Algebra) -> None:
        self.meter = meter
        self.algebra = algebra

    def same(self, left: Node, right: Node) -> bool:
        """Return whether the two have the same value wherever both have one."""
        if isinstance(left, Number) and isinstance(right, Number):
            return same_number(left, right)
        if isinstance(left, LongInteger) or isinstance(right, LongInteger):
            return left == right
        if UNDEFINED in (left, right):
            return False
        self.meter.charge()
        ours, theirs = read_monomial(left), read_monomial(right)
        if ours is not None and theirs is not None:
            return ours == theirs
        if left == right or render(left) == render(right):
            return True
        if _has_dots(left) or _has_dots(right):
            return False
        try:
            return self._by_value(left, right)
        except NeedsAlgebraError:
            return self.algebra(left, right)
        except UnevaluableError:
            return False

    def _by_value(self, left: Node, right: Node) -> bool:
        names = sorted(symbols(left) | symbols(right))
        if not names and not _has_unknown(left, right):
            return self._at_point(left, right, 0) is True
        for point in (0, 2):
            bindings = {name: sample(name, point) for name in names}
            ours, theirs = self._exact(left, bindings), self._exact(right, bindings)
            if ours is None or theirs is None:
                break
            if ours != theirs and _allowance(left, right) is None:
                return False
        agreed = 0
        for point in range(_POINTS):
            outcome = self._at_point(left, right, point)
            if outcome is False:
                return False
            agreed += outcome is True
            if agreed >= _ENOUGH and point >= _ENOUGH:
                break
        if agreed:
            return True
        raise UnevaluableError("no point where both sides have a value")

    def _exact(self, node: Node, bindings: dict[str, Fraction]) -> Fraction | None:
        try:
            return exact(node, bindings, self.meter)
        except OverBudgetError:
            if self.meter.steps < 0:
                raise
            return None

    def _at_point(self, left: Node, right: Node, point: int) -> bool | None:
        """Return whether the values agree at a sample point; None where either has none there."""
        constant = not symbols(left) and not symbols(right)
        try:
            low = Evaluator(LOW_DIGITS, self.meter, point)
            ours, theirs = low.value(left), low.value(right)
            complex_ = low.mp.im(ours) or low.mp.im(theirs)
            if complex_ and not constant and not _complex_on_purpose(left, right):
                return None
            if low.mp.isinf(ours) or low.mp.isinf(theirs):
                return bool(ours == theirs) if constant else None
            size = max(abs(ours), abs(theirs))
            difference = abs(ours - theirs)
            allowed = _allowance(left, right)
            if allowed is not None:
                absolute, relative = allowed
                return bool(difference <= low.rational(absolute) + low.rational(relative) * size)
            if difference > low.mp.mpf(10) ** -12 * max(1, size):
                return False
            high = Evaluator(HIGH_DIGITS, self.meter, point)
            remaining = abs(high.value(left) - high.value(right))
            return _vanishes(difference, remaining, size, high.mp)
        except NeedsAlgebraError:
            raise
        except UnevaluableError:
            if constant:
                raise
            return None


def _vanishes(low: Any, high: Any, size: Any, mp: Any) -> bool:
    """Return whether a difference is rounding noise: it shrinks as digits are added."""
    if high <= size * mp.mpf(10) ** -70:
        return True
    return bool(low > 0 and high <= low * mp.mpf(10) ** -25)


def _allowance(left: Node, right: Node) -> tuple[Fraction, Fraction] | None:
    """Return the absolute and the relative difference that a rounded decimal allows.

    None where no side has a decimal, or one has too few digits to stand for another value.
    """
    for side in (left, right):
        if isinstance(side, Number) and side.digits >= MIN_ROUNDED_DIGITS:
            unit = Fraction(10) ** side.exponent
            noise = _NOISE if side.digits >= _NOISE_DIGITS else Fraction(0)
            return (unit if side.truncated else unit / 2), noise
    digits = [
        item.digits
        for side in (left, right)
        for item in walk(side)
        if isinstance(item, Number) and item.digits
    ]
    if not digits or min(digits) < MIN_ROUNDED_DIGITS:
        return None
    # Half a unit in the last of n digits is at most a relative 5 * 10^-n.
    return Fraction(0), Fraction(1, 2 * 10 ** (min(*digits, 14) - 1))


def _complex_on_purpose(left: Node, right: Node) -> bool:
    return any(item == Constant("i") for side in (left, right) for item in walk(side))


def _has_dots(node: Node) -> bool:
    return any(item == Constant("dots") for item in walk(node))


def _has_unknown(left: Node, right: Node) -> bool:
    return any(
        isinstance(x, Call) and x.op == "apply" for side in (left, right) for x in walk(side)
    )


def as_number(node: Node) -> Node:
    """Return a number in another base as its value; other nodes as they are."""
    return Number(Fraction(node.value)) if isinstance(node, BaseNumber) else node


def natural_logs(node: Node) -> Node:
    """Return ``node`` with logarithms of no stated base read as natural ones."""
    if not isinstance(node, Call):
        return node
    args = [natural_logs(arg) for arg in node.args]
    return call("ln" if node.op == "log" and len(args) == 1 else node.op, *args)
