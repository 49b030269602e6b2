"""Returns, GAE and group advantages agree with the series' numbers and with their definitions."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from llmenvs.agents.advantages import (
    discounted_returns,
    generalized_advantages,
    group_advantages,
    whiten,
)

unit = st.floats(0, 1)


def doubles(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def test_returns_of_the_series() -> None:
    assert discounted_returns(torch.tensor([-1, -1, -1, 5]), discount=1.0).tolist() == [2, 3, 4, 5]


@given(st.integers(0, 99), st.integers(0, 8), unit)
def test_a_return_is_the_discounted_sum_of_what_follows(
    seed: int, length: int, discount: float
) -> None:
    rewards = doubles(3, length, seed=seed)
    returns = discounted_returns(rewards, discount=discount)

    for t in range(length):
        powers = torch.tensor([discount**k for k in range(length - t)], dtype=torch.double)
        torch.testing.assert_close(returns[:, t], (rewards[:, t:] * powers).sum(1))


@given(st.integers(0, 99), unit, unit)
def test_gae_is_the_weighted_sum_of_n_step_advantages(
    seed: int, discount: float, gae_lambda: float
) -> None:
    """Part 1, level 1: (1 - lambda) sum lambda^(n-1) A^(n), the last term taking what is left."""
    length = 6
    rewards, values = doubles(length, seed=seed), doubles(length, seed=seed + 100)
    mask = torch.ones(1, length, dtype=torch.bool)
    got = generalized_advantages(
        rewards[None], values[None], mask, discount=discount, gae_lambda=gae_lambda
    )

    for t in range(length):
        n_step = []
        for n in range(1, length - t + 1):
            gained = sum(discount**k * rewards[t + k] for k in range(n))
            ahead = discount**n * values[t + n] if t + n < length else 0.0
            n_step.append(gained + ahead - values[t])
        last = len(n_step) - 1
        weighted = sum(
            (gae_lambda**i * (1.0 if i == last else 1.0 - gae_lambda)) * a
            for i, a in enumerate(n_step)
        )
        torch.testing.assert_close(got[0, t], torch.as_tensor(weighted))


@given(st.integers(0, 99))
def test_gae_skips_what_the_environment_wrote(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(1, 9, generator=generator) < 0.5
    rewards, values = doubles(1, 9, seed=seed), doubles(1, 9, seed=seed + 1)
    got = generalized_advantages(rewards, values, mask, discount=0.9, gae_lambda=0.8)
    dense = generalized_advantages(
        rewards[mask][None],
        values[mask][None],
        torch.ones(1, int(mask.sum()), dtype=torch.bool),
        discount=0.9,
        gae_lambda=0.8,
    )
    garbage = torch.where(mask, rewards, torch.nan), torch.where(mask, values, torch.nan)

    torch.testing.assert_close(got[mask], dense[0])
    assert not got[~mask].any()
    torch.testing.assert_close(
        generalized_advantages(*garbage, mask, discount=0.9, gae_lambda=0.8), got
    )


def test_gae_bootstraps_from_the_last_value() -> None:
    zeros, mask = torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool)
    got = generalized_advantages(
        zeros, zeros, mask, discount=0.5, gae_lambda=1.0, last_values=torch.tensor([0.0, 8.0])
    )

    assert got.tolist() == [[0.0, 0.0], [2.0, 4.0]]


def test_lambda_one_is_the_return_less_the_value() -> None:
    rewards, values = doubles(2, 5, seed=3), doubles(2, 5, seed=4)
    mask = torch.ones(2, 5, dtype=torch.bool)

    torch.testing.assert_close(
        generalized_advantages(rewards, values, mask, discount=0.7, gae_lambda=1.0),
        discounted_returns(rewards, discount=0.7) - values,
    )


@pytest.mark.parametrize(
    ("scale", "expected"), [("sample", 0.866), ("population", 1.0), (None, 0.5)]
)
def test_group_advantages_of_the_series(scale: Any, expected: float) -> None:
    got = group_advantages(torch.tensor([[1.0, 0.0, 1.0, 0.0]]), scale=scale)

    assert got[0].tolist() == pytest.approx([expected, -expected, expected, -expected], abs=5e-4)


@pytest.mark.parametrize("scale", ["sample", "population", None])
@pytest.mark.parametrize("reward", [0.0, 1.0, 0.1, -7.3, 1e6])
def test_a_group_of_equal_rewards_holds_no_signal(scale: Any, reward: float) -> None:
    """0.1 three times has a mean that is not 0.1, so this is more than 0 divided by 0."""
    assert not group_advantages(torch.full((1, 3), reward), scale=scale).any()


@given(st.integers(0, 99), st.sampled_from(["sample", "population", None]))
def test_undecided_rewards_leave_mean_and_deviation(seed: int, scale: Any) -> None:
    rewards = doubles(4, 6, seed=seed)
    valid = torch.rand(4, 6, generator=torch.Generator().manual_seed(seed)) < 0.6
    got = group_advantages(torch.where(valid, rewards, torch.nan), scale=scale, valid=valid)

    for row in range(4):
        kept = rewards[row][valid[row]]
        if len(kept) < 2:
            assert not got[row].any()
            continue
        alone = group_advantages(kept[None], scale=scale)
        torch.testing.assert_close(got[row][valid[row]], alone[0])
        assert not got[row][~valid[row]].any()


@given(st.integers(0, 99), st.sampled_from(["sample", "population"]))
def test_scaled_advantages_ignore_the_unit_of_the_reward(seed: int, scale: Any) -> None:
    rewards = doubles(3, 5, seed=seed)
    got = group_advantages(rewards, scale=scale)

    torch.testing.assert_close(group_advantages(7.0 * rewards - 3.0, scale=scale), got)
    torch.testing.assert_close(got.sum(1), torch.zeros(3, dtype=torch.double), atol=1e-9, rtol=0.0)


@given(st.integers(0, 99))
def test_whitened_values_have_mean_zero_and_variance_one_over_the_mask(seed: int) -> None:
    mask = torch.rand(3, 5, generator=torch.Generator().manual_seed(seed)) < 0.7
    mask[0, :2] = True
    values = torch.where(mask, doubles(3, 5, seed=seed), torch.nan)
    got = whiten(values, mask)

    assert got[mask].mean().item() == pytest.approx(0.0, abs=1e-9)
    assert got[mask].var(correction=0).item() == pytest.approx(1.0)
    assert not got[~mask].any()


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0])
def test_equal_values_whiten_to_zeros(value: float) -> None:
    mask = torch.tensor([[True, True, True, False]])

    assert not whiten(torch.full((1, 4), value), mask).any()
    assert not whiten(torch.full((1, 4), value), torch.zeros_like(mask)).any()


def test_whole_numbers_are_rewards_too() -> None:
    assert group_advantages(torch.tensor([[1, 0]]), scale=None).tolist() == [[0.5, -0.5]]


def test_bad_arguments_are_named() -> None:
    good = torch.zeros(1, 2)
    with pytest.raises(ValueError, match=r"\(P, G\) with G >= 2, got shape \(4,\)"):
        group_advantages(torch.zeros(4))
    with pytest.raises(ValueError, match=r"got shape \(4, 1\)"):
        group_advantages(torch.zeros(4, 1))
    with pytest.raises(ValueError, match="scale must be 'sample', 'population' or None, got 'std'"):
        group_advantages(good, scale="std")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"discount must be in \[0, 1\], got 1.5"):
        discounted_returns(good, discount=1.5)
    with pytest.raises(ValueError, match="gae_lambda must be in"):
        generalized_advantages(good, good, good > 0, discount=1.0, gae_lambda=-1.0)
    with pytest.raises(ValueError, match=r"must have one shape, got \(1, 2\), \(1, 3\)"):
        generalized_advantages(good, torch.zeros(1, 3), good > 0, discount=1.0, gae_lambda=1.0)
