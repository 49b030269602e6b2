"""Calls are matched optimally, and the three parts are what the formulas say."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.tool_call.calls import ToolCall
from llmenvs.verifiers.tool_call.match import score_calls

CALLS = st.lists(
    st.builds(
        ToolCall,
        st.sampled_from("fg"),
        st.dictionaries(st.sampled_from("abc"), st.sampled_from([0, 1, True, "1"]), max_size=3),
    ),
    max_size=4,
)


def f(**parameters: object) -> ToolCall:
    return ToolCall("f", parameters)


def in_common(left: ToolCall, right: ToolCall) -> tuple[float, float, float]:
    """Compute the three parts of one pair by hand."""
    if left.name != right.name:
        return 0.0, 0.0, 0.0
    union = {*left.parameters, *right.parameters}
    if not union:
        return 1.0, 1.0, 1.0
    shared = [key for key in left.parameters if key in right.parameters]
    equal = [
        key
        for key in shared
        if left.parameters[key] == right.parameters[key]
        and isinstance(left.parameters[key], bool) == isinstance(right.parameters[key], bool)
    ]
    return 1.0, len(shared) / len(union), len(equal) / len(union)


@given(CALLS, CALLS)
def test_no_other_pairing_scores_more(wanted: list[ToolCall], made: list[ToolCall]) -> None:
    score = score_calls(wanted, made)
    some, others = sorted((wanted, made), key=len)
    best = 0.0
    for order in itertools.permutations(others, len(some)):
        pairs = [in_common(left, right) for left, right in zip(some, order, strict=True)]
        union = len(wanted) + len(made) - sum(pair[0] == 1.0 for pair in pairs)
        best = max(best, sum(map(sum, pairs)) / (3 * union) if union else 1.0)

    assert score.mean == pytest.approx(best)


@given(CALLS, CALLS, st.randoms(use_true_random=False))
def test_the_order_of_calls_does_not_matter(
    wanted: list[ToolCall], made: list[ToolCall], random: Random
) -> None:
    before = score_calls(wanted, made)
    random.shuffle(made)
    after = score_calls(wanted, made)

    assert after.mean == pytest.approx(before.mean)
    assert after.exact == before.exact


@given(CALLS, CALLS)
def test_full_marks_mean_exactly_the_wanted_calls(
    wanted: list[ToolCall], made: list[ToolCall]
) -> None:
    score = score_calls(wanted, made)
    left = list(made)
    same = len(wanted) == len(made)
    for call in wanted:
        if call in left:
            left.remove(call)
        else:
            same = False

    assert score.exact is same
    assert (score.mean == 1.0) is same
    assert 0.0 <= score.param_value <= score.param_name <= score.name <= 1.0


@given(CALLS, CALLS, st.integers(1, 3))
def test_junk_never_pays(wanted: list[ToolCall], made: list[ToolCall], unread: int) -> None:
    score = score_calls(wanted, made)
    with_junk = score_calls(wanted, [*made, ToolCall("junk")])
    with_noise = score_calls(wanted, made, unread)

    assert with_junk.mean < score.mean or score.mean == with_junk.mean == 0.0
    assert with_noise.mean < score.mean or score.mean == with_noise.mean == 0.0
    assert not with_junk.exact
    assert not with_noise.exact


def test_a_greedy_matching_would_give_less() -> None:
    score = score_calls([f(a=1, b=1), f(a=1, b=2)], [f(a=1, b=2), f(a=3, b=1)])

    assert (score.name, score.param_name, score.param_value) == (1.0, 1.0, 0.75)


@pytest.mark.parametrize(
    ("wanted", "made", "parts", "reason"),
    [
        ([], [], (1, 1, 1), "no call, as wanted"),
        ([f()], [f()], (1, 1, 1), "exactly the wanted calls"),
        ([], [f()], (0, 0, 0), "1 not wanted ('f')"),
        ([f()], [], (0, 0, 0), "1 missing ('f')"),
        ([f(x=1)], [ToolCall("g", {"x": 1})], (0, 0, 0), "1 not wanted ('g'); 1 missing ('f')"),
        ([f(x=1)], [f(x=2)], (1, 1, 0), "wrong value for parameter 'x' of 'f'"),
        ([f(x=1)], [f(y=1)], (1, 0, 0), "missing parameter 'x' of 'f'"),
        ([f(x=1)], [f(x=1, y=1)], (1, 0.5, 0.5), "unwanted parameter 'y' of 'f'"),
        ([f(x=1)], [f(x=1), f(x=1)], (0.5, 0.5, 0.5), "1 not wanted ('f')"),
        ([f(x=1), f(x=2)], [f(x=2)], (0.5, 0.5, 0.5), "1 missing ('f')"),
    ],
)
def test_parts_and_reason_are_as_worked_by_hand(
    wanted: list[ToolCall], made: list[ToolCall], parts: tuple[float, ...], reason: str
) -> None:
    score = score_calls(wanted, made)

    assert (score.name, score.param_name, score.param_value) == parts
    assert score.reason == reason
