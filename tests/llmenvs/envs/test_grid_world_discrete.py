"""The discrete world is the same world as the one in words."""

from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.envs import GridWorldDiscreteEnv, GridWorldEnv, Move


@pytest.mark.parametrize("options", [{}, {"slip_probability": 0.2, "random_start": True}])
def test_gymnasium_accepts_it(options: dict[str, Any]) -> None:
    check_env(gym.make("llmenvs/GridWorldDiscrete-v0", **options).unwrapped)


@settings(max_examples=50)
@given(st.integers(0, 1000), st.lists(st.sampled_from(list(Move)), min_size=1, max_size=20))
def test_it_agrees_with_the_world_in_words(seed: int, moves: list[Move]) -> None:
    options: dict[str, Any] = {"slip_probability": 0.3, "random_start": True}
    discrete, words = GridWorldDiscreteEnv(**options), GridWorldEnv(**options)
    state, _ = discrete.reset(seed=seed)
    text, _ = words.reset(seed=seed)
    for move in moves:
        assert f"({state % 4}, {state // 4})" in text
        state, *numbers, info = discrete.step(move)
        text, *spoken, spoken_info = words.step(move.name)
        assert numbers == spoken
        if numbers[1] or numbers[2]:
            assert info["success"] is spoken_info["verdict"].success
            break


def test_misuse_is_named() -> None:
    env = GridWorldDiscreteEnv(max_turns=1)
    with pytest.raises(gym.error.ResetNeeded, match="call reset"):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action must be 0, 1, 2 or 3, got 4"):
        env.step(4)
    assert env.step(0)[2:4] == (False, True)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)


def test_layouts_must_have_one_size() -> None:
    small = {"task_id": "s", "width": 2, "height": 1, "start": [0, 0], "terminals": [[1, 0, 1.0]]}
    env = GridWorldDiscreteEnv(tasks=[small, {**small, "task_id": "l", "width": 3}])

    with pytest.raises(ValueError, match=r"all layouts must have . cells"):
        [env.reset(options={"task_id": task_id}) for task_id in ("s", "l")]


def test_rendering_and_the_table() -> None:
    env = GridWorldDiscreteEnv(render_mode="ansi")
    env.reset(seed=0)

    assert "A" in env.render()
    assert env.P[0][Move.UP] == [(1.0, 4, -1.0, False)]
    assert GridWorldDiscreteEnv().render() is None
