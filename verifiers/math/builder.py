"""Build expression nodes, folding rational constants and matrices of them on the way.

The builder also notes whether it had to compute: ``2 + 3`` and ``6/2`` are not evaluated answers,
``-3``, ``2/3``, ``2 3/4`` and ``1.5 x 10^3`` are.
"""

from collections.abc import Callable
from collections.abc import Sequence as Items
from fractions import Fraction
from math import gcd

from llmenvs.verifiers.math import fold
from llmenvs.verifiers.math.limits import Meter
from llmenvs.verifiers.math.nodes import (
    ONE,
    UNDEFINED,
    ZERO,
    Call,
    Constant,
    LongInteger,
    Matrix,
    Node,
    Number,
    Quantity,
    call,
)


class Builder:
    """Make nodes; one builder serves one answer.

    Attributes:
        meter: what the work is charged to.
        computed: whether arithmetic was needed.
    """

    __slots__ = ("computed", "meter")

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.computed = False

    def add(self, terms: Items[Node]) -> Node:
        """Return the sum of ``terms``."""
        if len(terms) == 1:
            return terms[0]
        if UNDEFINED in terms:
            return UNDEFINED
        if all(isinstance(term, Matrix) for term in terms):
            return self._add_matrices([term for term in terms if isinstance(term, Matrix)])
        numbers = [term.value for term in terms if isinstance(term, Number)]
        rest = [term for term in terms if not isinstance(term, Number)]
        if len(numbers) > 1:
            self.computed = True
        if not numbers:
            return call("add", *rest)
        total = Number(fold.add(numbers, self.meter)) if len(numbers) > 1 else _only_number(terms)
        if not rest:
            return total
        return call("add", *rest, total) if total.value else self.add(rest)

    def _add_matrices(self, matrices: Items[Matrix]) -> Node:
        shapes = {(len(m.rows), len(m.rows[0])) for m in matrices}
        if len(shapes) != 1:
            return UNDEFINED
        self.computed = True
        cells = zip(*(m.rows for m in matrices), strict=True)
        return Matrix(tuple(tuple(map(self._sum, zip(*rows, strict=True))) for rows in cells))

    def _sum(self, terms: Items[Node]) -> Node:
        return self.add(terms)

    def multiply(self, factors: Items[Node]) -> Node:
        """Return the product of ``factors``."""
        if len(factors) == 1:
            return factors[0]
        if UNDEFINED in factors:
            return UNDEFINED
        if any(isinstance(factor, Matrix) for factor in factors):
            return self._multiply_matrices(factors)
        numbers = [factor for factor in factors if isinstance(factor, Number)]
        rest = [factor for factor in factors if not isinstance(factor, Number)]
        if not numbers:
            return call("mul", *rest)
        total = numbers[0] if len(numbers) == 1 else self._product(numbers)
        if not rest:
            return total
        if total == ONE:
            return self.multiply(rest)
        return call("mul", total, *rest)

    def _product(self, numbers: Items[Number]) -> Number:
        value = fold.multiply([number.value for number in numbers], self.meter)
        if len(numbers) == 2:
            mantissa, power = numbers
            if power.exponent and not power.digits and mantissa.value:
                self.computed |= not 1 <= abs(mantissa.value) < 10
                exponent = mantissa.exponent + power.exponent
                return Number(value, mantissa.digits, exponent if mantissa.digits else 0)
        self.computed = True
        return Number(value)

    def _multiply_matrices(self, factors: Items[Node]) -> Node:
        product = factors[0]
        for factor in factors[1:]:
            if isinstance(product, Matrix) and isinstance(factor, Matrix):
                product = self._matrix_product(product, factor)
            elif isinstance(product, Matrix):
                product = self._scale(product, factor)
            elif isinstance(factor, Matrix):
                product = self._scale(factor, product)
            else:
                product = self.multiply([product, factor])
        self.computed = True
        return product

    def _scale(self, matrix: Matrix, factor: Node) -> Matrix:
        return self.map_matrix(matrix, lambda entry: self.multiply([factor, entry]))

    def _matrix_product(self, left: Matrix, right: Matrix) -> Node:
        if len(left.rows[0]) != len(right.rows):
            return UNDEFINED
        self.meter.charge(len(left.rows) * len(right.rows) * len(right.rows[0]))
        columns = list(zip(*right.rows, strict=True))
        rows = (
            tuple(
                self.add([self.multiply([a, b]) for a, b in zip(row, column, strict=True)])
                for column in columns
            )
            for row in left.rows
        )
        return Matrix(tuple(rows))

    @staticmethod
    def map_matrix(matrix: Matrix, function: Callable[[Node], Node]) -> Matrix:
        """Return ``matrix`` with ``function`` applied to each entry."""
        return Matrix(tuple(tuple(function(item) for item in row) for row in matrix.rows))

    def negate(self, node: Node) -> Node:
        """Return ``-node``."""
        match node:
            case Number(value=value):
                return Number(-value, node.digits, node.exponent, node.truncated)
            case LongInteger(negative=negative, digits=digits):
                return LongInteger(not negative, digits)
            case Quantity(value=value, unit=unit):
                return Quantity(self.negate(value), unit)
            case Call(op="mul", args=(Number() as number, *rest)):
                return self.multiply([self.negate(number), *rest])
            case Constant(name="undefined"):
                return node
            case Matrix():
                return self.map_matrix(node, self.negate)
        return call("mul", Number(Fraction(-1)), node)

    def divide(self, top: Node, bottom: Node) -> Node:
        """Return ``top / bottom``."""
        if UNDEFINED in (top, bottom) or (isinstance(bottom, Number) and bottom.value == 0):
            return UNDEFINED
        if isinstance(top, Number) and isinstance(bottom, Number):
            p, q = top.value, bottom.value
            whole = p.denominator == q.denominator == 1
            if not whole or abs(q) == 1 or gcd(p.numerator, q.numerator) != 1:
                self.computed = True
            return fold.divide(p, q, self.meter)
        if isinstance(top, Matrix):
            return self.map_matrix(top, lambda x: self.divide(x, bottom))
        if bottom == ONE:
            return top
        return call("div", top, bottom)

    def power(self, base: Node, exponent: Node) -> Node:
        """Return ``base ** exponent``."""
        if UNDEFINED in (base, exponent):
            return UNDEFINED
        if isinstance(base, Number) and isinstance(exponent, Number):
            folded = fold.power(base.value, exponent.value, self.meter)
            ten = base.value == 10 and exponent.value.denominator == 1
            if isinstance(folded, Number) and ten and not base.digits:
                return Number(folded.value, 0, int(exponent.value))
            if folded is not None:
                self.computed |= exponent.value.denominator == 1
                return folded
        if isinstance(base, Matrix) and isinstance(exponent, Number):
            return self._matrix_power(base, exponent)
        if exponent == ONE:
            return base
        return call("pow", base, exponent)

    def _matrix_power(self, base: Matrix, exponent: Number) -> Node:
        if exponent.value.denominator != 1 or not 1 <= exponent.value <= 8:
            return call("pow", base, exponent)
        return self.multiply([base] * int(exponent.value))

    def root(self, radicand: Node, degree: Node) -> Node:
        """Return the real root of ``radicand`` where there is one."""
        if degree == ZERO:
            return UNDEFINED
        if isinstance(degree, Number):
            return self.power(radicand, Number(1 / degree.value))
        return call("pow", radicand, call("div", ONE, degree))

    def factorial(self, node: Node) -> Node:
        """Return ``node!``."""
        if isinstance(node, Number):
            self.computed = True
            folded = fold.factorial(node.value, self.meter)
            if folded is not None:
                return folded
        return call("factorial", node)

    def binomial(self, n: Node, k: Node) -> Node:
        """Return ``n`` over ``k``."""
        if isinstance(n, Number) and isinstance(k, Number):
            self.computed = True
            folded = fold.binomial(n.value, k.value, self.meter)
            if folded is not None:
                return folded
        return call("binomial", n, k)

    def determinant(self, matrix: Matrix) -> Node:
        """Return the determinant by cofactors up to 4 x 4; larger ones stay unevaluated."""
        size = len(matrix.rows)
        if size != len(matrix.rows[0]):
            return UNDEFINED
        if size > 4:
            return call("det", matrix)
        self.computed = True
        return self._cofactors([list(row) for row in matrix.rows])

    def _cofactors(self, rows: list[list[Node]]) -> Node:
        if len(rows) == 1:
            return rows[0][0]
        terms: list[Node] = []
        for column, entry in enumerate(rows[0]):
            minor = [row[:column] + row[column + 1 :] for row in rows[1:]]
            term = self.multiply([entry, self._cofactors(minor)])
            terms.append(self.negate(term) if column % 2 else term)
        return self.add(terms)


def _only_number(terms: Items[Node]) -> Number:
    return next(term for term in terms if isinstance(term, Number))
