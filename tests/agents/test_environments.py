"""A run's environments come from words, one or many, and what cannot be made is named."""

import pytest

from llmenvs import ByteTokenizer, MixtureEnv
from llmenvs.agents.environments import make_env, make_envs, parse_env
from llmenvs.envs.grid_world import GridWorldEnv

GRID, MATH = "llmenvs/GridWorld-v0", "llmenvs/MathAnswer-v0"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (GRID, (GRID, 1.0)),
        (f"{GRID}:0.25", (GRID, 0.25)),
        ("package.module:My-v0:2", ("package.module:My-v0", 2.0)),
        ("package.module:My-v0", ("package.module:My-v0", 1.0)),
    ],
)
def test_a_weight_may_follow_the_id(word: str, expected: tuple[str, float]) -> None:
    assert parse_env(word) == expected


def test_an_id_is_needed() -> None:
    with pytest.raises(ValueError, match=r"an environment is ID or ID:WEIGHT, got ':0\.5'"):
        parse_env(":0.5")
    with pytest.raises(ValueError, match="at least one environment, got none"):
        make_env({}, {})


def test_options_are_of_all_environments_or_of_one() -> None:
    (env,) = make_envs(1, {GRID: 1.0}, {"max_turns": 4}, tokenizer=ByteTokenizer())
    mixed = make_env({GRID: 1.0, MATH: 3.0}, {f"{GRID}:max_turns": 3, f"{MATH}:prompt_style": "r1"})
    grid = mixed.envs[GRID] if isinstance(mixed, MixtureEnv) else None

    assert isinstance(env, GridWorldEnv)
    assert env.max_turns == 4
    assert isinstance(grid, GridWorldEnv)
    assert grid.max_turns == 3
