"""Exact arithmetic while the tree is built: a constant rational is one number from the start.

Every function returns None where the result is not rational, or too large to be worth having; the
parser then keeps the operation as it stands. Division by zero gives `UNDEFINED`, which equals
nothing.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

from llmenvs.verifiers.math.limits import MAX_BITS, MAX_FACTORIAL, Meter
from llmenvs.verifiers.math.nodes import UNDEFINED, Constant, Number


def bits(value: Fraction) -> int:
    """Return the size of ``value`` in bits."""
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def add(values: Sequence[Fraction], meter: Meter) -> Fraction:
    """Return the sum of ``values``."""
    total = Fraction(0)
    for value in values:
        meter.charge_bits(bits(value) + bits(total))
        total += value
    return total


def multiply(values: Sequence[Fraction], meter: Meter) -> Fraction:
    """Return the product of ``values``."""
    total = Fraction(1)
    for value in values:
        meter.charge_bits(bits(value) + bits(total))
        total *= value
    return total


def divide(top: Fraction, bottom: Fraction, meter: Meter) -> Number | Constant:
    """Return ``top / bottom``."""
    if bottom == 0:
        return UNDEFINED
    meter.charge_bits(bits(top) + bits(bottom))
    return Number(top / bottom)


def power(base: Fraction, exponent: Fraction, meter: Meter) -> Number | Constant | None:
    """Return ``base ** exponent``; the real root where the exponent has an odd denominator."""
    if base == 0:
        if exponent > 0:
            return Number(Fraction(0))
        return Number(Fraction(1)) if exponent == 0 else UNDEFINED
    if abs(exponent.numerator) > MAX_BITS or exponent.denominator > 64:
        return Number(base) if base == 1 else None
    if bits(base) * abs(exponent.numerator) > MAX_BITS:
        return Number(base**exponent.numerator) if abs(base) == 1 and _whole(exponent) else None
    if not _whole(exponent):
        rooted = root(base, exponent.denominator)
        if rooted is None:
            return None
        base = rooted
    meter.charge_bits(bits(base) * abs(exponent.numerator))
    return Number(base**exponent.numerator)


def _whole(value: Fraction) -> bool:
    return value.denominator == 1


def root(value: Fraction, degree: int) -> Fraction | None:
    """Return the real root of ``value`` if it is rational."""
    if degree < 1 or bits(value) > MAX_BITS // 16 or (value < 0 and degree % 2 == 0):
        return None
    top = _whole_root(abs(value.numerator), degree)
    bottom = _whole_root(value.denominator, degree)
    if top is None or bottom is None:
        return None
    return Fraction(-top if value < 0 else top, bottom)


def _whole_root(value: int, degree: int) -> int | None:
    if degree == 2:
        guess = math.isqrt(value)
    elif value.bit_length() <= degree:
        guess = min(value, 1)
    else:
        guess = 1 << -(-value.bit_length() // degree)
        while True:  # Newton's iteration from above
            step = ((degree - 1) * guess + value // guess ** (degree - 1)) // degree
            if step >= guess:
                break
            guess = step
    return guess if guess**degree == value else None


def factorial(value: Fraction, meter: Meter) -> Number | None:
    """Return ``value!``."""
    if not _whole(value) or not 0 <= value <= MAX_FACTORIAL:
        return None
    meter.charge(1 + int(value) // 50)
    return Number(Fraction(math.factorial(int(value))))


def binomial(n: Fraction, k: Fraction, meter: Meter) -> Number | None:
    """Return the number of ways to choose ``k`` of ``n``."""
    if not (_whole(n) and _whole(k)) or n < 0 or abs(k) > MAX_BITS or bits(n) > 64:
        return None
    if k < 0 or k > n:
        return Number(Fraction(0))
    size = min(int(k), int(n - k)) * bits(n)
    if size > MAX_BITS:
        return None
    meter.charge_bits(size)
    return Number(Fraction(math.comb(int(n), int(k))))
