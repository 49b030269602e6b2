"""Whether two values of plain data are equal, by a rule that is itself data.

Equality is Python's, with these differences. A bool equals bools only. NaN equals NaN. A float that
is expected allows a small error, absolute or relative. Lists, tuples and sets differ, unless the
rule says otherwise. A value of any other type (an instance that came from nowhere) equals nothing,
and no method of a value is called that plain data does not have.

The cost is bounded by the expected value: both are walked together, and a difference in type,
length or keys ends the walk.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEFAULT_TOLERANCE = 1e-9
_MOST_REPAIRED = 200
_MAX_DEPTH = 200
"""Of nested containers; a value that is deeper equals nothing."""


@dataclass(frozen=True, slots=True)
class EqualityRule:
    """What counts as equal.

    Attributes:
        tolerance: error allowed where a float is expected, absolute or relative, at least 0.
        order_free: so many levels of lists, from the outermost, may be in any order; 0 for none.
        sequences_alike: whether a tuple may stand for a list and the reverse.
    """

    tolerance: float = DEFAULT_TOLERANCE
    order_free: int = 0
    sequences_alike: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.tolerance < math.inf:
            raise ValueError(f"tolerance must be finite and at least 0, got {self.tolerance!r}")
        if self.order_free < 0:
            raise ValueError(f"order_free must be at least 0, got {self.order_free!r}")


EXACT = EqualityRule(tolerance=0.0)


def same_value(given: Any, expected: Any, rule: EqualityRule = EXACT) -> bool:
    """Return whether ``given`` equals ``expected``, of which the rule's leeway follows.

    >>> same_value([1, True], [1, 1]), same_value((1, 2), [1, 2]), same_value({2: 0.3}, {2: 0.3})
    (False, False, True)
    >>> same_value([0.1 + 0.2, 1], [1, 0.3], EqualityRule(order_free=1))
    True
    """
    return _same(given, expected, rule, 0)


def _same(given: Any, expected: Any, rule: EqualityRule, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        return False
    kind = _kind(expected, rule)
    if kind is None or kind != _kind(given, rule):
        return False
    if kind == "number":
        return _same_number(given, expected, rule.tolerance)
    if kind in ("list", "tuple"):
        return _same_sequence(given, expected, rule, depth)
    if kind == "dict":
        return _same_mapping(given, expected, rule, depth)
    if kind == "set":
        return len(given) == len(expected) and _same_in_any_order(
            list(given), list(expected), rule, depth
        )
    if kind.startswith("array"):
        return _same(given.tolist(), expected.tolist(), rule, depth + 1)
    return bool(given == expected)  # None, bool, str and bytes


def _kind(value: Any, rule: EqualityRule) -> str | None:
    """Return what a value is compared as, by its exact type."""
    name = _KINDS.get(type(value)) or _array_kind(value)
    return "list" if name == "tuple" and rule.sequences_alike else name


_KINDS: Mapping[type, str] = {
    type(None): "none",
    bool: "bool",
    int: "number",
    float: "number",
    complex: "number",
    str: "str",
    bytes: "bytes",
    bytearray: "bytes",
    list: "list",
    tuple: "tuple",
    dict: "dict",
    set: "set",
    frozenset: "set",
}


def _array_kind(value: Any) -> str | None:
    """Return a name for arrays of one shape and sort of number, without importing numpy."""
    if type(value).__module__ != "numpy" or type(value).__name__ != "ndarray":
        return None
    return f"array of {value.dtype.kind}, {value.shape}"


def _same_number(given: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(given, complex) or isinstance(expected, complex):
        one, other = complex(given), complex(expected)
        return _same_number(one.real, other.real, tolerance) and _same_number(
            one.imag, other.imag, tolerance
        )
    if given == expected or (given != given and expected != expected):  # NaN
        return True
    if not isinstance(expected, float) or not tolerance:
        return False
    try:
        return math.isclose(given, expected, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # an int beyond every float
        return False


def _same_sequence(
    given: Sequence[Any], expected: Sequence[Any], rule: EqualityRule, depth: int
) -> bool:
    if len(given) != len(expected):
        return False
    if depth < rule.order_free:
        return _same_in_any_order(given, expected, rule, depth)
    pairs = zip(given, expected, strict=True)
    return all(_same(one, other, rule, depth + 1) for one, other in pairs)


def _same_mapping(
    given: Mapping[Any, Any], expected: Mapping[Any, Any], rule: EqualityRule, depth: int
) -> bool:
    if len(given) != len(expected):
        return False
    values = {_key(key): value for key, value in given.items()}
    return all(
        (key := _key(name)) in values and _same(values[key], value, rule, depth + 1)
        for name, value in expected.items()
    )


def _same_in_any_order(
    given: Sequence[Any], expected: Sequence[Any], rule: EqualityRule, depth: int
) -> bool:
    """Return whether the elements, of which there are equally many, can be paired off."""
    left, right = _unpaired(given, expected), _unpaired(expected, given)
    if not left:
        return True
    # What is left differs in a float's last digits, or within an order that does not matter. Exact
    # pairs may have to part for it, which is tried where that is cheap.
    if len(given) <= _MOST_REPAIRED:
        left, right = list(given), list(expected)
    rows = [[_same(one, other, rule, depth + 1) for other in right] for one in left]
    if not all(map(any, rows)):
        return False
    import numpy as np  # 150 ms with scipy, which most comparisons need not pay
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    matched = maximum_bipartite_matching(csr_matrix(np.array(rows)), perm_type="column")
    return bool((matched >= 0).all())


def _unpaired(values: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """Return the elements of ``values`` that have no exact counterpart in ``others``."""
    counts = Counter(map(_key, others))
    left = []
    for value in values:
        key = _key(value)
        if counts[key] > 0:
            counts[key] -= 1
        else:
            left.append(value)
    return left


def _key(value: Any, depth: int = 0) -> Any:
    """Return something hashable that two values share exactly if they are equal without leeway."""
    kind = _KINDS.get(type(value))
    if kind is None or depth > _MAX_DEPTH:
        return ("unequal", id(value))
    if kind == "number":
        return (kind, "nan") if value != value else (kind, value)  # NaN
    if kind == "bytes":
        return (kind, bytes(value))
    if kind in ("list", "tuple"):
        return (kind, *(_key(item, depth + 1) for item in value))
    if kind == "set":
        return (kind, frozenset(_key(item, depth + 1) for item in value))
    if kind == "dict":
        return (kind, frozenset((_key(k), _key(v, depth + 1)) for k, v in value.items()))
    return (kind, value)
