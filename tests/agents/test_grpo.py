"""GRPO takes signal from groups alone, refuses what it cannot use, and learns."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from llmenvs import ByteTokenizer, FunctionPolicy, StopReason, Trajectory, rollout
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer, grpo_batch, grpo_loss
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.trainer import EpisodeSource, iterate
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.bench.metrics import episode_metrics
from llmenvs.env import Opening, Turn
from llmenvs.running_episode import RolloutLimits
from llmenvs.tasks import Task
from llmenvs.testing import GuessDigitEnv, HiddenDigit
from llmenvs.transcript import Completion
from llmenvs.verifiers import Verdict

CPU = torch.device("cpu")
CONFIG = GRPOConfig(num_groups=2, group_size=4)


class Sampler:
    """Says what it is told to, with log-probabilities."""

    def __init__(self, *said: str) -> None:
        self.said = said

    def act(self, prompts: Any) -> list[Completion]:
        return [
            Completion(text, token_ids=list(text.encode()), logprobs=[-0.5] * len(text))
            for text in (self.said[int(p.episode_id.partition("-")[2])] for p in prompts)
        ]


class OneTurnEnv(GuessDigitEnv):
    """One guess; the digit is always 7."""

    def begin_episode(self, task: Task) -> Opening[HiddenDigit]:
        return Opening(HiddenDigit(7), [{"role": "user", "content": "?"}])

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        if action == "?":
            return super().take_turn(state, action)
        right = action == "7"
        return Turn(
            state,
            "",
            float(right),
            terminated=True,
            verdict=Verdict.scored(float(right), success=right),
        )


def play(*said: str) -> list[Trajectory]:
    return rollout([OneTurnEnv()], Sampler(*said), seeds=[0] * len(said))


def test_the_batch_holds_the_advantages_on_generated_tokens() -> None:
    batch = grpo_batch(play("7", "0", "7", "0"), CONFIG, device=CPU)
    assert batch is not None

    assert batch.weights[batch.loss_mask].tolist() == pytest.approx(
        [math.sqrt(0.75) * sign for sign in (1, -1, 1, -1)]
    )
    assert not batch.weights[~batch.loss_mask].any()
    assert batch.old_logprobs[batch.loss_mask].tolist() == [-0.5] * 4


def test_a_group_without_a_signal_is_left_out() -> None:
    batch = grpo_batch(play("7", "0", "7", "0", "7", "7", "7", "7"), CONFIG, device=CPU)

    assert batch is not None
    assert len(batch) == 4
    assert grpo_batch(play("7", "7", "7", "7"), CONFIG, device=CPU) is None


def test_an_undecided_episode_leaves_group_and_batch() -> None:
    batch = grpo_batch(play("7", "0", "?", "0"), CONFIG, device=CPU)
    assert batch is not None

    assert len(batch) == 3
    assert batch.weights[batch.loss_mask].tolist() == pytest.approx([1.1547, -0.57735, -0.57735])


def test_an_undecided_episode_changes_no_gradient() -> None:
    model = Transformer(TransformerConfig(vocab_size=257, width=8), seed=0)
    policy = TransformerPolicy(model, ByteTokenizer())

    def grad(trajectories: list[Trajectory], size: int) -> torch.Tensor:
        config = GRPOConfig(group_size=size)
        batch = grpo_batch(trajectories, config, device=CPU)
        assert batch is not None
        loss = grpo_loss(policy.logprobs(batch.token_ids), batch, config)
        (slope,) = torch.autograd.grad(loss, model.head.weight)
        return slope

    torch.testing.assert_close(
        grad(play("7", "0", "?", "1"), 4), grad(play("7", "0", "1"), 3), rtol=0, atol=0
    )


def test_a_policy_without_logprobs_is_refused() -> None:
    said = iter("7070")
    trajectories = rollout([OneTurnEnv()], FunctionPolicy(lambda prompt: next(said)), seeds=[0] * 4)

    with pytest.raises(ValueError, match=r"needs the log-probabilities .* for task '"):
        grpo_batch(trajectories, CONFIG, device=CPU)


def test_the_kl_term_pulls_towards_the_reference() -> None:
    batch = grpo_batch(play("7", "0", "7", "0"), CONFIG, device=CPU)
    assert batch is not None
    config = GRPOConfig(kl_coefficient=0.5, kl_kind="k2")
    logprobs = batch.old_logprobs.clone().requires_grad_()
    plain = grpo_loss(logprobs, batch, config)
    anchored = grpo_loss(logprobs, replace(batch, ref_logprobs=batch.old_logprobs - 1.0), config)

    assert (anchored - plain).item() == pytest.approx(0.5 * 0.5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"group_size": 1}, "group_size must be at least 2, got 1"),
        ({"aggregation": "constant"}, "constant_length goes with aggregation='constant'"),
        ({"constant_length": 9}, "got 9 with aggregation='token'"),
        ({"aggregation": "mean"}, r"aggregation must be one of \['token', .*, got 'mean'"),
        ({"kl_kind": "k4"}, "kl_kind must be one of"),
        ({"importance_cap": 0.0}, "importance_cap must be above 0, got 0"),
    ],
)
def test_settings_out_of_range_are_named(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GRPOConfig(**setting)


def test_part_of_a_group_is_refused() -> None:
    with pytest.raises(ValueError, match="of whole groups of 4 episodes, got 3 episodes"):
        grpo_batch(play("7", "0", "7"), CONFIG, device=CPU)


class Played(EpisodeSource):
    """Plays what it is told to, one round after the other."""

    def __init__(self, *rounds: list[Trajectory]) -> None:
        self.rounds = list(rounds)

    def play(
        self, rng: np.random.Generator, *, num_groups: int, group_size: int = 1
    ) -> list[Trajectory]:
        return self.rounds.pop(0)


def test_dynamic_sampling_plays_on_until_there_are_groups_enough() -> None:
    some = play("7", "0", "7", "0", "7", "7", "7", "7")
    policy = TransformerPolicy(Transformer(TransformerConfig(257, width=8)), ByteTokenizer())
    config = replace(CONFIG, dynamic_sampling=True, max_sampling_rounds=3)
    trainer = GRPOTrainer([], policy, config)
    trainer.source = source = Played(some, some, some)
    enough = trainer.step()

    assert len(source.rounds) == 1
    assert len(enough.trajectories) == 16
    assert enough.update["signal_share"] == 0.5
    none = play("7", "7", "7", "7", "0", "0", "0", "0")
    trainer.source = source = Played(none, none, none)
    before = policy.model.state_dict()["head.weight"].clone()
    assert trainer.step().update == {"loss": 0.0, "signal_share": 0.0}
    assert not source.rounds
    assert torch.equal(policy.model.state_dict()["head.weight"], before)


def test_importance_weights_compare_the_sampler_with_the_trainer() -> None:
    """The sampler said -0.5 for tokens of which the untrained model says -log 257."""
    policy = TransformerPolicy(Transformer(TransformerConfig(257, width=8)), ByteTokenizer())
    trainer = GRPOTrainer([], policy, replace(CONFIG, importance_cap=2.0, num_epochs=1))
    trainer.source = Played(play("7", "0", "7", "0"))
    update = trainer.step().update

    assert update["importance_weight"] == pytest.approx(math.exp(0.5) / 257)
    assert update["kl"] == pytest.approx(0.0, abs=1e-6)  # to the trainer's own old probabilities


def learn(
    env: GuessDigitEnv, *, kl_coefficient: float = 0.0, seed: int = 0, num_iterations: int = 50
) -> list[float]:
    """Train on one-token answers; returns the success of each iteration."""
    model = Transformer(TransformerConfig(vocab_size=257, width=16, num_layers=1), seed=seed)
    with torch.no_grad():  # a policy over the ten digits, where random bytes would take long
        model.head.weight[:, :] = 0.0
        model.norm.bias[0] = 1.0
        model.head.weight[48:58, 0] = 8.0
    config = GRPOConfig(
        num_groups=4,
        group_size=16,
        learning_rate=3e-3,
        kl_coefficient=kl_coefficient,
        limits=RolloutLimits(max_new_tokens=1),
    )
    policy = TransformerPolicy(model, ByteTokenizer())
    trainer = GRPOTrainer([env], policy, config, seed=seed)
    return [iteration.metrics.success_mean for iteration in iterate(trainer, num_iterations)]


@pytest.mark.slow
@pytest.mark.parametrize("kl_coefficient", [0.0, 0.01])
def test_it_learns_the_digit(kl_coefficient: float) -> None:
    success = learn(OneTurnEnv(), kl_coefficient=kl_coefficient)

    assert np.mean(success[:3]) < 0.3
    assert np.mean(success[-3:]) > 0.9


class ControlEnv(OneTurnEnv):
    """The control: the reward is drawn, whatever was said, and success is as before."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        turn = super().take_turn(state, action)
        return Turn(
            state,
            "",
            float(self.np_random.random() < 0.5),
            terminated=True,
            verdict=turn.verdict,
        )


@pytest.mark.slow
def test_it_does_not_learn_the_digit_from_a_reward_that_does_not_know_it() -> None:
    assert np.mean(learn(ControlEnv())[-3:]) < 0.5


def test_the_same_seed_trains_alike() -> None:
    one, two = (learn(OneTurnEnv(), seed=3, num_iterations=8) for _ in range(2))

    assert one == two


def in_two_runs(trajectory: Trajectory) -> list[Trajectory]:
    """Return the episode as if its template had split it: its turn, and another one after it."""
    total = trajectory.total_reward
    runs = [
        replace(trajectory, run=0, episode_reward=total, stop_reason=StopReason.SPLIT),
        replace(trajectory, run=1, episode_reward=total),
    ]
    return [
        replace(run, turn_rewards=run.turn_rewards * share)
        for run, share in zip(runs, (0, 1), strict=True)
    ]


def test_a_split_episode_counts_once_and_all_its_runs_have_its_advantage() -> None:
    whole = play("7", "0", "0", "0")
    split = [run for t in whole[:2] for run in in_two_runs(t)] + whole[2:]
    expected = grpo_batch(whole, CONFIG, device=CPU)
    batch = grpo_batch(split, CONFIG, device=CPU)
    assert batch is not None
    assert expected is not None
    high, low = (expected.weights[i][expected.loss_mask[i]].item() for i in (0, 1))

    assert batch.weights[batch.loss_mask].tolist() == [high, high, low, low, low, low]
    assert episode_metrics(split) == replace(
        episode_metrics(whole), turns_mean=1.5, generated_tokens=6
    )
