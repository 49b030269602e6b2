"""What must not change an update does not: the environment's tokens, undecided episodes, the cut.

Each algorithm makes one step on given episodes, and its gradient is read from the weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from llmenvs import ByteTokenizer, StopReason, Trajectory, rollout
from llmenvs.agents.dpo import DPOConfig, DPOTrainer
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.ppo import PPOConfig, PPOTrainer
from llmenvs.agents.preference_pairs import preference_pairs
from llmenvs.agents.reinforce import ReinforceConfig, ReinforceTrainer
from llmenvs.agents.sft import SFTConfig, SFTTrainer
from llmenvs.agents.trainer import EpisodeSource, Trainer
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.testing import GuessDigitEnv
from llmenvs.transcript import Completion

FAR = 1e9  # a norm at which nothing is clipped
GUESSES = ["012", "340", "987", "798"]  # one of the first two finds a low digit, the others none


class Disturbed(nn.Module):
    """A transformer whose logits are shifted wherever the next token is the environment's.

    The environment of these tests writes no digits, and the policy writes nothing else.
    """

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__()
        self.inner = Transformer(TransformerConfig(257, max_length=64, width=16, num_layers=1))
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in self.inner.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
        self.shift = nn.Parameter(torch.full((257,), shift) * torch.arange(257))

    def forward(self, token_ids: Tensor) -> Tensor:
        return self._shifted(self.inner(token_ids), token_ids)

    def hidden_states(self, token_ids: Tensor) -> Tensor:
        return self.inner.hidden_states(token_ids)

    def hidden_and_logits_at(self, token_ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        return self.hidden_states(token_ids), self(token_ids)[wanted]

    def _shifted(self, logits: Tensor, token_ids: Tensor) -> Tensor:
        following = nn.functional.pad(token_ids[:, 1:], (0, 1), value=ord("0"))
        is_digit = (following >= ord("0")) & (following <= ord("9"))
        return logits + torch.where(is_digit[..., None], 0.0, self.shift)


class Guesser:
    """Says what it is told to, with the log-probabilities of a policy."""

    def __init__(self, guesses: Sequence[str]) -> None:
        self.guesses = guesses
        self.policy = TransformerPolicy(Disturbed(), ByteTokenizer())

    def act(self, prompts: Any) -> list[Completion]:
        return [self._guess(prompt) for prompt in prompts]

    @torch.no_grad()
    def _guess(self, prompt: Any) -> Completion:
        turn = sum(message["role"] == "assistant" for message in prompt.messages)
        text = self.guesses[int(prompt.episode_id.partition("-")[2])][turn]
        whole = torch.tensor([[*prompt.token_ids, ord(text)]])
        logprob = self.policy.logprobs(whole)[0, -1].item()
        return Completion(text, token_ids=[ord(text)], logprobs=[logprob])


def play(guesses: Sequence[str] = GUESSES, *, seed: int = 0) -> list[Trajectory]:
    """Return one group, in which one or two episodes are solved."""
    count = len(guesses)
    return rollout(
        [GuessDigitEnv()], Guesser(guesses), seeds=[seed] * count, task_ids=["low"] * count
    )


class Given(EpisodeSource):
    """Has been played already."""

    def __init__(self, trajectories: list[Trajectory]) -> None:
        self.trajectories = trajectories

    def play(
        self, rng: np.random.Generator, *, num_groups: int, group_size: int = 1
    ) -> list[Trajectory]:
        return self.trajectories


Make = Callable[[TransformerPolicy, list[Trajectory], int | None], Trainer]


def reinforce(policy: TransformerPolicy, played: list[Trajectory], micro: int | None) -> Trainer:
    config = ReinforceConfig(
        micro_batch_size=micro, entropy_coefficient=0.1, discount=0.9, max_grad_norm=FAR
    )
    trainer = ReinforceTrainer([], policy, config)
    trainer.source = Given(played)
    return trainer


def ppo(critic: Any) -> Make:
    def make(policy: TransformerPolicy, played: list[Trajectory], micro: int | None) -> Trainer:
        config = PPOConfig(
            num_epochs=1,
            minibatch_size=99,
            micro_batch_size=micro,
            critic=critic,
            value_clip=0.2,
            entropy_coefficient=0.1,
            kl_coefficient=0.1,
            max_grad_norm=FAR,
        )
        trainer = PPOTrainer([], policy, config)
        trainer.source = Given(played)
        return trainer

    return make


def grpo(**settings: Any) -> Make:
    def make(policy: TransformerPolicy, played: list[Trajectory], micro: int | None) -> Trainer:
        config = GRPOConfig(
            group_size=settings.get("group_size", 4),
            num_epochs=1,
            minibatch_size=99,
            micro_batch_size=micro,
            kl_coefficient=0.1,
            max_grad_norm=FAR,
            **{name: value for name, value in settings.items() if name != "group_size"},
        )
        trainer = GRPOTrainer([], policy, config)
        trainer.source = Given(played)
        return trainer

    return make


def dpo(policy: TransformerPolicy, played: list[Trajectory], micro: int | None) -> Trainer:
    pairs = preference_pairs(played, rng=np.random.default_rng(0))
    return DPOTrainer(policy, pairs, DPOConfig(micro_batch_size=micro, max_grad_norm=FAR))


def sft(policy: TransformerPolicy, played: list[Trajectory], micro: int | None) -> Trainer:
    return SFTTrainer(policy, played, SFTConfig(micro_batch_size=micro, max_grad_norm=FAR))


ALGORITHMS: dict[str, Make] = {
    "reinforce": reinforce,
    "ppo": ppo("shared"),
    "ppo, separate critic": ppo("separate"),
    "grpo": grpo(),
    "grpo by sequence": grpo(aggregation="sequence", scale="population"),
    "dr. grpo": grpo(aggregation="constant", constant_length=3, scale=None),
    "gspo": grpo(aggregation="sequence", ratio="sequence"),
    "tis": grpo(importance_cap=2.0),
    "dpo": dpo,
    "sft": sft,
}
every_algorithm = pytest.mark.parametrize("name", ALGORITHMS)


def gradient(
    make: Make, played: list[Trajectory], *, micro: int | None = None, shift: float = 0.0
) -> dict[str, Tensor]:
    policy = TransformerPolicy(Disturbed(shift), ByteTokenizer())
    make(policy, played, micro).step()
    named = policy.model.named_parameters()
    return {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in named}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor], **tolerance: Any) -> None:
    for name in one:
        torch.testing.assert_close(one[name], other[name], **tolerance)


@every_algorithm
def test_there_is_a_gradient_at_all(name: str) -> None:
    found = gradient(ALGORITHMS[name], play())

    assert max(value.abs().max().item() for value in found.values()) > 1e-4


@every_algorithm
def test_the_logits_of_environment_tokens_change_nothing_and_get_no_gradient(name: str) -> None:
    played = play()
    quiet, loud = (gradient(ALGORITHMS[name], played, shift=shift) for shift in (0.0, 0.5))

    assert not quiet["shift"].any()
    assert not loud["shift"].any()
    assert_same(quiet, loud, rtol=0.0, atol=0.0)


@every_algorithm
def test_what_is_stored_on_environment_tokens_changes_nothing(name: str) -> None:
    played = play()
    strewn = [
        replace(
            t,
            logprobs=np.where(t.generated_mask, t.logprobs, 99.0).astype(np.float32),
            rewards=np.where(t.generated_mask, t.rewards, 99.0).astype(np.float32),
        )
        for t in played
    ]

    assert_same(
        gradient(ALGORITHMS[name], strewn), gradient(ALGORITHMS[name], played), rtol=0, atol=0
    )


@every_algorithm
def test_what_the_environment_says_last_changes_nothing(name: str) -> None:
    played = play()
    ends = [int(t.turn_spans[-1, 1]) for t in played]
    assert all(end < len(t.token_ids) for t, end in zip(played, ends, strict=True))
    changed = [
        replace(t, token_ids=np.where(np.arange(len(t.token_ids)) >= end, 33, t.token_ids))
        for t, end in zip(played, ends, strict=True)
    ]

    assert_same(gradient(ALGORITHMS[name], changed), gradient(ALGORITHMS[name], played))


@pytest.mark.parametrize("name", ["reinforce", "ppo", "ppo, separate critic", "dpo", "sft"])
def test_an_undecided_episode_changes_nothing(name: str) -> None:
    make = ALGORITHMS[name]

    assert_same(gradient(make, play([*GUESSES, "?"])), gradient(make, play()), rtol=0, atol=0)


@pytest.mark.parametrize("settings", [{}, {"ratio": "sequence"}, {"importance_cap": 2.0}])
def test_an_undecided_episode_leaves_its_group(settings: dict[str, Any]) -> None:
    undecided = gradient(grpo(group_size=4, **settings), play(["012", "?", "340", "987"]))
    without = gradient(grpo(group_size=3, **settings), play(["012", "340", "987"]))

    assert_same(undecided, without, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["grpo", "grpo by sequence", "dr. grpo", "gspo", "tis"])
def test_a_group_of_equal_rewards_changes_nothing_its_kl_term_included(name: str) -> None:
    make = ALGORITHMS[name]
    with_equal = play() + play(["987", "798", "879", "978"], seed=1)

    assert_same(gradient(make, with_equal), gradient(make, play()), rtol=0, atol=0)


@every_algorithm
@pytest.mark.parametrize("micro", [1, 3])
def test_micro_batches_add_up_to_the_batch(name: str, micro: int) -> None:
    played = play(["012", "340", "987", "7?", "304", "210", "978", "897"])
    make = ALGORITHMS[name]

    assert_same(gradient(make, played, micro=micro), gradient(make, played), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["ppo", "ppo, separate critic", "grpo by sequence", "gspo"])
def test_an_episode_in_two_runs_weighs_as_much_as_in_one(name: str) -> None:
    """The runs hold the episode's tokens in the same contexts, so the gradient is the same."""
    played = play()
    split = [run for t in played for run in _in_two_runs(t)]
    make = ALGORITHMS[name]

    assert_same(gradient(make, split), gradient(make, played), rtol=1e-4, atol=1e-6)


def _in_two_runs(trajectory: Trajectory) -> list[Trajectory]:
    """Return one run with the first turn, and one with the others, both reading all before."""
    if len(trajectory.turn_rewards) < 2:
        return [trajectory]
    start, stop = trajectory.turn_spans[0].tolist()
    total = trajectory.total_reward
    later = trajectory.generated_mask.copy()
    later[start:stop] = False
    first = replace(
        trajectory,
        token_ids=trajectory.token_ids[:stop].copy(),
        generated_mask=trajectory.generated_mask[:stop].copy(),
        logprobs=trajectory.logprobs[:stop].copy(),
        rewards=trajectory.rewards[:stop].copy(),
        turn_spans=trajectory.turn_spans[:1].copy(),
        turn_rewards=trajectory.turn_rewards[:1].copy(),
        terminated=False,
        truncated=False,
        stop_reason=StopReason.SPLIT,
        episode_reward=total,
    )
    second = replace(
        trajectory,
        generated_mask=later,
        rewards=np.where(later, trajectory.rewards, 0.0).astype(np.float32),
        turn_spans=trajectory.turn_spans[1:].copy(),
        turn_rewards=trajectory.turn_rewards[1:].copy(),
        run=1,
        episode_reward=total,
    )
    return [first, second]
