"""GEM's games play here as they do in GEM, but that an episode follows from its seed."""

import random
import re
from typing import Any

import pytest

import llmenvs
from llmenvs.env_making import make_text_env

gem = pytest.importorskip("gem")

EASY = "game:GuessTheNumber-v0-easy"
GAMES = [
    "game:GuessTheNumber-v0-easy",
    "game:Mastermind-v0-easy",
    "game:Minesweeper-v0-easy",
    "game:FifteenPuzzle-v0-easy",
    "game:TowerofHanoi-v0-easy",
    "game:Game2048-v0-easy",
    "game:Sudoku-v0-easy",
]


def random_episode(game: str, seed: int) -> tuple[list[Any], str]:
    """Play random moves; return rewards, and all that was said."""
    env = make_text_env("llmenvs/Gem-v0", game=game)
    (trajectory,) = llmenvs.rollout([env], env.scripted_policies()["random"], seeds=[seed])
    return trajectory.turn_rewards.tolist(), str(trajectory.messages)


@pytest.mark.parametrize("game", GAMES)
def test_a_seed_decides_the_whole_episode(game: str) -> None:
    first = random_episode(game, 3)
    random.random()  # what somebody else draws
    before = random.getstate()

    assert random_episode(game, 3) == first
    assert random.getstate() == before  # nobody's generator is touched


def test_texts_and_rewards_are_gems_own() -> None:
    env = make_text_env("llmenvs/Gem-v0", game=EASY)
    prompt, _ = env.reset(seed=0)
    theirs = gem.make(EASY)
    text, info = theirs.reset(seed=0)
    state = env._state
    assert state is not None
    theirs.game_number = state.game.game_number

    def without_example(said: str) -> str:  # a random number
        return re.sub(r"\\boxed{\d+}", "", said)

    assert without_example(prompt) == without_example(f"{text}\n{info['suffix']}\n")
    guesses = [theirs.game_number % 10 + 1, theirs.game_number]
    for guess in guesses:
        action = f"\\boxed{{{guess}}}"
        text, reward, terminated, _, _ = theirs.step(action)
        said = env.step(action)
        assert text in said[0]
        assert said[1] == reward
        assert said[2] == terminated
    assert env.trajectory().info["verdict"].success


def test_what_a_game_cannot_read_ends_it_as_the_policys_fault() -> None:
    env = make_text_env("llmenvs/Gem-v0", game=EASY)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step("I do not know")

    assert (reward, terminated, truncated) == (-0.1, True, False)
    assert (info["action_valid"], info["valid"]) == (False, True)


def test_a_snapshot_goes_on_as_before() -> None:
    env = make_text_env("llmenvs/Gem-v0", game="game:Game2048-v0-easy")
    env.reset(seed=1)
    before = env.snapshot()
    said = [env.step("\\boxed{up}")[0], env.step("\\boxed{left}")[0]]
    env.restore(before)

    assert [env.step("\\boxed{up}")[0], env.step("\\boxed{left}")[0]] == said


def test_wrong_input_says_what_to_change() -> None:
    with pytest.raises(ValueError, match=r"did you mean one of .*GuessTheNumber-v0-easy"):
        make_text_env("llmenvs/Gem-v0", game="game:GuesTheNumber-v0-easy")
    with pytest.raises(ValueError, match="for rg: use llmenvs/ReasoningGym-v0"):
        make_text_env("llmenvs/Gem-v0", game="rg:arc_1d")
    with pytest.raises(ValueError, match=r"has no options \['max_turn'\]"):
        make_text_env("llmenvs/Gem-v0", game=EASY, options={"max_turn": 3})
