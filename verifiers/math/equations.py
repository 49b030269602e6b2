"""Decide whether two equations or inequalities in several variables say the same.

Two equations are the same if the difference of the sides of one is a constant multiple of that of
the other, or if one is solved for a variable that the other determines: ``y = 1/x`` and
``xy = 1``. Inequalities must be multiples of each other with the right sign.
"""

from typing import Any

from llmenvs.verifiers.math.nodes import (
    Node,
    Relation,
    Symbol,
    call,
    integer,
    render,
    symbols,
)
from llmenvs.verifiers.math.numeric import LOW_DIGITS, Evaluator, UnevaluableError
from llmenvs.verifiers.math.regions import abstract_functions
from llmenvs.verifiers.math.scalars import ScalarComparer

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_UNSIGNED = frozenset({"=", "!="})
_POINTS = (0, 1, 2, 3, 7, 6)
_ENOUGH = 2


class EquationComparer:
    """Compare relations; values are left to ``scalars``."""

    def __init__(self, scalars: ScalarComparer) -> None:
        self.scalars = scalars

    def same(self, target: Relation, answer: Relation) -> bool:
        """Return whether the two relations say the same."""
        if render(target) == render(answer):
            return True
        if len(target.operators) != len(answer.operators):
            return False
        if len(target.operators) > 1:
            return self._same_chain(target, answer)
        if target.operators[0] not in _FLIPPED or answer.operators[0] not in _FLIPPED:
            return target.operators == answer.operators and self._same_operands(target, answer)
        ours, theirs = _difference(target), _difference(answer)
        if symbols(ours) != symbols(theirs) or not symbols(ours):
            return False
        try:
            ratio = self._ratio(ours, theirs)
        except UnevaluableError:
            return False
        operator = answer.operators[0]
        if ratio is None:
            return operator == target.operators[0] == "=" and self._determines(target, answer)
        if operator not in _UNSIGNED and ratio < 0:
            operator = _FLIPPED[operator]
        return operator == target.operators[0]

    def _same_operands(self, target: Relation, answer: Relation) -> bool:
        pairs = zip(target.operands, answer.operands, strict=True)
        return all(self.scalars.same(a, b) for a, b in pairs)

    def _same_chain(self, target: Relation, answer: Relation) -> bool:
        if target.operators == answer.operators and self._same_operands(target, answer):
            return True
        if not set(answer.operators) <= _FLIPPED.keys():
            return False
        operators = tuple(_FLIPPED[op] for op in reversed(answer.operators))
        mirrored = Relation(operators, answer.operands[::-1])
        return target.operators == operators and self._same_operands(target, mirrored)

    def _ratio(self, left: Node, right: Node) -> Any:
        """Return the constant ratio of two functions, or None where it is not constant."""
        ratios: list[Any] = []
        for point in _POINTS:
            evaluator = Evaluator(LOW_DIGITS, self.scalars.meter, point)
            try:
                top, bottom = evaluator.value(left), evaluator.value(right)
            except UnevaluableError:
                continue
            mp = evaluator.mp
            if mp.im(top) or mp.im(bottom):
                continue
            if bottom == 0 or top == 0:
                if bottom != top:
                    return None
                continue
            ratios.append(top / bottom)
            if abs(ratios[-1] - ratios[0]) > abs(ratios[0]) * mp.mpf(10) ** -20:
                return None
        if len(ratios) < _ENOUGH:
            raise UnevaluableError("no points where both sides are real")
        return ratios[0]

    def _determines(self, left: Relation, right: Relation) -> bool:
        """Return whether one equation is solved for a variable in which the other is linear."""
        for solved, other in ((left, right), (right, left)):
            label, value = abstract_functions(solved.operands[0]), solved.operands[1]
            if isinstance(label, Symbol) and label.name not in symbols(value):
                try:
                    if self._holds_on_graph(label.name, value, _difference(other)):
                        return True
                except UnevaluableError:
                    continue
        return False

    def _holds_on_graph(self, name: str, value: Node, difference: Node) -> bool:
        checked = 0
        for point in _POINTS:
            evaluator = Evaluator(LOW_DIGITS, self.scalars.meter, point)
            mp = evaluator.mp
            try:
                height = evaluator.value(value)
                found = [self._at(evaluator, name, height + step, difference) for step in range(3)]
            except UnevaluableError:
                continue
            scale = max(abs(x) for x in found)
            tiny = mp.mpf(10) ** -20 * scale
            curved = abs(found[2] - 2 * found[1] + found[0]) > tiny
            if not scale or abs(found[0]) > tiny or curved:
                return False
            checked += 1
        return checked >= _ENOUGH

    @staticmethod
    def _at(evaluator: Evaluator, name: str, height: Any, difference: Node) -> Any:
        evaluator.bound[name] = height
        try:
            return evaluator.value(difference)
        finally:
            del evaluator.bound[name]


def _difference(relation: Relation) -> Node:
    left, right = (abstract_functions(x) for x in relation.operands)
    return call("add", left, call("mul", integer(-1), right))
