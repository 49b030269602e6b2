"""Trains with each algorithm for a few iterations, as one of the processes of a launch or alone.

    python -m accelerate.commands.launch … distributed_losses.py OUT

The main process writes what each update measured; all of them compare their weights.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import torch

import llmenvs
from llmenvs.agents.distributed import gathered, is_main, joined, process_index
from llmenvs.agents.dpo import DPOConfig, DPOTrainer
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.ppo import PPOConfig, PPOTrainer
from llmenvs.agents.preference_pairs import PreferencePair
from llmenvs.agents.reinforce import ReinforceConfig, ReinforceTrainer
from llmenvs.agents.sft import SFTConfig, SFTTrainer
from llmenvs.agents.trainer import Trainer
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.env import TextEnv
from llmenvs.running_episode import RolloutLimits
from llmenvs.testing import GuessDigitEnv, HiddenDigit
from llmenvs.trajectory import Trajectory
from llmenvs.turn import Turn
from llmenvs.verifiers import Verdict

NUM_ITERATIONS = 2
LIMITS = RolloutLimits(max_new_tokens=6)


class VowelEnv(GuessDigitEnv):
    """Two turns whose reward depends on what was written, of which none is equal to all others."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        reward = sum(map(ord, action)) % 7 / 6
        over = state.num_guesses == 1
        verdict = Verdict.scored(reward, success=reward > 0.5) if over else None
        after = HiddenDigit(state.digit, state.num_guesses + 1)
        return Turn(after, "Go on. ", reward, terminated=over, verdict=verdict)


def make_envs() -> list[gym.Env[str, str]]:
    """Return three, by which no number of episodes here divides."""
    return [VowelEnv() for _ in range(3)]


def make_policy() -> TransformerPolicy:
    """Return a policy on bytes, of other weights in each process: the main one's count."""
    config = TransformerConfig(vocab_size=257, num_layers=1, num_heads=2, width=16, max_length=512)
    model = Transformer(config, seed=process_index())
    return TransformerPolicy(model, llmenvs.ByteTokenizer())


def given_episodes() -> list[Trajectory]:
    """Return episodes of unequal lengths; solved ones come first."""
    env: TextEnv[HiddenDigit] = VowelEnv()
    played = []
    for seed, words in enumerate(["ab", "zzzzzzz", "k", "some more", "q1", "0"]):
        env.reset(seed=seed)
        env.step(words)
        env.step(words[::-1])
        played.append(env.trajectory())
    return played


def _ppo(critic: str) -> PPOTrainer:
    config = PPOConfig(
        batch_size=7,
        minibatch_size=3,
        num_epochs=2,
        critic=critic,  # type: ignore[arg-type]
        kl_coefficient=0.1,
        target_kl=0.5,
        limits=LIMITS,
    )
    return PPOTrainer(make_envs(), make_policy(), config)


def _grpo(**settings: object) -> GRPOTrainer:
    config = GRPOConfig(
        num_groups=3,
        group_size=3,
        minibatch_size=2,
        kl_coefficient=0.1,
        limits=LIMITS,
        **settings,  # type: ignore[arg-type]
    )
    return GRPOTrainer(make_envs(), make_policy(), config)


def _dpo() -> DPOTrainer:
    first, *others = given_episodes()
    pairs = [PreferencePair((first,), (other,)) for other in others]
    return DPOTrainer(make_policy(), pairs, DPOConfig(batch_size=3))


# A minibatch of one episode leaves a process without a share.
TRAINERS: dict[str, Callable[[], Trainer]] = {
    "reinforce": lambda: ReinforceTrainer(
        make_envs(), make_policy(), ReinforceConfig(batch_size=7, micro_batch_size=2, limits=LIMITS)
    ),
    "ppo": lambda: _ppo("shared"),
    "ppo, separate critic": lambda: _ppo("separate"),
    "grpo by token": _grpo,
    "grpo by sequence": lambda: _grpo(aggregation="sequence", importance_cap=2.0),
    "dpo": _dpo,
    "sft": lambda: SFTTrainer(make_policy(), given_episodes(), SFTConfig(batch_size=5)),
    "sft, one episode": lambda: SFTTrainer(
        make_policy(), given_episodes()[:1], SFTConfig(batch_size=1)
    ),
}


def measured(name: str) -> list[dict[str, float]]:
    """Return what each update measured, after which the weights of all processes are the same."""
    trainer = TRAINERS[name]()
    updates = [dict(trainer.step().update) for _ in range(NUM_ITERATIONS)]
    weights = torch.cat([value.flatten() for value in trainer.state_dict()["model"].values()])
    everywhere = gathered([weights])
    if not all(torch.equal(other, weights) for other in everywhere):
        raise RuntimeError(f"{name}: the processes have drifted apart")
    return updates


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined("cpu"):
        found = {name: measured(name) for name in TRAINERS}
        if is_main():
            Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
