"""Values are equal by a stated rule, by exact types, and nothing of theirs is called."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.code import Iterated, Opaque
from llmenvs.verifiers.code.compare import EqualityRule, same_value

NAN = float("nan")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)

EQUAL = [
    (3, 3.0),
    (2**70, 2**70),
    (NAN, NAN),
    ([NAN, {"a": NAN}], [NAN, {"a": NAN}]),
    (-0.0, 0.0),
    (math.inf, math.inf),
    (0.1 + 0.2, 0.3),
    (1e300, 1e300 * (1 + 1e-12)),
    (5, 5.0),
    (1 + 2j, 1 + 2j),
    ({1, 2}, frozenset({2, 1})),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (bytearray(b"a"), b"a"),
    ({0.1 + 0.2}, {0.3}),
    (np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-12])),
]
DIFFERENT = [
    (True, 1),
    (1, True),
    (False, 0),
    (0.0, False),
    (True, 1.0),
    ([1, True], [1, 1]),
    ({1: "a"}, {True: "a"}),
    ({True}, {1}),
    ((1, 2), [1, 2]),
    ([1, 2], (1, 2)),
    ({1, 2}, [1, 2]),
    ("1", 1),
    ("a", b"a"),
    (None, False),
    (None, 0),
    ("", None),
    ([], None),
    ([1, 2], [1, 2, 3]),
    ([1, 2, 3], [1, 2]),
    ([2, 1], [1, 2]),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 1, "c": 2}, {"a": 1, "b": 2}),
    (0.3000001, 0.3),
    (3.0000000001, 3),
    (NAN, 0.0),
    (math.inf, 1e308),
    (10**400, 1.5),
    (Opaque("Any"), 3),
    (Opaque("Any"), Opaque("Any")),
    (Iterated((1, 2)), [1, 2]),
    (object, object),
    (np.array([1, 2]), [1, 2]),
    (np.array([1, 2]), np.array([[1, 2]])),
    (np.array([1, 2]), np.array([True, False])),
]


@pytest.mark.parametrize(("given_value", "expected"), EQUAL)
def test_equal(given_value: Any, expected: Any) -> None:
    assert same_value(given_value, expected, EqualityRule())


@pytest.mark.parametrize(("given_value", "expected"), DIFFERENT)
def test_different(given_value: Any, expected: Any) -> None:
    assert not same_value(given_value, expected, EqualityRule())


@given(PLAIN)
def test_every_plain_value_equals_itself_and_not_what_wraps_it(value: Any) -> None:
    for rule in (EqualityRule(tolerance=0.0), EqualityRule(order_free=3, sequences_alike=True)):
        assert same_value(value, value, rule)
        assert not same_value([value], value, rule)


@given(PLAIN, PLAIN)
def test_equality_without_leeway_is_symmetric(one: Any, other: Any) -> None:
    rule = EqualityRule(tolerance=0.0)
    assert same_value(one, other, rule) == same_value(other, one, rule)


@given(st.lists(PLAIN, max_size=6), st.randoms(use_true_random=False))
def test_order_counts_only_where_the_rule_says_so(items: list[Any], random: Any) -> None:
    mixed = list(items)
    random.shuffle(mixed)

    assert same_value(mixed, items, EqualityRule(order_free=1))
    assert same_value([mixed], [items], EqualityRule(order_free=2))
    strict = EqualityRule(tolerance=0.0)
    in_place = all(same_value(a, b, strict) for a, b in zip(mixed, items, strict=True))
    assert same_value(mixed, items, strict) == in_place


def test_floats_pair_off_in_any_order_even_where_a_greedy_choice_fails() -> None:
    rule = EqualityRule(tolerance=0.5, order_free=1)

    assert same_value([0.4, 0.0], [0.0, -0.4], rule)
    assert not same_value([0.6, 0.6], [0.0, 0.6], EqualityRule(tolerance=0.1, order_free=1))


def test_order_free_lists_count_how_often() -> None:
    assert not same_value([1, 1, 2], [1, 2, 2], EqualityRule(order_free=1))


def test_a_tuple_stands_for_a_list_only_where_the_rule_says_so() -> None:
    rule = EqualityRule(sequences_alike=True)

    assert same_value([(1, 2)], ([1, 2],), rule)
    assert not same_value({1, 2}, [1, 2], rule)


def test_no_method_of_a_foreign_value_decides() -> None:
    class Equal:
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 0

    class EqualInt(int):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 0

    for value in (Equal(), EqualInt(3)):
        assert not same_value(value, 4)
        assert not same_value([value], [4], EqualityRule(order_free=1))


def test_depth_and_size_are_bounded() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    assert not same_value(deep, [[]])
    assert not same_value([deep], [[]], EqualityRule(order_free=1))
    assert not same_value(deep, deep)
    assert same_value(list(range(200_000)), list(range(200_000)))
    assert same_value(list(range(20_000)), list(range(20_000))[::-1], EqualityRule(order_free=1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": -1.0}, "tolerance"),
        ({"tolerance": NAN}, "got nan"),
        ({"order_free": -1}, "-1"),
    ],
)
def test_a_rule_out_of_range_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EqualityRule(**arguments)
