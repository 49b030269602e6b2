"""Intervals are those of the textbooks."""

import pytest

from llmenvs.bench.intervals import RunningMean, wilson_interval


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    """Agresti and Coull (1998), the case of 0 of 10, and symmetry."""
    none = wilson_interval(0, 10)

    assert none == pytest.approx((0.0, 0.2775), abs=5e-4)
    one, two = wilson_interval(3, 10), wilson_interval(7, 10)
    assert one is not None
    assert two is not None
    assert one[0] == pytest.approx(1 - two[1])
    assert wilson_interval(0, 0) is None


def test_the_running_mean_agrees_with_the_sums() -> None:
    values = [1e9 + x for x in (4.0, 7.0, 13.0, 16.0)]
    mean = RunningMean()
    for value in values:
        mean.add(value)
    interval = mean.normal_interval()
    assert interval is not None

    assert mean.mean == 1e9 + 10
    assert interval[1] - interval[0] == pytest.approx(2 * 1.959964 * (30 / 4) ** 0.5, rel=1e-6)
