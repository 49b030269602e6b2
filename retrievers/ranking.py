"""The best k of many scores, equal scores in the order of the corpus.

`numpy.argpartition` leaves the order of ties open and takes milliseconds on the mostly zero scores
that BM25 gives; here the maxima of fixed blocks give a lower bound first, so that one pass finds
the few candidates and only those are sorted.
"""

import numpy as np
from numpy.typing import NDArray

_BLOCK = 256
"""Scores a block; a block is every n-th score, so that all maxima come from one vectorised pass."""


def top_k(scores: NDArray[np.float64], k: int) -> NDArray[np.intp]:
    """Return the positions of the ``k`` largest positive scores, best first.

    Args:
        scores: (D,), finite.
        k: at least 1; fewer positions come back where fewer scores are positive.

    >>> top_k(np.array([0.0, 2.0, 3.0, 2.0]), k=2).tolist()
    [2, 1]
    """
    bound = _lower_bound(scores, k)
    candidates = np.flatnonzero(scores >= bound) if bound > 0 else np.flatnonzero(scores > 0)
    return best_first(scores[candidates], candidates)[:k]


def best_first(scores: NDArray[np.float64], positions: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return ``positions`` (C,) by falling ``scores`` (C,); ``positions`` come in rising order."""
    return positions[np.argsort(-scores, kind="stable")]


def _lower_bound(scores: NDArray[np.float64], k: int) -> float:
    """Return a value that at least ``k`` scores reach, or 0 where there are fewer blocks."""
    num_blocks = len(scores) // _BLOCK
    if num_blocks < k:
        return 0.0
    maxima = scores[: num_blocks * _BLOCK].reshape(_BLOCK, num_blocks).max(axis=0)
    return float(np.partition(maxima, num_blocks - k)[num_blocks - k])
