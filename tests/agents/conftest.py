"""Environments for the tests of runs of training, and torch on one thread."""

import os
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import pytest
import torch

from llmenvs import Turn
from llmenvs.testing import GuessDigitEnv, HiddenDigit
from llmenvs.verifiers import Status, Verdict

os.environ.setdefault("HF_HUB_OFFLINE", "1")
torch.set_num_threads(1)  # on models this small a second thread costs more than it brings

LETTER = "llmenvs_tests/Letter-v0"
NAN = "llmenvs_tests/NaN-v0"
DEAD = "llmenvs_tests/Dead-v0"
UNDECIDED = "llmenvs_tests/Undecided-v0"


class LetterEnv(GuessDigitEnv):
    """Two turns whose reward any text has a share of, so that an untrained model learns."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        reward = sum(map(ord, action)) % 7 / 6
        over = state.num_guesses == 1
        verdict = Verdict.scored(reward, success=reward > 0.5) if over else None
        after = HiddenDigit(state.digit, state.num_guesses + 1)
        return Turn(after, "Go on. ", reward, terminated=over, verdict=verdict)


class NaNEnv(LetterEnv):
    """Rewards some completions with NaN."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        turn = super().take_turn(state, action)
        return turn._replace(reward=float("nan")) if turn.reward < 0.2 else turn


class DeadEnv(GuessDigitEnv):
    """Raises in every turn."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        raise RuntimeError("the sandbox is gone")


class UndecidedEnv(LetterEnv):
    """Decides nothing about the task ``low``."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        if self._task["task_id"] == "high":
            return super().take_turn(state, action)
        lost = Verdict.undecided(Status.ERROR, reason="the umpire is asleep")
        return Turn(state, "", 0.0, terminated=True, verdict=lost)


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    """Register the environments for a module."""
    entry_points: dict[str, Any] = {
        LETTER: LetterEnv,
        NAN: NaNEnv,
        DEAD: DeadEnv,
        UNDECIDED: UndecidedEnv,
    }
    for env_id, entry_point in entry_points.items():
        gym.register(env_id, entry_point=entry_point)
    yield
    for env_id in entry_points:
        del gym.registry[env_id]
