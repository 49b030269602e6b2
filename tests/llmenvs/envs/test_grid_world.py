"""The grid world in words: the series' walk, its verdicts, and what an unreadable action costs."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import rollout
from llmenvs.agents.advantages import discounted_returns
from llmenvs.envs import GridWorldEnv, Move, RandomLayouts
from llmenvs.envs.grid_world import read_move


def play(env: GridWorldEnv, *actions: str, seed: int = 0) -> list[Any]:
    env.reset(seed=seed)
    return [env.step(action) for action in actions]


def test_the_walk_of_the_series_gives_its_rewards_and_returns() -> None:
    import torch

    steps = play(GridWorldEnv(), "right", "up", "right", "right")
    rewards = [step[1] for step in steps]

    assert rewards == [-1.0, -1.0, -1.0, 5.0]
    assert discounted_returns(torch.tensor(rewards), discount=1.0).tolist() == [2, 3, 4, 5]
    assert [step[2:4] for step in steps] == [(False, False)] * 3 + [(True, False)]
    verdict = steps[-1][4]["verdict"]
    assert (verdict.score, verdict.success, verdict.parts) == (1.0, True, {"return": 2.0})


def test_the_four_is_no_success_from_the_start_and_one_from_beside_it() -> None:
    far = play(GridWorldEnv(), "up", "up", "right", "right", "right", "up")
    near = GridWorldEnv(tasks=[_series(start=[2, 3])])

    assert far[-1][1] == 4.0
    assert far[-1][4]["verdict"].success is False
    assert play(near, "right")[-1][4]["verdict"].success is True


def test_the_penalty_ends_the_episode_without_success() -> None:
    last = play(GridWorldEnv(), "up", "up", "up", "right")[-1]

    assert (last[1], last[2], last[4]["verdict"].success) == (-1.0, True, False)
    assert "(1, 3): -1" in last[0]


def test_a_wall_costs_the_fuel_and_is_said() -> None:
    observation, reward, *_ = play(GridWorldEnv(), "left")[0]

    assert reward == -1.0
    assert observation == "\nA wall. You are at (0, 0).\n"


@pytest.mark.parametrize("action", ["", "north", "go up", "<action>jump</action>", "up " * 10])
def test_an_unreadable_action_costs_the_fuel_is_said_and_stays_valid(action: str) -> None:
    observation, reward, terminated, _, info = play(GridWorldEnv(), action)[0]

    assert (reward, terminated) == (-1.0, False)
    assert "names no move" in observation
    assert "(0, 0)" in observation
    assert (info["action_valid"], info["valid"]) == (False, True)


@pytest.mark.parametrize(
    ("action", "move"),
    [
        ("up", Move.UP),
        (" Right\n", Move.RIGHT),
        ("<action>left</action>", Move.LEFT),
        ("I think <action> Down </action>", Move.DOWN),
        ("<action>up</action> no, <action>down</action>", Move.DOWN),
        ("<action>up</action> and <action>fly</action>", None),
        ("<action>up", None),
        ("<action></action>", None),
        ("up" + " " * 1000, Move.UP),
    ],
)
def test_reading_a_move(action: str, move: Move | None) -> None:
    assert read_move(action) is move


@given(st.text())
def test_any_text_is_read_or_not(action: str) -> None:
    assert read_move(action) in (None, *Move)


def test_reading_takes_linear_time() -> None:
    """Counted by size: a quadratic reader would take minutes on a megabyte of tags."""
    assert read_move("<action>" * 130_000) is None
    assert read_move("<action>up" * 100_000 + "</action>") is Move.UP


def test_the_limit_truncates_and_scores() -> None:
    steps = play(GridWorldEnv(max_turns=2), "left", "left")

    assert steps[-1][2:4] == (False, True)
    assert steps[-1][4]["verdict"].score == 0.0
    assert steps[-1][4]["verdict"].reason == "no terminal in 2 moves"


def test_slips_happen_as_often_as_they_should() -> None:
    env = GridWorldEnv(slip_probability=0.2)
    env.reset(seed=0)
    ends = []
    for seed in range(2000):
        env.reset(seed=seed)
        ends.append("(0, 1)" in env.step("right")[0])

    assert 0.17 < np.mean(ends) < 0.23


def test_random_starts_reach_every_cell_that_is_not_terminal() -> None:
    env = GridWorldEnv(random_start=True)
    starts = {env.reset(seed=seed)[0].rpartition("at ")[2] for seed in range(300)}

    assert len(starts) == 13


def test_random_layouts_and_ids_of_layouts() -> None:
    env = GridWorldEnv(tasks=RandomLayouts())
    first, info = env.reset(seed=3)
    again, _ = env.reset(options={"task_id": info["task_id"]})

    assert first == again
    assert info["dataset_hash"] == RandomLayouts().content_hash


def test_the_table_is_that_of_the_layout() -> None:
    env = GridWorldEnv(slip_probability=0.2)
    with pytest.raises(gym.error.ResetNeeded, match="before P"):
        _ = env.P
    env.reset(seed=0)

    assert env.P[0][Move.RIGHT] == [(0.8, 1, -1.0, False), (0.2, 4, -1.0, False)]


@pytest.mark.parametrize(
    ("name", "success", "reward"), [("oracle", 1.0, None), ("noop", 0.0, -20.0)]
)
def test_scripted_policies_score_as_stated(name: str, success: float, reward: float | None) -> None:
    env = GridWorldEnv(random_start=True, tasks=RandomLayouts(width=5, height=3))
    trajectories = rollout([env], env.scripted_policies()[name], seeds=range(100))
    solved = [t.info["verdict"].success for t in trajectories]

    assert np.mean(solved) == success
    if reward is not None:
        assert {t.total_reward for t in trajectories} == {reward}


def test_the_random_policy_solves_a_third_of_the_episodes() -> None:
    env = GridWorldEnv(random_start=True)
    trajectories = rollout([env], env.scripted_policies()["random"], seeds=range(400))

    assert 0.28 < np.mean([t.info["verdict"].success for t in trajectories]) < 0.46


def test_the_oracle_says_which_prompt_it_needs() -> None:
    env = GridWorldEnv(prompt_template="{position}")
    with pytest.raises(ValueError, match="the oracle needs the default prompt_template"):
        rollout([env], env.scripted_policies()["oracle"], seeds=[0])


def test_a_template_of_ones_own() -> None:
    env = GridWorldEnv(prompt_template="{width}x{height} {position} {{}}")

    assert env.reset(seed=0)[0] == "4x4 (0, 0) {}"


def test_rendering_is_a_picture_of_now() -> None:
    ansi = gym.make("llmenvs/GridWorld-v0", render_mode="ansi")
    ansi.reset(seed=0)
    ansi.step("right")
    rgb = GridWorldEnv(render_mode="rgb_array")
    assert rgb.render() is None
    rgb.reset(seed=0)
    image = rgb.render()

    assert ansi.render().splitlines()[3] == "0   .   A   .   ."  # type: ignore[union-attr]
    assert image.shape == (256, 256, 3)
    assert image.dtype == np.uint8
    assert image[224, 32].tolist() == [38, 70, 115]  # the agent, bottom left
    assert GridWorldEnv().render() is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slip_probability": 1.0}, r"slip_probability must be in \[0, 1\), got 1.0"),
        ({"slip_probability": -0.1}, "slip_probability must be in"),
        ({"max_turns": 0}, "max_turns must be at least 1, got 0"),
        ({"prompt_template": "{x}"}, r"prompt_template may use the fields width, .*KeyError"),
        ({"prompt_template": "{"}, "prompt_template may use the fields"),
        ({"tasks": [{"width": 4}]}, r"tasks\[0\]: 'height' is a required property"),
        ({"tasks": []}, "at least one row"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GridWorldEnv(**options)


def test_a_misspelled_option_is_an_error() -> None:
    with pytest.raises(TypeError, match="max_turn"):
        gym.make("llmenvs/GridWorld-v0", max_turn=3)


def _series(**changes: Any) -> dict[str, Any]:
    return {
        "width": 4,
        "height": 4,
        "start": [0, 0],
        "terminals": [[3, 1, 5.0], [3, 3, 4.0], [1, 3, -1.0]],
        **changes,
    }
