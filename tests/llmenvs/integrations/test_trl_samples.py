"""Rows for TRL carry what was sampled, mask the rest, and come back as the same trajectories."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.integrations.samples import sample_of
from llmenvs.integrations.trl_samples import from_trl, to_trl
from llmenvs.trajectory import Trajectory

SEEDS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4)


@given(seeds=SEEDS)
def test_trajectories_come_back(
    seeds: list[int], random_trajectory: Callable[[int], Trajectory]
) -> None:
    trajectories = [random_trajectory(seed) for seed in seeds]
    rows = to_trl(trajectories, pad_token_id=0)

    for before, after in zip(trajectories, from_trl(rows), strict=True):
        expected, got = sample_of(before), sample_of(after)
        assert got.prompt_ids == expected.prompt_ids
        assert got.response_ids == expected.response_ids
        assert got.response_mask == expected.response_mask
        assert got.turn_spans == expected.turn_spans
        assert got.turn_rewards == expected.turn_rewards
        assert got.token_rewards == pytest.approx(expected.token_rewards)
        assert got.reward == expected.reward
        assert got.stop_reason == expected.stop_reason
        if rows["logprobs"] is not None:
            assert got.logprobs == expected.logprobs


@given(seeds=SEEDS)
def test_every_row_is_one_that_trl_takes(
    seeds: list[int], random_trajectory: Callable[[int], Trajectory]
) -> None:
    trajectories = [random_trajectory(seed) for seed in seeds]
    rows = to_trl(trajectories, pad_token_id=0)

    for index, trajectory in enumerate(trajectories):
        ids, mask = rows["completion_ids"][index], rows["env_mask"][index]
        assert len(ids) == len(mask) > 0
        if trajectory.valid:
            sampled = trajectory.token_ids[trajectory.generated_mask].tolist()
            assert [i for i, m in zip(ids, mask, strict=True) if m] == sampled
        else:
            assert not any(mask)
            assert rows["env_reward"][index] is None
        if rows["logprobs"] is not None:
            assert len(rows["logprobs"][index]) == len(ids)


def test_rows_without_our_columns_have_their_turns_from_the_mask() -> None:
    rows = {"prompt_ids": [[1]], "completion_ids": [[2, 3, 4, 5]], "env_mask": [[1, 0, 1, 0]]}
    (trajectory,) = from_trl({**rows, "env_reward": [2.0]})

    assert trajectory.token_ids.tolist() == [1, 2, 3, 4]
    assert trajectory.turn_spans.tolist() == [[1, 2], [3, 4]]
    assert trajectory.turn_rewards.tolist() == [0.0, 2.0]


def test_rows_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no \['completion_ids'\]"):
        from_trl({"prompt_ids": [[1]]})
