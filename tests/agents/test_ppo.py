"""PPO's advantages skip the environment's tokens but see them, and its options do what they say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from llmenvs import ByteTokenizer, StopReason, Trajectory
from llmenvs.agents.policy import Evaluation, TransformerPolicy
from llmenvs.agents.ppo import PPOConfig, PPOTrainer, ppo_loss
from llmenvs.agents.ppo_batch import EpisodeBatch, PPOBatch, episode_batch, ppo_batch
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.agents.value_model import SeparateCritic, value_head_for
from llmenvs.running_episode import RolloutLimits
from llmenvs.testing import GuessDigitEnv

CPU = torch.device("cpu")
G, L = 0.5, 0.8


def trajectory(**changes: Any) -> Trajectory:
    """Two prompt tokens, a turn of two, an observation of two, a turn of one, an observation."""
    generated = np.array([0, 0, 1, 1, 0, 0, 1, 0], bool)
    whole = Trajectory(
        token_ids=np.arange(8),
        generated_mask=generated,
        logprobs=np.where(generated, -1.0, np.nan).astype(np.float32),
        rewards=np.array([0, 0, 0, 1, 0, 0, 5, 0], np.float32),
        turn_spans=np.array([[2, 4], [6, 7]]),
        turn_rewards=np.array([1, 5], np.float32),
        prompt_length=2,
        messages=(),
        terminated=True,
        truncated=False,
        valid=True,
        stop_reason=StopReason.TERMINATED,
    )
    return replace(whole, **changes)


def batch(*trajectories: Trajectory, values: Tensor, **options: Any) -> PPOBatch:
    episodes = episode_batch(trajectories, device=CPU)
    assert episodes is not None
    options = {"discount": G, "gae_lambda": L, "whiten_advantages": False, **options}
    return ppo_batch(episodes, values, **options)


VALUES = torch.tensor([[9.0, 0.3, 0.7, 9.0, 9.0, 0.2, 9.0, 4.0]])
"""Read at 1, 2 and 5, which predict the tokens at 2, 3 and 6; at 7 only to bootstrap."""


def test_a_turns_last_residual_reads_the_value_at_the_last_observation_token() -> None:
    got = batch(trajectory(), values=VALUES)
    third = 5.0 - 0.2
    second = (1.0 + G * 0.2 - 0.7) + G * L * third
    first = (0.0 + G * 0.7 - 0.3) + G * L * second
    on = got.tokens.loss_mask

    assert got.tokens.weights[on].tolist() == pytest.approx([first, second, third])
    assert got.old_values[on].tolist() == pytest.approx([0.3, 0.7, 0.2])
    assert got.returns[on].tolist() == pytest.approx([first + 0.3, second + 0.7, third + 0.2])
    assert not got.tokens.weights[~on].any()


def test_values_at_other_positions_do_not_matter() -> None:
    garbage = torch.where(VALUES == 9.0, torch.nan, VALUES)

    assert torch.equal(
        batch(trajectory(), values=garbage).tokens.weights,
        batch(trajectory(), values=VALUES).tokens.weights,
    )


@pytest.mark.parametrize("bootstrap", [False, True])
def test_an_episode_that_was_cut_goes_on_with_the_value_after_its_last_token(
    bootstrap: bool,
) -> None:
    cut = trajectory(terminated=False, truncated=True, stop_reason=StopReason.TRUNCATED)
    longer = torch.nn.functional.pad(VALUES, (0, 2), value=torch.nan).expand(2, -1)
    wide = trajectory(
        **{
            name: np.concatenate([getattr(trajectory(), name), extra])
            for name, extra in {
                "token_ids": np.array([8, 9]),
                "generated_mask": np.array([False, False]),
                "logprobs": np.full(2, np.nan, np.float32),
                "rewards": np.zeros(2, np.float32),
            }.items()
        }
    )
    got = batch(cut, wide, values=longer, bootstrap_truncated=bootstrap)
    after = 4.0 if bootstrap else 0.0

    assert got.tokens.weights[0, 6].item() == pytest.approx(5.0 + G * after - 0.2)
    assert got.tokens.weights[1, 6].item() == pytest.approx(5.0 - 0.2)


def test_the_kl_is_taken_off_the_reward_of_each_token() -> None:
    episodes = episode_batch([trajectory()], device=CPU)
    assert episodes is not None
    ref = torch.full((1, 8), -3.0)
    anchored = replace(episodes, tokens=replace(episodes.tokens, ref_logprobs=ref))
    options: dict[str, Any] = {"discount": 1.0, "gae_lambda": 1.0, "whiten_advantages": False}
    zeros = torch.zeros(1, 8)
    plain = ppo_batch(episodes, zeros, **options).returns
    got = ppo_batch(anchored, zeros, kl_coefficient=0.1, **options).returns

    lost = (plain - got)[episodes.tokens.loss_mask]  # each is 0.1 * (-1 - -3) = 0.2
    assert lost.tolist() == pytest.approx([0.6, 0.4, 0.2])


def test_advantages_are_whitened_over_the_mask_and_returns_are_not() -> None:
    plain, white = (
        batch(trajectory(), values=VALUES, whiten_advantages=on) for on in (False, True)
    )
    weights = white.tokens.weights[white.tokens.loss_mask]

    assert weights.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert weights.std(correction=0).item() == pytest.approx(1.0, abs=1e-6)
    assert torch.equal(plain.returns, white.returns)


def test_gae_goes_on_over_the_runs_of_an_episode() -> None:
    first = trajectory(
        **{
            name: getattr(trajectory(), name)[:4]
            for name in ("token_ids", "generated_mask", "logprobs", "rewards")
        },
        turn_spans=np.array([[2, 4]]),
        turn_rewards=np.array([1], np.float32),
        terminated=False,
        stop_reason=StopReason.SPLIT,
        episode_reward=6.0,
    )
    later = np.array([0, 0, 0, 0, 0, 0, 1, 0], bool)
    second = trajectory(
        generated_mask=later,
        rewards=np.where(later, trajectory().rewards, 0),
        turn_spans=np.array([[6, 7]]),
        turn_rewards=np.array([5], np.float32),
        run=1,
        episode_reward=6.0,
    )
    got = batch(first, second, trajectory(), values=VALUES.expand(3, -1))
    on = got.tokens.loss_mask

    in_two = torch.cat([got.tokens.weights[0][on[0]], got.tokens.weights[1][on[1]]])
    assert torch.equal(in_two, got.tokens.weights[2][on[2]])


def test_undecided_episodes_and_those_without_a_token_never_enter() -> None:
    silent = trajectory(generated_mask=np.zeros(8, bool), logprobs=np.full(8, np.nan, np.float32))

    assert episode_batch([trajectory(valid=False), silent], device=CPU) is None
    kept = episode_batch([trajectory(valid=False), trajectory(), silent], device=CPU)
    assert isinstance(kept, EpisodeBatch)
    assert len(kept.tokens) == 1


def test_a_policy_without_logprobs_is_refused() -> None:
    untold = trajectory(logprobs=np.full(8, np.nan, np.float32))

    with pytest.raises(ValueError, match="PPO needs the log-probabilities"):
        episode_batch([untold], device=CPU)


def policy() -> TransformerPolicy:
    """A policy over the ten digits, where random bytes would never be right."""
    model = Transformer(TransformerConfig(257, max_length=64, width=16, num_layers=1))
    with torch.no_grad():
        model.norm.bias[0] = 1.0
        model.head.weight[48:58, 0] = 8.0
    return TransformerPolicy(model, ByteTokenizer())


def test_updates_stop_once_the_policy_has_moved_too_far() -> None:
    limits = RolloutLimits(max_new_tokens=1)

    def num_updates(target_kl: float | None) -> float:
        config = PPOConfig(batch_size=8, minibatch_size=4, target_kl=target_kl, limits=limits)
        return PPOTrainer([GuessDigitEnv()], policy(), config).step().update["num_updates"]

    assert num_updates(None) == 4 * 2
    assert num_updates(1e-9) == 2  # the first moves it, the second finds out


@pytest.mark.parametrize("critic", ["shared", "separate"])
def test_the_values_of_an_update_are_read_where_those_of_the_advantages_were(critic: Any) -> None:
    """Nothing moves at this rate, so that holding values to the old ones changes no error."""

    def value_loss(value_clip: float | None) -> float:
        config = PPOConfig(
            batch_size=8,
            num_epochs=1,
            learning_rate=1e-12,
            critic=critic,
            value_clip=value_clip,
            limits=RolloutLimits(max_new_tokens=2),
        )
        trainer = PPOTrainer([GuessDigitEnv()], policy(), config)
        for weights in trainer.state_dict()["critic"].values():
            weights.add_(torch.randn(weights.shape, generator=torch.Generator().manual_seed(0)))
        return trainer.step().update["value_loss"]

    assert value_loss(None) == pytest.approx(value_loss(1e-9), rel=1e-4)


def test_a_last_observation_beyond_the_models_length_is_read_only_to_bootstrap() -> None:
    def train(*, bootstrap: bool) -> float:
        model = Transformer(TransformerConfig(257, max_length=50, width=16, num_layers=1))
        with torch.no_grad():
            model.norm.bias[0] = 1.0
            model.head.weight[48:58, 0] = 8.0
        limits = RolloutLimits(max_new_tokens=1, max_episode_tokens=46)
        config = PPOConfig(batch_size=4, bootstrap_truncated=bootstrap, limits=limits)
        trainer = PPOTrainer([GuessDigitEnv()], TransformerPolicy(model, ByteTokenizer()), config)
        iteration = trainer.step()
        assert max(len(t.token_ids) for t in iteration.trajectories) > 50
        return iteration.update["num_updates"]

    assert train(bootstrap=False) == 4
    with pytest.raises(ValueError, match="but the model reads 50: raise max_length or lower"):
        train(bootstrap=True)


def evaluation(ratios: list[float], entropy: float) -> tuple[Evaluation, PPOBatch, Tensor]:
    """Return tokens with these ratios and advantages +, -, +, -, and values that are right."""
    got = batch(trajectory(), values=VALUES)
    on = torch.tensor([[False] * 4 + [True] * 4])
    weights = torch.tensor([[0.0] * 4 + [1.0, -1.0, 1.0, -1.0]])
    old = torch.zeros(1, 8)
    rows = replace(got, tokens=replace(got.tokens, loss_mask=on, weights=weights, old_logprobs=old))
    logprobs = torch.tensor([[0.0] * 4 + ratios]).log().nan_to_num(neginf=0.0)
    return Evaluation(logprobs, torch.where(on, entropy, 0.0), None), rows, got.returns


def test_the_loss_rewards_entropy_and_counts_what_the_clip_removed() -> None:
    evaluated, rows, values = evaluation([1.5, 1.5, 0.9, 0.5], entropy=2.0)
    rows = replace(rows, returns=values)
    config = PPOConfig(entropy_coefficient=0.1)
    loss, sums = ppo_loss(evaluated, values, rows, config, num_tokens=4)
    gain = (1.2 - 1.5 + 0.9 - 0.8) / 4

    assert loss.item() == pytest.approx(-gain - 0.1 * 2.0)
    count, kl, clipped, entropy, policy_loss, value_loss = sums.tolist()
    assert (count, clipped) == (4.0, 2.0)  # the first rose too far, the last fell too far
    k3 = sum(r - 1 - np.log(r) for r in (1.5, 1.5, 0.9, 0.5))
    assert kl == pytest.approx(k3, rel=1e-5)
    assert (entropy, policy_loss, value_loss) == pytest.approx((8.0, -4 * gain, 0.0))


def test_values_begin_at_zero_and_a_separate_critic_leaves_the_policys_body_alone() -> None:
    model = policy().model
    head, critic = value_head_for(model), SeparateCritic(model)
    ids = torch.tensor([[1, 2, 3]])

    assert not head(model.hidden_states(ids)).any()  # type: ignore[operator]
    critic(ids).sum().backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    with pytest.raises(ValueError, match=r"a critic needs a model with hidden_states .* Linear"):
        value_head_for(torch.nn.Linear(1, 1))


def test_evaluate_agrees_with_logprobs_and_gives_the_exact_entropy() -> None:
    p = policy()
    with torch.no_grad():
        for parameter in p.model.parameters():
            parameter.normal_(std=0.5, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    on = torch.tensor([[False, True, False, True], [False, False, True, True]])
    got = p.evaluate(ids, loss_mask=on)
    distribution = p.model(ids)[0, 0].log_softmax(-1)

    torch.testing.assert_close(got.logprobs, p.logprobs(ids, loss_mask=on))
    torch.testing.assert_close(got.entropy[0, 1], -(distribution.exp() * distribution).sum())
    assert not got.entropy[~on].any()
    assert got.values is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"gae_lambda": 1.5}, r"gae_lambda must be in \[0, 1\], got 1.5"),
        ({"critic": "none"}, r"critic must be one of \['shared', 'separate'\], got 'none'"),
        ({"target_kl": 0.0}, "target_kl must be above 0, got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0, got nan"),
        ({"micro_batch_size": 0}, "micro_batch_size must be at least 1, got 0"),
    ],
)
def test_settings_out_of_range_are_named(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PPOConfig(**setting)
