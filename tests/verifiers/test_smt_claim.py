"""Claims in SMT-LIB are settled by z3, and a claim can be nothing but one formula."""

import pytest

pytest.importorskip("z3", reason="needs llmenvs[smt]")

from llmenvs.verifiers.smt_claim import (
    ACCEPTED,
    BAD_TARGET,
    REFUSED,
    is_one_term,
    judge_claim,
    smt_verifier,
)
from llmenvs.verifiers.verdict import Status

TARGET = "(declare-const x Int)(assert (> x 3))(assert (< x 5))"


@pytest.mark.parametrize(
    ("claim", "status"),
    [
        ("(= x 4)", ACCEPTED),
        ("(and (<= x 4) (>= x 4))", ACCEPTED),
        ("(= x 4) ; so it is", ACCEPTED),
        ("true", REFUSED),
        ("false", REFUSED),
        ("(> x 3)", REFUSED),
        ("(= x 5)", REFUSED),
        ("x", REFUSED),
        ("(= y 4)", REFUSED),
        ("(= x 4) (= x 4)", REFUSED),
        ("true) (assert false", REFUSED),
        ("(= x 4))(declare-const y Int)(assert (= y y)", REFUSED),
        ("(exit)", REFUSED),
        ('"', REFUSED),
        ("|", REFUSED),
        ("; true", REFUSED),
        ("", REFUSED),
        ("(" * 10_000, REFUSED),
    ],
)
def test_a_claim_is_right_where_it_holds_exactly_where_the_target_does(
    claim: str, status: int
) -> None:
    assert judge_claim(claim, TARGET)[0] == status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", True),
        ("(a (b))", True),
        ("a) (b", False),
        ("a) (", False),
        ("a b", False),
        (")(", False),
        ("(a", False),
    ],
)
def test_one_term_is_one_pair_of_parentheses_or_one_atom(text: str, expected: bool) -> None:
    assert is_one_term(text) is expected


def test_a_bad_target_is_not_the_claims_fault() -> None:
    assert judge_claim("true", "(assert")[0] == BAD_TARGET


def test_the_verifier_runs_it_as_a_program() -> None:
    verifier = smt_verifier(block="answer")

    assert verifier("So <answer>(= x 4)</answer>", TARGET).score == 1.0
    assert verifier("So <answer>true</answer>", TARGET).score == 0.0
    assert verifier("So <answer>true</answer>", "(assert").status is Status.ERROR
