"""Compositions keep all parts, and what is undecided stays so."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.compose import Gate, Product, WeightedSum
from llmenvs.verifiers.format import FormatVerifier
from llmenvs.verifiers.math import MathVerifier
from llmenvs.verifiers.verdict import Status, Verdict, Verifier

RIGHT = "<think>2 + 2</think><answer>4</answer>"


class Fixed:
    """Always the same verdict; it notes the targets that it got."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.targets: list[Any] = []

    def __call__(self, completion: str, target: Any) -> Verdict:
        self.targets.append(target)
        return self.verdict


def scored(score: float, **parts: float) -> Fixed:
    verdict = Verdict.scored(score, success=score >= 1, parts=parts, reason=f"got {score}")
    return Fixed(verdict)


LOST = Fixed(Verdict.undecided(Status.TIMEOUT, reason="lost"))


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-2, 2)), min_size=1, max_size=5))
def test_a_sum_is_the_weighted_sum(rows: list[tuple[float, float]]) -> None:
    verifiers = {f"v{i}": scored(score) for i, (score, _) in enumerate(rows)}
    weights = {f"v{i}": weight for i, (_, weight) in enumerate(rows)}

    verdict = WeightedSum(verifiers, weights=weights)("a", None)

    assert verdict.score == math.fsum(score * weight for score, weight in rows)
    assert all(verdict.parts[f"v{i}"] == score for i, (score, _) in enumerate(rows))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=5))
def test_a_product_is_the_product_and_two_punishments_are_no_reward(scores: list[float]) -> None:
    verdict = Product({f"v{i}": scored(score) for i, score in enumerate(scores)})("a", None)

    assert verdict.score == math.prod(max(0.0, score) for score in scores)
    assert verdict.success is all(score >= 1 for score in scores)


def test_a_gate_counts_accuracy_only_where_the_format_holds() -> None:
    gate = Gate(FormatVerifier("r1"), MathVerifier(), closed=-1.0, targets={"condition": None})

    assert gate(RIGHT, "4").score == 1.0
    assert gate(RIGHT, "5").score == 0.0
    assert gate(f"{RIGHT} Done.", "4").score == -1.0
    assert "condition: text 'Done.'" in gate(f"{RIGHT} Done.", "4").reason


def test_a_closed_gate_does_not_ask_for_the_reward() -> None:
    reward = scored(1.0)

    Gate(scored(0.0), reward)("a", None)

    assert reward.targets == []


def test_parts_of_parts_are_kept_under_their_names() -> None:
    inner = WeightedSum({"x": scored(0.5, deep=3.0)}, weights={"x": 1.0})
    verdict = Product({"a": inner, "b": scored(1.0)})("a", None)

    assert verdict.parts == {"a": 0.5, "a/x": 0.5, "a/x/deep": 3.0, "b": 1.0}


@pytest.mark.parametrize(
    "verifier",
    [
        WeightedSum({"a": scored(1.0), "b": LOST}, weights={"a": 1.0, "b": 0.0}),
        Product({"a": scored(0.0), "b": LOST}),
        Product({"b": LOST, "a": scored(0.0)}),
        Gate(LOST, scored(1.0)),
        Gate(scored(1.0), LOST),
    ],
)
def test_the_undecided_stay_undecided(verifier: Verifier) -> None:
    verdict = verifier("a", None)

    assert (verdict.score, verdict.success, verdict.status) == (None, None, Status.TIMEOUT)
    assert "lost" in verdict.reason


def test_success_is_where_all_that_is_required_succeed() -> None:
    verifiers: dict[str, Verifier] = {"answer": scored(1.0), "short": scored(0.2)}
    weights = {"answer": 0.9, "short": 0.1}

    assert not WeightedSum(verifiers, weights=weights)("a").success
    assert WeightedSum(verifiers, weights=weights, required=("answer",))("a").success


def test_each_verifier_gets_its_own_target() -> None:
    a, b, c = scored(1.0), scored(1.0), scored(1.0)
    verifier = Product({"a": a, "b": b, "c": c}, targets={"a": None, "b": "answer"})

    verifier("x", {"answer": "4"})

    assert (a.targets, b.targets, c.targets) == ([None], ["4"], [{"answer": "4"}])
    with pytest.raises(ValueError, match="target must have 'answer', which 'b' needs, got '4'"):
        verifier("x", "4")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Product({}), "at least one verifier"),
        (lambda: WeightedSum({"a": LOST}, weights={}), "weights must be finite and for"),
        (lambda: WeightedSum({"a": LOST}, weights={"a": math.nan}), "weights must be finite"),
        (
            lambda: WeightedSum({"a": LOST}, weights={"a": 1}, required=("b",)),
            "required must be of",
        ),
        (lambda: Product({"a": LOST}, targets={"b": None}), "targets must be for"),
        (lambda: Gate(LOST, LOST, closed=math.inf), "closed must be finite"),
    ],
)
def test_bad_arguments_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
