"""A trainer that is given the state of another goes on exactly as that one would have."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from llmenvs import ByteTokenizer, FunctionPolicy, rollout
from llmenvs.agents.dpo import DPOConfig, DPOTrainer, OnlineDPOConfig, OnlineDPOTrainer
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.ppo import PPOConfig, PPOTrainer
from llmenvs.agents.preference_pairs import preference_pairs
from llmenvs.agents.reinforce import ReinforceConfig, ReinforceTrainer
from llmenvs.agents.rejection_sampling import RejectionSamplingConfig, RejectionSamplingTrainer
from llmenvs.agents.sft import SFTConfig, SFTTrainer
from llmenvs.agents.trainer import Trainer, iterate
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.running_episode import RolloutLimits
from llmenvs.testing import GuessDigitEnv

LIMITS = RolloutLimits(max_new_tokens=1)
ENVS = [GuessDigitEnv() for _ in range(4)]


def digits_policy(seed: int = 0) -> TransformerPolicy:
    """A policy over the ten digits, where random bytes would never be right."""
    config = TransformerConfig(257, max_length=64, width=16, num_layers=1)
    model = Transformer(config, seed=seed)
    with torch.no_grad():
        model.norm.bias[0] = 1.0
        model.head.weight[48:58, 0] = 8.0
    return TransformerPolicy(model, ByteTokenizer())


def guesses() -> Any:
    says = FunctionPolicy(lambda prompt: str(prompt.seed % 10))
    return rollout(ENVS, says, seeds=[1] * 12, task_ids=["low"] * 12)


TRAINERS: dict[str, Callable[[TransformerPolicy, int], Trainer]] = {
    "reinforce": lambda policy, seed: ReinforceTrainer(
        ENVS, policy, ReinforceConfig(batch_size=8, limits=LIMITS), seed=seed
    ),
    "ppo": lambda policy, seed: PPOTrainer(
        ENVS,
        policy,
        PPOConfig(batch_size=8, minibatch_size=4, kl_coefficient=0.1, limits=LIMITS),
        seed=seed,
    ),
    "ppo, separate critic": lambda policy, seed: PPOTrainer(
        ENVS,
        policy,
        PPOConfig(batch_size=8, minibatch_size=4, critic="separate", limits=LIMITS),
        seed=seed,
    ),
    "grpo": lambda policy, seed: GRPOTrainer(
        ENVS,
        policy,
        GRPOConfig(num_groups=4, minibatch_size=8, kl_coefficient=0.1, limits=LIMITS),
        seed=seed,
    ),
    "dpo": lambda policy, seed: DPOTrainer(
        policy,
        preference_pairs(guesses(), rng=np.random.default_rng(0)),
        DPOConfig(batch_size=2),
        seed=seed,
    ),
    "online dpo": lambda policy, seed: OnlineDPOTrainer(
        ENVS, policy, OnlineDPOConfig(num_groups=4, limits=LIMITS), seed=seed
    ),
    "sft": lambda policy, seed: SFTTrainer(policy, guesses(), SFTConfig(batch_size=4), seed=seed),
    "rejection sampling": lambda policy, seed: RejectionSamplingTrainer(
        ENVS, policy, RejectionSamplingConfig(num_groups=4, limits=LIMITS), seed=seed
    ),
}
every_trainer = pytest.mark.parametrize("name", TRAINERS)


def saved_and_read(trainer: Trainer) -> dict[str, Any]:
    buffer = io.BytesIO()
    torch.save(trainer.state_dict(), buffer)
    buffer.seek(0)
    state: dict[str, Any] = torch.load(buffer, weights_only=True)
    return state


@every_trainer
def test_it_goes_on_from_its_state_bit_for_bit(name: str) -> None:
    through = digits_policy()
    trainer = TRAINERS[name](through, 3)
    list(iterate(trainer, 2))
    state = saved_and_read(trainer)
    expected = trainer.step()

    taken_up = digits_policy(seed=7)  # other weights: all that matters is in the state
    other = TRAINERS[name](taken_up, 3)
    other.load_state_dict(state)
    got = other.step()

    assert (got.number, got.update) == (expected.number, expected.update)
    assert [t.messages for t in got.trajectories] == [t.messages for t in expected.trajectories]
    for one, two in zip(through.model.parameters(), taken_up.model.parameters(), strict=True):
        assert torch.equal(one, two)
    assert taken_up.version == through.version == 3


@every_trainer
def test_a_step_changes_the_weights_and_counts(name: str) -> None:
    policy = digits_policy()
    before = [parameter.clone() for parameter in policy.model.parameters()]
    numbers = [iteration.number for iteration in iterate(TRAINERS[name](policy, 0), 2)]

    assert numbers == [0, 1]
    assert any(
        not torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True)
    )


def test_a_state_of_another_kind_or_seed_or_size_is_refused() -> None:
    state = TRAINERS["grpo"](digits_policy(), 0).state_dict()
    with pytest.raises(ValueError, match=r"must have \['critic', .*, got \['model', "):
        TRAINERS["ppo"](digits_policy(), 0).load_state_dict(state)
    with pytest.raises(ValueError, match="from a run with seed 0, this one has 1"):
        TRAINERS["grpo"](digits_policy(), 1).load_state_dict(state)
    small = Transformer(TransformerConfig(257, max_length=64, width=8, num_layers=1))
    with pytest.raises(ValueError, match="the weights of the model do not fit"):
        TRAINERS["grpo"](TransformerPolicy(small, ByteTokenizer()), 0).load_state_dict(state)


class Alternating:
    """A sampler that gives one task after the other, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def sample(self, num_tasks: int, *, rng: np.random.Generator) -> list[str]:
        return ["low", "high"] * (num_tasks // 2)

    def update(self, trajectories: Any) -> None:
        self.seen += [t.info["task_id"] for t in trajectories]


def test_a_sampler_chooses_one_task_for_each_group_and_sees_how_it_went() -> None:
    sampler = Alternating()
    config = GRPOConfig(num_groups=4, group_size=3, limits=LIMITS)
    GRPOTrainer(ENVS, digits_policy(), config, sampler=sampler).step()

    assert sampler.seen == ["low"] * 3 + ["high"] * 3 + ["low"] * 3 + ["high"] * 3
