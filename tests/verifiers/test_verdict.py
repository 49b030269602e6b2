"""A verdict has a score exactly when it was decided, and travels between processes as it is."""

import copy
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers import UNDECIDED, Status, Verdict, Verifier

scores = st.floats(allow_nan=False, allow_infinity=False)


@given(scores, st.booleans(), st.dictionaries(st.text(), scores), st.text())
def test_a_verdict_survives_pickle_copy_and_json(
    score: float, success: bool, parts: dict[str, float], reason: str
) -> None:
    verdict = Verdict.scored(score, success=success, parts=parts, reason=reason, extracted="x")

    assert pickle.loads(pickle.dumps(verdict)) == verdict
    assert copy.deepcopy(verdict) == verdict
    assert json.loads(json.dumps(verdict.to_dict())) == verdict.to_dict()


@pytest.mark.parametrize("status", list(Status))
def test_score_and_success_are_none_exactly_when_undecided(status: Status) -> None:
    undecided = status in UNDECIDED
    fields: dict[str, Any] = (
        {"score": 0.0, "success": False} if undecided else {"score": None, "success": None}
    )

    with pytest.raises(ValueError, match="exactly when status is timeout or error"):
        Verdict(status=status, **fields)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match="score must be finite"):
        Verdict.scored(score, success=False)


def test_parts_are_read_only_and_cut_off_from_the_caller() -> None:
    parts = {"name": 1.0}
    verdict = Verdict.scored(1.0, success=True, parts=parts)
    parts["name"] = 0.0

    assert verdict.parts == {"name": 1.0}
    with pytest.raises(TypeError):
        verdict.parts["name"] = 0.0  # type: ignore[index]


def test_the_three_ways_to_end() -> None:
    assert Verdict.scored(0.5, success=False).status is Status.SCORED
    assert Verdict.no_answer("nothing in tags") == Verdict(
        0.0, False, Status.NO_ANSWER, {}, "nothing in tags", None
    )
    assert not Verdict.undecided(Status.TIMEOUT, reason="stood still").decided


def test_a_plain_function_is_a_verifier() -> None:
    def verify(completion: str, target: Any) -> Verdict:
        return Verdict.scored(float(completion == target), success=completion == target)

    assert isinstance(verify, Verifier)
