"""The checker passes what keeps the contract, and names each way of breaking it."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from llmenvs import ConformanceError, Policy, Tokenizer, check_text_env
from llmenvs.env import Opening, Turn
from llmenvs.envs import GridWorldEnv, RandomLayouts
from llmenvs.tasks import Task
from llmenvs.testing import GuessDigitEnv, HiddenDigit
from llmenvs.verifiers import Verdict


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"slip_probability": 0.2, "random_start": True, "max_turns": 6},
        {"tasks": RandomLayouts(width=3, height=5), "slip_probability": 0.1},
    ],
    ids=["series", "slippery", "random-layouts"],
)
def test_the_grid_world_keeps_the_contract(
    any_tokenizer: Tokenizer, options: dict[str, Any]
) -> None:
    check_text_env(gym.make("llmenvs/GridWorld-v0", tokenizer=any_tokenizer, **options))


def test_the_guessing_game_keeps_the_contract(any_tokenizer: Tokenizer) -> None:
    check_text_env(GuessDigitEnv(tokenizer=any_tokenizer))


def test_the_checked_environment_is_left_as_it_is() -> None:
    env = GuessDigitEnv()
    env.reset(seed=0)
    env.step("x")
    check_text_env(env)

    assert len(env.transcript.completions) == 1


class Forgetful(GuessDigitEnv):
    """Its mask misses the policy's last token."""

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        *result, info = super().step(action)
        generated = list(info["generated_mask"])
        last = max((i for i, g in enumerate(generated) if g), default=None)
        if last is not None:
            generated[last] = False
        info["generated_mask"] = tuple(generated)
        return (*result, info)  # type: ignore[return-value]


class Reencoding(GuessDigitEnv):
    """It encodes the policy's text instead of keeping the ids."""

    def _add_completion(self, action: str) -> Any:
        return super()._add_completion(str(action))


class Rewriting(GuessDigitEnv):
    """Its tokens are only those of the last turn."""

    def _info(self, *, valid: bool) -> dict[str, Any]:
        info = super()._info(valid=valid)
        info["token_ids"] = tuple(info["token_ids"])[-3:]
        return info


class Arrays(GuessDigitEnv):
    """It puts an array into its info."""

    def _info(self, *, valid: bool) -> dict[str, Any]:
        return {**super()._info(valid=valid), "token_ids": np.asarray(self.transcript.token_ids)}


class GloballyRandom(GuessDigitEnv):
    """It draws from the global generator."""

    def begin_episode(self, task: Task) -> Opening[HiddenDigit]:
        return Opening(HiddenDigit(random.randrange(10)), [{"role": "user", "content": "Guess: "}])


class GloballySeeding(GuessDigitEnv):
    """It seeds the global generator."""

    def begin_episode(self, task: Task) -> Opening[HiddenDigit]:
        np.random.seed(int(self.np_random.integers(5)))  # noqa: NPY002
        return super().begin_episode(task)


class Remembering(GuessDigitEnv):
    """What it says depends on how many turns this object has seen."""

    turns = 0

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        self.turns += 1
        turn = super().take_turn(state, action)
        return turn._replace(observation=f"{turn.observation}{self.turns} ")


_COUNTER = itertools.count()


class SharedCounter(GuessDigitEnv):
    """Its copies share a counter."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        turn = super().take_turn(state, action)
        return turn._replace(observation=f"{turn.observation}{next(_COUNTER)} ")


class ReadsObservations(GuessDigitEnv):
    """It scores the whole transcript, as Search-R1's scorer does."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        turn = super().take_turn(state, action)
        if f"{state.digit}\n" in self.transcript.text:
            verdict = Verdict.scored(1.0, success=True)
            return turn._replace(reward=1.0, terminated=True, truncated=False, verdict=verdict)
        return turn


class NoOracle(GuessDigitEnv):
    """It ships no oracle."""

    def scripted_policies(self) -> dict[str, Policy]:
        return {"random": super().scripted_policies()["random"]}


class TakesAnything(GuessDigitEnv):
    """It makes a text of everything."""

    def _add_completion(self, action: Any) -> Any:
        return super()._add_completion(action if isinstance(action, str) else str(action))


class Unpicklable(GuessDigitEnv):
    """It holds a function."""

    def __init__(self) -> None:
        super().__init__()
        self.callback = lambda: None


class NotARewardNumber(GuessDigitEnv):
    """Its reward is not a number."""

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        return super().take_turn(state, action)._replace(reward=float("nan"))


class OutOfSpace(GuessDigitEnv):
    """Its observations are longer than its space."""

    def __init__(self) -> None:
        super().__init__(max_observation_length=5)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Forgetful, "generated_mask must be True on the policy's tokens"),
        (Reencoding, "ids that the policy sampled must be stored as they are"),
        (Rewriting, "prefix property"),
        (Arrays, "'token_ids' must not be a ndarray"),
        (GloballyRandom, "randomness must come from np_random"),
        (GloballyRandom, "the global states of random and numpy.random must be left alone"),
        (GloballySeeding, "the global states of random and numpy.random must be left alone"),
        (Remembering, "the same seed must give the same episode after another episode"),
        (Remembering, "restore after another episode must give back the episode"),
        (SharedCounter, "the same seed must give the same episode in threads"),
        (ReadsObservations, "the score must read the policy's text alone"),
        (NoOracle, "scripted_policies must have 'oracle'"),
        (TakesAnything, "the action None must raise TypeError, but raised nothing"),
        (Unpicklable, "the environment must pickle"),
        (NotARewardNumber, "take_turn must return a finite reward, got nan"),
        (OutOfSpace, "gymnasium's check_env must pass"),
    ],
)
def test_each_breach_is_named(broken: Callable[[], gym.Env[str, str]], message: str) -> None:
    with pytest.raises(ConformanceError) as raised:
        check_text_env(broken())

    assert message in str(raised.value)


def test_another_environment_is_refused() -> None:
    with pytest.raises(ConformanceError, match="must be a TextEnv, got FrozenLakeEnv"):
        check_text_env(gym.make("FrozenLake-v1"))


def test_an_untouched_subclass_of_the_grid_world_passes() -> None:
    class Same(GridWorldEnv):
        """Defined in a function, so it cannot pickle by name."""

    with pytest.raises(ConformanceError, match="must pickle"):
        check_text_env(Same())
