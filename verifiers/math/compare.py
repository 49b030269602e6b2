"""Compare two answers by what they are: values, quantities, lists, sets, relations, matrices, text.

The comparison is not symmetric: what a completion may leave out (a unit, a percent sign, a base, a
label) a target may not.
"""

from itertools import pairwise

from llmenvs.verifiers.math.equations import EquationComparer
from llmenvs.verifiers.math.labels import Labelled, same_label, split_chain, stem
from llmenvs.verifiers.math.limits import MAX_ITEMS, Meter, OverBudgetError
from llmenvs.verifiers.math.nodes import (
    BaseNumber,
    Interval,
    Matrix,
    Node,
    Number,
    Quantity,
    Ratio,
    Relation,
    Sequence,
    Text,
    call,
    render,
    symbols,
)
from llmenvs.verifiers.math.numeric import LOW_DIGITS, Evaluator
from llmenvs.verifiers.math.regions import same_region
from llmenvs.verifiers.math.scalars import Algebra, ScalarComparer, as_number, natural_logs
from llmenvs.verifiers.math.shapes import (
    LIST,
    SET,
    TUPLE,
    as_quotient,
    expand,
    has_call,
    has_constant,
    has_dots,
    is_dots,
    is_regional,
    kind,
    rows,
    scaled,
    written_alike,
)
from llmenvs.verifiers.math.units import DEGREE, PERCENT, compatible

_MAX_PAIRS = 10_000


class Comparer:
    """Compare a completion's answer with a target's.

    Args:
        meter: what the work is charged to.
        algebra: asked where arithmetic gives no value.
    """

    def __init__(self, meter: Meter, algebra: Algebra) -> None:
        self.meter = meter
        self.scalars = ScalarComparer(meter, algebra)
        self.equations = EquationComparer(self.scalars)

    def same(self, target: Node, answer: Node) -> bool:
        """Return whether ``answer`` is right where ``target`` is."""
        self.meter.charge()
        ours, theirs = self.resolve(target), self.resolve(answer)
        if isinstance(target, Relation) and isinstance(answer, Relation):
            return self.same_relation(target, answer, ours, theirs)
        if isinstance(ours, Labelled):
            ours = ours.value
        if isinstance(theirs, Labelled):
            theirs = theirs.value
        return self.same_value(ours, theirs)

    def resolve(self, node: Node) -> Node | Labelled:
        """Return the value that a relation gives, with its label; other nodes as they are."""
        if not isinstance(node, Relation):
            return node
        if node.operators == ("in",):
            return Labelled(node.operands[0], node.operands[1])
        chain = split_chain(node)
        if chain is None:
            return node
        label, values = chain
        if label is None and len(values) == 1 and len(node.operands) > 1:
            return values[0]
        for left, right in pairwise(values):
            if not self.same_value(left, right):
                return node
        return Labelled(label, values[-1]) if label is not None else values[-1]

    # Relations

    def same_relation(
        self, target: Relation, answer: Relation, ours: Node | Labelled, theirs: Node | Labelled
    ) -> bool:
        """Return whether two relations agree."""
        if isinstance(ours, Labelled) and isinstance(theirs, Labelled):
            if same_label(ours.label, theirs.label):
                return self.same_value(ours.value, theirs.value) or (
                    bool(symbols(ours.value)) and self.equations.same(target, answer)
                )
            return bool(symbols(ours.value)) and self.equations.same(target, answer)
        if isinstance(ours, Labelled) and not symbols(ours.value):
            # A target such as x = 5 asks for a value; an equation still to be solved is none.
            if target.operators != ("in",) or not isinstance(theirs, Relation):
                return False
            return self.same_value(ours.value, theirs)
        if isinstance(theirs, Labelled) and answer.operators == ("in",):
            return self.same_value(target, theirs.value)
        if isinstance(ours, Relation) and isinstance(theirs, Relation | Labelled):
            return self.equations.same(target, answer) or bool(self.region(target, answer))
        if isinstance(ours, Labelled) and isinstance(theirs, Relation):
            return self.equations.same(target, answer)
        if isinstance(ours, Relation) or isinstance(theirs, Relation | Labelled):
            return False
        return not isinstance(ours, Labelled) and self.same_value(ours, theirs)

    def region(self, target: Node, answer: Node) -> bool | None:
        """Return whether two sets of reals are equal, or None where they are not known as such."""
        return same_region(target, answer, Evaluator(LOW_DIGITS, self.meter))

    # Values

    def same_value(self, target: Node, answer: Node) -> bool:
        """Return whether two nodes without labels agree."""
        self.meter.charge()
        if isinstance(target, Number) and isinstance(answer, Number):
            return self.scalars.same(target, answer)
        target, answer = expand(target), expand(answer)
        match target, answer:
            case (Text(), _) | (_, Text()):
                return target == answer
            case (Quantity(), _) | (_, Quantity()):
                if not isinstance(target, Sequence) and not isinstance(answer, Sequence):
                    return self.same_quantity(target, answer)
            case (Matrix(), _) | (_, Matrix()):
                return self.same_matrix(target, answer)
            case Ratio(), Ratio():
                return self.same_ratio(target, answer)
            case BaseNumber(), BaseNumber():
                return target.value == answer.value
            case BaseNumber(), Number():
                return written_alike(target, answer)
        if isinstance(target, Sequence) or isinstance(answer, Sequence):
            return self.same_sequence(target, answer)
        if is_regional(target) or is_regional(answer):
            return self.same_set(target, answer)
        return self.same_scalar(as_quotient(target), as_quotient(answer))

    def same_scalar(self, target: Node, answer: Node) -> bool:
        """Return whether two expressions have the same value."""
        target, answer = as_number(target), as_number(answer)
        if isinstance(target, Relation) or isinstance(answer, Relation):
            return False
        if self.scalars.same(target, answer):
            return True
        if has_call(target, "log") != has_call(answer, "log"):
            return self.scalars.same(natural_logs(target), natural_logs(answer))
        return False

    def same_set(self, target: Node, answer: Node) -> bool:
        """Return whether two sets of reals agree: end by end, or else as sets."""
        if isinstance(target, Interval) and isinstance(answer, Interval):
            closed = target.low_closed == answer.low_closed
            if closed and target.high_closed == answer.high_closed:
                low = self.same_value(target.low, answer.low)
                if low and self.same_value(target.high, answer.high):
                    return True
        return render(target) == render(answer) or bool(self.region(target, answer))

    def same_quantity(self, target: Node, answer: Node) -> bool:
        """Return whether two values agree with their units."""
        match target, answer:
            case Quantity(unit=ours), Quantity(unit=theirs):
                if not compatible(ours, theirs):
                    return False
                if ours.factor == theirs.factor:
                    return self.same_value(target.value, answer.value)
                return self.same_value(scaled(target), scaled(answer))
            case Quantity(unit=unit), _:
                if self.same_value(target.value, answer):
                    return True
                if unit == DEGREE and has_constant(answer, "pi"):
                    return self.same_value(call("degrees", target.value), answer)
                return unit == PERCENT and self.same_value(scaled(target), answer)
            case _, Quantity(unit=unit):
                if unit == PERCENT:
                    return self.same_value(target, scaled(answer))
                if unit == DEGREE and has_constant(target, "pi"):
                    return self.same_value(target, call("degrees", answer.value))
                return self.same_value(target, answer.value)
        return False

    def same_ratio(self, target: Ratio, answer: Ratio) -> bool:
        """Return whether two ratios agree; times of day agree only hour by hour."""
        if len(target.items) != len(answer.items):
            return False
        if (target.clock and answer.clock) or has_dots(target) or has_dots(answer):
            pairs = zip(target.items, answer.items, strict=True)
            return all(self.same_value(a, b) for a, b in pairs)
        return all(
            self.same_scalar(call("mul", a, answer.items[0]), call("mul", b, target.items[0]))
            for a, b in zip(target.items[1:], answer.items[1:], strict=True)
        )

    def same_matrix(self, target: Node, answer: Node) -> bool:
        """Return whether two matrices agree entry by entry; a vector may be written as a tuple."""
        ours, theirs = rows(target), rows(answer)
        if ours is None or theirs is None:
            return False
        flat = not (isinstance(target, Matrix) and isinstance(answer, Matrix))
        if flat and 1 in {len(ours), len(ours[0])} and 1 in {len(theirs), len(theirs[0])}:
            ours = ((*(item for row in ours for item in row),),)
            theirs = ((*(item for row in theirs for item in row),),)
        if [len(row) for row in ours] != [len(row) for row in theirs]:
            return False
        return all(
            self.same_value(a, b)
            for left, right in zip(ours, theirs, strict=True)
            for a, b in zip(left, right, strict=True)
        )

    # Several values

    def same_sequence(self, target: Node, answer: Node) -> bool:
        """Return whether lists, tuples, sets and systems agree."""
        ours, theirs = self.items(target), self.items(answer)
        if is_regional(target) or is_regional(answer):
            if isinstance(answer, Interval) and kind(target) is LIST and ours:
                # A list in square brackets looks like a closed interval.
                closed = answer.low_closed and answer.high_closed
                return closed and self.ordered(ours, [answer.low, answer.high])
            return bool(self.region(target, answer))
        kinds = (kind(target), kind(answer))
        if len(ours) == len(theirs) == 1 and kinds != (TUPLE, TUPLE):
            if isinstance(ours[0], Sequence) or isinstance(theirs[0], Sequence):
                return ours[0] != target and self.same(ours[0], theirs[0])
            return self.same(ours[0], theirs[0])
        if set(kinds) == {TUPLE, SET}:
            return False
        if any(is_dots(item) for item in (*ours, *theirs)):
            return self.ordered(ours, theirs)
        labels = self.labels(ours), self.labels(theirs)
        if labels[0] and labels[1]:
            return self.same_system(labels[0], labels[1])
        if TUPLE in kinds or self.is_ordered(labels[0]) or self.is_ordered(labels[1]):
            return self.ordered(ours, theirs)
        return self.unordered(ours, theirs)

    def items(self, node: Node) -> list[Node]:
        """Return the values that ``node`` stands for, with each ± as two."""
        items = node.items if isinstance(node, Sequence) else (node,)
        if len(items) > MAX_ITEMS:
            raise OverBudgetError(f"a list of more than {MAX_ITEMS} items")
        flat: list[Node] = []
        for item in items:
            spread = expand(item)
            double = isinstance(spread, Sequence) and not isinstance(item, Sequence)
            flat.extend(spread.items if double and isinstance(spread, Sequence) else (spread,))
        first = self.resolve(flat[0]) if flat else None
        rest = flat[1:]
        if isinstance(first, Labelled) and rest and not any(isinstance(x, Relation) for x in rest):
            flat[0] = first.value
        return flat

    def labels(self, items: list[Node]) -> list[Labelled]:
        """Return the items of a system such as ``x = 1, y = 2``, or [] where it is none."""
        found: list[Labelled] = []
        for item in items:
            resolved = self.resolve(item)
            if not isinstance(resolved, Labelled):
                return []
            found.append(resolved)
        return found if len({entry.label for entry in found}) > 1 else []

    @staticmethod
    def is_ordered(labels: list[Labelled]) -> bool:
        """Return whether the values of a system have an order; numbered roots have none."""
        stems = {stem(entry.label) for entry in labels}
        return bool(labels) and (len(stems) > 1 or None in stems)

    def same_system(self, target: list[Labelled], answer: list[Labelled]) -> bool:
        """Return whether two systems give the same value to each label."""
        if len(target) != len(answer):
            return False
        return all(
            any(
                entry.label == other.label and self.same_value(entry.value, other.value)
                for other in answer
            )
            for entry in target
        )

    def ordered(self, target: list[Node], answer: list[Node]) -> bool:
        """Return whether the values agree one by one."""
        return len(target) == len(answer) and all(
            self.same(a, b) for a, b in zip(target, answer, strict=True)
        )

    def unordered(self, target: list[Node], answer: list[Node]) -> bool:
        """Return whether each value on either side is on the other."""
        if all(isinstance(x, Number) for x in (*target, *answer)):
            ours = {x.value for x in target if isinstance(x, Number)}
            theirs = {x.value for x in answer if isinstance(x, Number)}
            if ours == theirs:
                return True
        if len(target) * len(answer) > _MAX_PAIRS:
            raise OverBudgetError(f"more than {_MAX_PAIRS} pairs to compare")
        found: set[int] = set()
        for item in target:
            matches = [at for at, other in enumerate(answer) if self.same(item, other)]
            if not matches:
                return False
            found.update(matches)
        return len(found) == len(answer)
