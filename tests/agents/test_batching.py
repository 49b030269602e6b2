"""Batches are cut by episodes, never through one, and lose nothing but padding."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from llmenvs.agents.aggregation import Aggregation, token_weights
from llmenvs.agents.batching import TrainingBatch, micro_batches, shuffled_minibatches

runs = st.lists(st.integers(1, 3), min_size=1, max_size=9)


def episodes_with(num_runs: list[int]) -> Tensor:
    return torch.from_numpy(np.repeat(np.arange(len(num_runs)), num_runs))


@given(runs, st.integers(1, 5), st.integers(0, 9))
def test_minibatches_hold_every_row_once_and_no_part_of_an_episode(
    num_runs: list[int], size: int, seed: int
) -> None:
    episodes = episodes_with(num_runs)
    cuts = list(shuffled_minibatches(episodes, size, np.random.default_rng(seed)))

    assert sorted(torch.cat(cuts).tolist()) == list(range(len(episodes)))
    numbers = [set(episodes[rows].tolist()) for rows in cuts]
    assert sum(len(held) for held in numbers) == len(num_runs)
    assert max(map(len, numbers)) - min(map(len, numbers)) <= 1
    for rows in cuts:  # the runs of an episode stay next to each other, in order
        assert len(episodes[rows].unique_consecutive()) == len(set(episodes[rows].tolist()))


@given(runs, st.one_of(st.none(), st.integers(1, 5)))
def test_micro_batches_keep_the_order(num_runs: list[int], size: int | None) -> None:
    episodes = episodes_with(num_runs)
    cuts = list(micro_batches(episodes, size))

    assert torch.cat(cuts).tolist() == list(range(len(episodes)))
    assert all(len(episodes[rows].unique()) <= (size or len(num_runs)) for rows in cuts)


@given(runs, st.one_of(st.none(), st.integers(1, 5)), st.integers(1, 40), st.data())
def test_micro_batches_of_so_many_tokens_hold_every_row_once_with_little_padding(
    num_runs: list[int], size: int | None, max_tokens: int, data: st.DataObject
) -> None:
    episodes = episodes_with(num_runs)
    lengths = torch.tensor(
        data.draw(st.lists(st.integers(1, 12), min_size=len(episodes), max_size=len(episodes)))
    )
    cuts = list(micro_batches(episodes, size, lengths=lengths, max_tokens=max_tokens))

    assert sorted(torch.cat(cuts).tolist()) == list(range(len(episodes)))
    longest = [int(lengths[rows].max()) for rows in cuts]
    assert longest == sorted(longest, reverse=True)
    for rows in cuts:
        held = len(episodes[rows].unique())
        assert held == 1 or len(rows) * int(lengths[rows].max()) <= max_tokens
        assert held <= (size or len(num_runs))
        assert len(episodes[rows].unique_consecutive()) == held  # whole episodes, runs in order


def test_episodes_of_like_length_are_packed() -> None:
    lengths = torch.tensor([2, 10, 3, 9, 2])
    cuts = micro_batches(torch.arange(5), None, lengths=lengths, max_tokens=20)
    assert [rows.tolist() for rows in cuts] == [[1, 3], [2, 0, 4]]


def batch(loss_mask: list[list[int]], episodes: list[int]) -> TrainingBatch:
    on = torch.tensor(loss_mask, dtype=torch.bool)
    zeros = torch.zeros(on.shape)
    return TrainingBatch(
        torch.arange(on.numel()).view(on.shape), on, zeros, zeros, torch.tensor(episodes)
    )


def test_rows_are_cut_behind_the_last_token_of_the_policy() -> None:
    rows = batch([[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1]], [0, 1, 2]).rows(torch.tensor([1, 0]))

    assert rows.token_ids.tolist() == [[4, 5, 6], [0, 1, 2]]
    assert (rows.num_tokens, rows.num_episodes) == (3, 2)
    assert rows.lengths.tolist() == [3, 2]


AGGREGATIONS: list[tuple[Aggregation, list[list[float]]]] = [
    ("token", [[0, 1 / 6, 0, 1 / 6], [0, 1 / 6, 1 / 6, 0], [0, 1 / 6, 1 / 6, 0]]),
    ("sequence", [[0, 1 / 8, 0, 1 / 8], [0, 1 / 8, 1 / 8, 0], [0, 1 / 4, 1 / 4, 0]]),
    ("constant", [[0, 1 / 20, 0, 1 / 20], [0, 1 / 20, 1 / 20, 0], [0, 1 / 20, 1 / 20, 0]]),
]


@pytest.mark.parametrize(("aggregation", "expected"), AGGREGATIONS)
def test_what_a_token_weighs(aggregation: Aggregation, expected: list[list[float]]) -> None:
    """The first two rows are runs of one episode, of four tokens; the third is one of two."""
    whole = batch([[0, 1, 0, 1], [0, 1, 1, 0], [0, 1, 1, 0]], [0, 0, 1])
    weights = token_weights(whole, whole, aggregation=aggregation, constant_length=10)

    torch.testing.assert_close(weights, torch.tensor(expected))
    last = whole.rows(torch.tensor([2]))
    part = token_weights(last, whole, aggregation=aggregation, constant_length=10)
    torch.testing.assert_close(part, torch.tensor(expected)[2:, :3])


def test_a_mean_by_a_constant_needs_one() -> None:
    whole = batch([[0, 1]], [0])
    with pytest.raises(ValueError, match="constant_length must be at least 1, got None"):
        token_weights(whole, whole, aggregation="constant")
    with pytest.raises(ValueError, match="'sequence' or 'constant', got 'mean'"):
        token_weights(whole, whole, aggregation="mean")  # type: ignore[arg-type]
