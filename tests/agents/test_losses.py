"""Losses have the series' numbers and signs, and nothing off the mask reaches the gradient."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from llmenvs.agents.losses import (
    clipped_surrogate_loss,
    dpo_loss,
    kl_estimate,
    kl_loss,
    reinforce_loss,
    sequence_ratio_loss,
    truncated_importance_weights,
    value_loss,
)

B, T = 5, 7


def batch(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-probabilities with gradient, old ones, weights for each token, and a mask."""
    g = torch.Generator().manual_seed(seed)
    logprobs = -torch.rand(B, T, generator=g, dtype=torch.double)
    old = logprobs + 0.4 * torch.randn(B, T, generator=g, dtype=torch.double)
    weights = torch.randn(B, T, generator=g, dtype=torch.double)
    return logprobs.requires_grad_(), old, weights, torch.rand(B, T, generator=g) < 0.5


LOSSES: dict[str, Callable[..., Tensor]] = {
    "reinforce": lambda logprobs, old, weights, mask, **n: reinforce_loss(
        logprobs, weights, mask, **n
    ),
    "clipped": clipped_surrogate_loss,
    "sequence ratio": sequence_ratio_loss,
    "value": lambda logprobs, old, weights, mask, **n: value_loss(
        logprobs, weights, mask, old_values=old, **n
    ),
    **{
        kind: lambda logprobs, old, weights, mask, kind=kind, **n: kl_loss(
            logprobs, old, mask, kind=kind, **n
        )
        for kind in ("k1", "k2", "k3")
    },
}


def gradient(name: str, arguments: tuple[Tensor, ...], **options: Any) -> Tensor:
    (grad,) = torch.autograd.grad(LOSSES[name](*arguments, **options), arguments[0])
    return grad


@pytest.mark.parametrize(("reward", "slope"), [(4.0, -1.08), (-4.0, 1.08)])
def test_the_gradient_through_the_softmax_is_the_series(reward: float, slope: float) -> None:
    """Part 0, the gradient: logits 1 and 0 give p = 0.73, and dL/dz = -G (1 - p)."""
    logits = torch.tensor([1.0, 0.0], requires_grad=True)
    taken = logits.log_softmax(0)[:1][None]
    loss = reinforce_loss(taken, torch.tensor([[reward]]), torch.tensor([[True]]))
    (grad,) = torch.autograd.grad(loss, logits)

    assert logits.softmax(0)[0].item() == pytest.approx(0.73, abs=0.005)
    assert grad[0].item() == pytest.approx(slope, abs=0.005)
    assert grad.sum().item() == pytest.approx(0.0, abs=1e-6)


def test_the_objective_of_the_series() -> None:
    """Part 0, section 10: J = -10.0, to the rounding of its inputs."""
    logprobs = torch.tensor([[0.4, 0.3, 0.5, 0.7]]).log()
    returns = torch.tensor([[2.0, 3.0, 4.0, 5.0]])
    mask = torch.ones(1, 4, dtype=torch.bool)

    assert -reinforce_loss(logprobs, returns, mask, num_tokens=1).item() == pytest.approx(
        -10.0, abs=0.05
    )


@pytest.mark.parametrize(
    ("advantage", "ratio", "gain", "passes"),
    [
        (1.0, 1.5, 1.2, False),  # good, moved toward: clipped
        (1.0, 0.5, 0.5, True),  # good, moved away: the whole correction
        (-1.0, 1.5, -1.5, True),  # bad, moved toward: the whole correction
        (-1.0, 0.5, -0.8, False),  # bad, moved away: clipped
    ],
)
def test_the_four_cases_of_the_clip(
    advantage: float, ratio: float, gain: float, passes: bool
) -> None:
    old = torch.tensor([[math.log(0.4)]])
    new = (old + math.log(ratio)).requires_grad_()
    loss = clipped_surrogate_loss(new, old, torch.tensor([advantage]), torch.tensor([[True]]))
    (grad,) = torch.autograd.grad(loss, new)

    assert -loss.item() == pytest.approx(gain)
    assert bool(grad) is passes
    if passes:
        assert -grad.item() == pytest.approx(ratio * advantage)


def test_clip_higher_lets_a_good_token_rise_further() -> None:
    old, new = torch.zeros(1, 1), torch.full((1, 1), math.log(1.25))
    arguments = new, old, torch.ones(1), torch.tensor([[True]])

    assert clipped_surrogate_loss(*arguments).item() == pytest.approx(-1.2)
    assert clipped_surrogate_loss(*arguments, clip_high=0.28).item() == pytest.approx(-1.25)


def test_on_policy_the_clipped_gradient_is_reinforces() -> None:
    logprobs, _, weights, mask = batch()
    old = logprobs.detach()

    torch.testing.assert_close(
        gradient("clipped", (logprobs, old, weights, mask)),
        gradient("reinforce", (logprobs, old, weights, mask)),
    )


@pytest.mark.parametrize("name", LOSSES)
@given(seed=st.integers(0, 50))
def test_nothing_off_the_mask_reaches_loss_or_gradient(name: str, seed: int) -> None:
    logprobs, old, weights, mask = batch(seed)
    garbage = tuple(torch.where(mask, x.detach(), torch.nan) for x in (logprobs, old, weights))
    garbage[0].requires_grad_()
    clean = gradient(name, (logprobs, old, weights, mask))

    assert not clean[~mask].any()
    torch.testing.assert_close(gradient(name, (*garbage, mask)), clean)
    torch.testing.assert_close(
        LOSSES[name](*garbage, mask), LOSSES[name](logprobs, old, weights, mask)
    )


def test_changing_the_logits_of_environment_tokens_leaves_the_gradient_exactly() -> None:
    """From the logits on: not close, but equal bit for bit."""
    g = torch.Generator().manual_seed(0)
    weight = torch.randn(11, 4, generator=g, requires_grad=True)
    features = torch.randn(B, T, 4, generator=g)
    tokens = torch.randint(11, (B, T), generator=g)
    _, _, weights, mask = batch()

    def grad(shift: Tensor) -> Tensor:
        logits = features @ weight.T + shift
        logprobs = logits.log_softmax(-1).gather(-1, tokens[..., None]).squeeze(-1)
        loss = clipped_surrogate_loss(logprobs, logprobs.detach() - 0.1, weights.float(), mask)
        return torch.autograd.grad(loss, weight)[0]

    shift = torch.randn(B, T, 11, generator=g) * (~mask)[..., None]

    assert torch.equal(grad(shift), grad(torch.zeros_like(shift)))
    assert not torch.equal(
        grad(shift + mask[..., None] * shift.roll(1, 0).roll(1, -1)), grad(shift)
    )


@pytest.mark.parametrize("name", LOSSES)
@given(seed=st.integers(0, 50), cut=st.integers(1, B - 1))
def test_micro_batches_add_up_however_they_are_cut(name: str, seed: int, cut: int) -> None:
    arguments = batch(seed)
    num_tokens = int(arguments[-1].sum())
    whole = gradient(name, arguments, num_tokens=num_tokens)
    parts = [
        LOSSES[name](*(x[rows] for x in arguments), num_tokens=num_tokens)
        for rows in (slice(cut), slice(cut, B))
    ]
    (added,) = torch.autograd.grad(parts, arguments[0])

    torch.testing.assert_close(added, whole)


@pytest.mark.parametrize("name", LOSSES)
def test_an_empty_mask_is_a_loss_of_zero(name: str) -> None:
    logprobs, old, weights, mask = batch()
    empty = torch.zeros_like(mask)

    assert LOSSES[name](logprobs, old, weights, empty).item() == 0.0
    assert not gradient(name, (logprobs, old, weights, empty)).any()


def test_weights_for_sequences_are_weights_for_their_tokens() -> None:
    logprobs, old, weights, mask = batch()
    of_sequences = weights[:, 0]
    of_tokens = of_sequences[:, None].expand(B, T)

    for name in ("reinforce", "clipped"):
        torch.testing.assert_close(
            LOSSES[name](logprobs, old, of_sequences, mask),
            LOSSES[name](logprobs, old, of_tokens, mask),
        )


def test_the_ratio_of_a_sequence_is_the_geometric_mean_of_its_tokens() -> None:
    ratios = torch.tensor([[2.0, 0.5, 4.0, 99.0], [1.1, 1.1, 99.0, 99.0]])
    mask = ratios < 99.0
    arguments = ratios.log(), torch.zeros(2, 4), torch.tensor([1.0, -1.0]), mask
    loss = sequence_ratio_loss(*arguments, clip_low=9.0, clip_high=9.0, num_tokens=1)

    assert loss.item() == pytest.approx(-(3 * 4 ** (1 / 3) - 2 * 1.1))
    assert sequence_ratio_loss(*arguments, num_tokens=1).item() == pytest.approx(
        -(3 * (1 + 4e-4) - 2 * 1.1)
    )


def test_the_ratio_of_an_episode_goes_over_all_of_its_runs() -> None:
    ratios = torch.tensor([[2.0, 0.5], [4.0, 4.0], [8.0, 1.0]])
    mask = torch.tensor([[True, True], [True, False], [False, True]])
    loss = sequence_ratio_loss(
        ratios.log(),
        torch.zeros(3, 2),
        torch.ones(3),
        mask,
        clip_high=9.0,
        episodes=torch.tensor([7, 7, 3]),
        num_tokens=1,
    )

    assert loss.item() == pytest.approx(-(3 * 4 ** (1 / 3) + 1.0))


def test_importance_weights_are_capped_and_have_no_gradient() -> None:
    train = torch.tensor([[math.log(0.3), math.log(0.9), 5.0]], requires_grad=True)
    sample = torch.tensor([[math.log(0.6), math.log(0.1), torch.nan]])
    mask = torch.tensor([[True, True, False]])
    weights = truncated_importance_weights(train, sample, mask, cap=2.0)

    assert weights.tolist() == [[pytest.approx(0.5), 2.0, 1.0]]
    assert not weights.requires_grad
    with pytest.raises(ValueError, match="cap must be above 0, got 0"):
        truncated_importance_weights(train, sample, mask, cap=0.0)


def test_estimators_at_a_ratio_of_two() -> None:
    ref, policy = torch.tensor(math.log(0.4)), torch.tensor(math.log(0.2))

    assert kl_estimate(policy, ref, kind="k1").item() == pytest.approx(-math.log(2))
    assert kl_estimate(policy, ref, kind="k2").item() == pytest.approx(math.log(2) ** 2 / 2)
    assert kl_estimate(policy, ref, kind="k3").item() == pytest.approx(1 - math.log(2))


def test_expected_values_and_gradients_of_the_estimators() -> None:
    """Exact expectations over a vocabulary: what each estimator measures, and where it pushes."""
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(6, generator=g, dtype=torch.double).requires_grad_()
    ref = torch.randn(6, generator=g, dtype=torch.double).log_softmax(0)
    policy = logits.log_softmax(0)
    probabilities = policy.exp().detach()
    reverse = functional.kl_div(ref, policy, reduction="sum", log_target=True)
    forward = functional.kl_div(policy, ref, reduction="sum", log_target=True)

    def expected(kind: Any) -> tuple[float, Tensor]:
        mean = (probabilities * kl_estimate(policy, ref, kind=kind)).sum()
        (grad,) = torch.autograd.grad(mean, logits, retain_graph=True)
        return mean.item(), grad

    def slope(of: Tensor) -> Tensor:
        return torch.autograd.grad(of, logits, retain_graph=True)[0]

    assert expected("k1")[0] == pytest.approx(reverse.item())
    assert expected("k3")[0] == pytest.approx(reverse.item())
    assert expected("k2")[0] != pytest.approx(reverse.item(), rel=1e-3)
    torch.testing.assert_close(expected("k1")[1], torch.zeros_like(logits))
    torch.testing.assert_close(expected("k2")[1], slope(reverse))
    torch.testing.assert_close(expected("k3")[1], slope(forward))


@given(st.floats(-5, 0), st.floats(-5, 0), st.sampled_from(["k2", "k3"]))
def test_k2_and_k3_are_never_negative(policy: float, ref: float, kind: Any) -> None:
    got = kl_estimate(
        torch.tensor(policy, dtype=torch.double), torch.tensor(ref, dtype=torch.double), kind=kind
    )

    assert got >= -1e-12


def test_dpo_by_hand() -> None:
    def loss(chosen: float, rejected: float) -> float:
        at = [torch.tensor([x]) for x in (chosen, rejected, -2.0, -3.0)]
        return dpo_loss(*at, beta=0.1).item()

    assert loss(-2.0, -3.0) == pytest.approx(math.log(2))  # the policy is the reference
    assert loss(-1.0, -4.0) == pytest.approx(math.log(1 + math.exp(-0.1 * 2)))
    assert loss(-1.0, -4.0) < loss(-2.0, -3.0) < loss(-3.0, -2.0)


def test_the_value_loss_is_half_the_squared_error_and_its_clip_is_pessimistic() -> None:
    values, returns = torch.tensor([[3.0, 0.0]]), torch.tensor([[1.0, 9.0]])
    old, mask = torch.tensor([[1.0, 0.0]]), torch.tensor([[True, False]])

    assert value_loss(values, returns, mask).item() == pytest.approx(2.0)
    assert value_loss(values, returns, mask, old_values=old).item() == pytest.approx(2.0)
    held = torch.tensor([[3.0, 9.0]])
    assert value_loss(values, held, mask, old_values=old).item() == pytest.approx(0.5 * 1.8**2)


def test_bad_arguments_are_named() -> None:
    logprobs, old, weights, mask = batch()
    with pytest.raises(ValueError, match=r"loss_mask must be bool, got torch.float32"):
        reinforce_loss(logprobs, weights, mask.float())
    with pytest.raises(ValueError, match="kind must be 'k1', 'k2' or 'k3', got 'k4'"):
        kl_estimate(logprobs, old, kind="k4")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="beta must be above 0, got 0"):
        dpo_loss(logprobs, logprobs, logprobs, logprobs, beta=0.0)
