"""Means and rates with their 95 % intervals.

`cluster_intervals` is for several values of one task, which are not independent: it draws whole
tasks (the cluster bootstrap; Cameron, Gelbach and Miller 2008). The others take the values for
independent. The interval of a mean is the normal one, mean ± z s / sqrt(n), which needs some thirty
values and may reach past their range; that of a rate is Wilson's (1927; as recommended by Brown,
Cai and DasGupta 2001), which holds for few trials and for rates near 0 and 1.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Z = NormalDist().inv_cdf(0.975)
"""For intervals of 95 %."""


class RunningMean:
    """Mean and spread of numbers that are seen once; mutable.

    Source: Welford (1962), which stays exact where a sum of squares cancels.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = 0.0
        self._squares = 0.0  # sum of squared distances from the mean

    def add(self, value: float) -> None:
        """Count one number."""
        self.count += 1
        distance = value - self._mean
        self._mean += distance / self.count
        self._squares += distance * (value - self._mean)

    @property
    def mean(self) -> float | None:
        """The mean, None of no numbers."""
        return self._mean if self.count else None

    def normal_interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of the mean; None for fewer than two numbers."""
        if self.count < 2:
            return None
        half = Z * math.sqrt(self._squares / (self.count - 1) / self.count)
        return self._mean - half, self._mean + half


def wilson_interval(num_successes: int, num_trials: int) -> tuple[float, float] | None:
    """Return Wilson's 95 % interval of a rate; None of no trials.

    >>> low, high = wilson_interval(9, 10)
    >>> f"{low:.3f} {high:.3f}"
    '0.596 0.982'
    """
    if num_trials == 0:
        return None
    rate = num_successes / num_trials
    shrink = 1 + Z**2 / num_trials
    centre = (rate + Z**2 / (2 * num_trials)) / shrink
    half = Z * math.sqrt(rate * (1 - rate) / num_trials + (Z / (2 * num_trials)) ** 2) / shrink
    # At the ends the formula is exact, and rounding is not.
    low = 0.0 if num_successes == 0 else max(0.0, centre - half)
    high = 1.0 if num_successes == num_trials else min(1.0, centre + half)
    return low, high


NUM_RESAMPLES = 2_000
_BLOCK_DRAWS = 200_000
_STREAM = 0xB007  # of the resampling, so that a summary is the same each time


def cluster_intervals(
    sums: NDArray[np.float64], counts: NDArray[np.int64]
) -> list[tuple[float, float]] | None:
    """Return the 95 % percentile intervals of means over clusters, drawn with replacement.

    Args:
        sums: (C, M) of M measures of each of C clusters.
        counts: (C,) values in each cluster, at least 1.

    Returns:
        (M,) intervals; None for fewer than two clusters.

    >>> cluster_intervals(np.array([[2.0], [2.0]]), np.array([2, 2]))
    [(1.0, 1.0)]
    """
    num_clusters = len(counts)
    if num_clusters < 2:
        return None
    rng = np.random.default_rng([_STREAM, num_clusters])
    means = np.empty((NUM_RESAMPLES, sums.shape[1]))
    block = max(1, _BLOCK_DRAWS // num_clusters)  # of resamples at once
    for start in range(0, NUM_RESAMPLES, block):
        stop = min(start + block, NUM_RESAMPLES)
        drawn = rng.integers(num_clusters, size=(stop - start, num_clusters))
        means[start:stop] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)[:, None]
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def clustered(
    keys: Sequence[object], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the sums (C, M) and counts (C,) of ``values`` (N, M) that share one of ``keys``."""
    rows = {key: row for row, key in enumerate(dict.fromkeys(keys))}
    index = np.array([rows[key] for key in keys], np.int64)
    sums = np.zeros((len(rows), values.shape[1]))
    np.add.at(sums, index, values)
    return sums, np.bincount(index, minlength=len(rows))
