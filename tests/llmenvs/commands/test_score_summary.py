"""The summary's figures are those of an independent implementation, and no failure is a zero."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from llmenvs.bench.intervals import RunningMean, wilson_interval
from llmenvs.commands.score_summary import Summary
from llmenvs.verifiers.verdict import Status, Verdict


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_is_scipys(counts: tuple[int, int]) -> None:
    expected = stats.binomtest(*counts).proportion_ci(0.95, method="wilson")

    interval = wilson_interval(*counts)

    assert interval == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50))
def test_the_mean_and_its_interval_are_scipys(values: list[float]) -> None:
    running = RunningMean()
    for value in values:
        running.add(value)

    assert running.mean == pytest.approx(statistics.fmean(values), abs=1e-9)
    interval = running.normal_interval()
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    if error > 1e-6:
        expected = stats.norm.interval(0.95, loc=np.mean(values), scale=error)
        assert interval == pytest.approx(expected, abs=1e-6)


def test_undecided_rows_are_counted_and_enter_no_mean() -> None:
    summary = Summary()
    summary.add(Verdict.scored(0.5, success=False, parts={"a": 1.0, "b": math.nan}))
    summary.add(Verdict.scored(1.0, success=True, parts={"a": 0.0}))
    summary.add(Verdict.no_answer("nothing"))
    summary.add(Verdict.undecided(Status.TIMEOUT, reason="ours"))

    content = summary.to_dict()

    assert content["episodes"] == 4
    assert content["valid_share"] == 0.75
    assert content["reward_mean"] == 0.5
    assert content["success_mean"] == pytest.approx(1 / 3)
    assert content["status_counts"] == {"scored": 2, "no_answer": 1, "timeout": 1, "error": 0}
    assert content["part_means"] == {"a": 0.5}
    assert summary.lines()["undecided (in no mean)"] == "1"
    assert summary.lines()["part a"] == "0.5 (2 rows)"


def test_without_a_decided_row_there_is_no_mean() -> None:
    summary = Summary()
    summary.add(Verdict.undecided(Status.ERROR, reason="ours"))

    content = summary.to_dict()

    assert content["reward_mean"] is None
    assert content["success_mean"] is None
    assert content["reward_ci95_normal"] is None
    assert content["success_ci95_wilson"] is None
    assert summary.lines()["mean score"] == "none decided"


def test_one_row_has_a_mean_and_no_interval() -> None:
    summary = Summary()
    summary.add(Verdict.scored(1.0, success=True))

    assert summary.lines()["mean score"] == "1.0000"
    assert summary.to_dict()["reward_ci95_normal"] is None
