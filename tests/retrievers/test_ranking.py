"""The best k are those of a full stable sort."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.retrievers.ranking import top_k


@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.5]), max_size=60),
    st.integers(1, 40),
    st.integers(0, 3000),
)
def test_top_k_is_a_prefix_of_the_stable_order(values: list[float], k: int, padding: int) -> None:
    scores = np.array(values * 20 + [0.0] * padding)

    expected = [int(n) for n in np.argsort(-scores, kind="stable") if scores[n] > 0][:k]
    assert top_k(scores, k).tolist() == expected


def test_one_high_score_in_each_block_is_found() -> None:
    scores = np.random.default_rng(0).random(5000)

    assert top_k(scores, 15).tolist() == np.argsort(-scores)[:15].tolist()
