"""Pairs and kept episodes are those that the verifiers decide, and DPO learns from the pairs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from llmenvs import ByteTokenizer, FunctionPolicy, Trajectory, rollout
from llmenvs.agents.dpo import DPOConfig, DPOTrainer, dpo_batch, episode_logprobs
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.preference_pairs import PreferencePair, preference_pairs
from llmenvs.agents.rejection_sampling import solved_episodes
from llmenvs.agents.trainer import iterate
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.testing import GuessDigitEnv
from llmenvs.trajectory import StopReason


def play(*guesses: str, seed: int = 1, task_id: str = "low") -> list[Trajectory]:
    """Play one episode for each string of guesses."""

    def guess(prompt: Any) -> str:
        turn = sum(message["role"] == "assistant" for message in prompt.messages)
        return guesses[int(prompt.episode_id.partition("-")[2])][turn]

    count = len(guesses)
    return rollout(
        [GuessDigitEnv()], FunctionPolicy(guess), seeds=[seed] * count, task_ids=[task_id] * count
    )


def said(episode: tuple[Trajectory, ...] | list[Trajectory]) -> str:
    return "".join(
        m["content"] for run in episode for m in run.messages if m["role"] == "assistant"
    )


def the_digit() -> str:
    """Return the digit that these episodes hide."""
    return next(d for d in "01234" if play(d + "99")[0].total_reward == 1.0)


D = the_digit()


def pairs(trajectories: list[Trajectory], **options: Any) -> list[PreferencePair]:
    return preference_pairs(trajectories, rng=np.random.default_rng(0), **options)


def test_the_chosen_are_solved_and_the_rejected_are_not() -> None:
    found = pairs(play(f"{D}", "987", f"9{D}", "789", "?"))

    assert {said(pair.chosen) for pair in found} == {D, f"9{D}"}
    assert {said(pair.rejected) for pair in found} == {"987", "789"}
    assert len(found) == 2


def test_nobody_is_left_out_no_pair_comes_twice_and_the_number_can_be_bounded() -> None:
    episodes = play(D, "987", "879", "798", "978", D)
    found = pairs(episodes)

    assert sorted(said(pair.rejected) for pair in found) == ["798", "879", "978", "987"]
    assert {said(pair.chosen) for pair in found} == {D}
    assert len(pairs(episodes, max_per_prompt=2)) == 2
    with pytest.raises(ValueError, match="max_per_prompt must be at least 1, got 0"):
        pairs(episodes, max_per_prompt=0)


def test_no_pair_goes_over_tasks_and_none_comes_of_one_kind() -> None:
    assert pairs(play(D, f"9{D}")) == []
    assert pairs(play("987", "?")) == []
    assert pairs(play(D) + play("012", task_id="high")) == []


def test_rejection_sampling_keeps_solved_distinct_and_decided_episodes() -> None:
    played = play(D, "987", D, f"9{D}", f"8{D}", "?")

    assert [said([t]) for t in solved_episodes(played)] == [D, f"9{D}", f"8{D}"]
    assert [said([t]) for t in solved_episodes(played, max_per_prompt=2)] == [D, f"9{D}"]
    assert solved_episodes(play("987")) == []


def policy() -> TransformerPolicy:
    model = Transformer(TransformerConfig(257, max_length=64, width=16, num_layers=1))
    return TransformerPolicy(model, ByteTokenizer())


def test_at_first_the_loss_is_log_two_and_then_the_margin_grows() -> None:
    trainer = DPOTrainer(policy(), pairs(play(D, "987", "879")), DPOConfig(learning_rate=1e-3))
    updates = [iteration.update for iteration in iterate(trainer, 60)]

    assert updates[0]["loss"] == pytest.approx(np.log(2))
    assert updates[0]["margin"] == 0.0
    assert updates[-1]["loss"] < 0.6
    assert updates[-1]["margin"] > 0.1
    assert updates[-1]["accuracy"] == 1.0
    assert updates[-1]["margin"] == pytest.approx(
        updates[-1]["chosen_reward"] - updates[-1]["rejected_reward"], abs=1e-6
    )


def test_the_logprob_of_an_episode_is_the_sum_over_its_tokens_and_runs() -> None:
    (solved,) = play(f"9{D}")
    (failed,) = play("987")
    split = (
        replace(failed, stop_reason=StopReason.SPLIT, episode_reward=0.0),
        replace(failed, run=1, episode_reward=0.0),
    )
    batch = dpo_batch([PreferencePair((solved,), split)], device=torch.device("cpu"))
    chosen, rejected = episode_logprobs(torch.full(batch.token_ids.shape, -1.0), batch)

    assert chosen.tolist() == [-2.0]
    assert rejected.tolist() == [-6.0]


def test_no_pairs_is_an_error() -> None:
    with pytest.raises(ValueError, match="pairs must hold at least one, got none"):
        DPOTrainer(policy(), [])
