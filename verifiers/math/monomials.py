r"""Decide exactly whether two products of rationals, square roots and variables are equal.

Most answers that are no rational are of this form: ``\frac{3\sqrt{5}}{7}``, ``9\pi``, ``2x^3y``.
The square of the coefficient is rational, so its sign and its square are the whole of it.
"""

from dataclasses import dataclass
from fractions import Fraction

from llmenvs.verifiers.math.fold import bits
from llmenvs.verifiers.math.nodes import Call, Constant, Node, Number, Symbol

_MAX_BITS = 4_000
_MAX_POWER = 64


@dataclass(frozen=True, slots=True)
class Monomial:
    """``sign * sqrt(square)`` times each of ``atoms`` to its power."""

    sign: int
    square: Fraction
    atoms: tuple[tuple[str, int], ...] = ()


def read_monomial(node: Node) -> Monomial | None:
    """Return ``node`` as a monomial, or None where it is none; decimals are not exact enough."""
    match node:
        case Number(value=value, digits=0):
            sign = (value > 0) - (value < 0)
            return Monomial(sign, value * value) if bits(value) < _MAX_BITS else None
        case Symbol(name=name) | Constant(name="pi" as name):
            return Monomial(1, Fraction(1), ((name, 1),))
        case Call(op="pow", args=(base, Number(value=exponent))):
            return _power(base, exponent)
        case Call(op=("mul" | "div") as op, args=args):
            return _product(args, -1 if op == "div" else 1)
    return None


def _power(base: Node, exponent: Fraction) -> Monomial | None:
    if isinstance(base, Number) and exponent.denominator == 2 and base.value > 0:
        small = bits(base.value) * abs(exponent.numerator) < _MAX_BITS and not base.digits
        return Monomial(1, base.value**exponent.numerator) if small else None
    whole = exponent.denominator == 1 and abs(exponent) <= _MAX_POWER
    if whole and isinstance(base, Symbol | Constant):
        atom = read_monomial(base)
        return atom and Monomial(1, Fraction(1), ((atom.atoms[0][0], exponent.numerator),))
    return None


def _product(args: tuple[Node, ...], direction: int) -> Monomial | None:
    sign, square = 1, Fraction(1)
    atoms: dict[str, int] = {}
    for at, arg in enumerate(args):
        factor = read_monomial(arg)
        if factor is None or bits(square) > _MAX_BITS:
            return None
        power = direction if at else 1
        if power < 0 and not factor.sign:
            return None
        sign *= factor.sign
        square = square * factor.square if power > 0 else square / factor.square
        for name, exponent in factor.atoms:
            atoms[name] = atoms.get(name, 0) + power * exponent
    kept = tuple(sorted((name, exponent) for name, exponent in atoms.items() if exponent))
    return Monomial(sign, square, kept if sign else ())
