"""A mixture is an environment like any other, and draws each of its own as often as it should."""

import gymnasium as gym
import numpy as np
import pytest

from llmenvs import MixtureEnv, Tokenizer, check_text_env, mixture, rollout
from llmenvs.envs import GridWorldEnv

GRID, MATH = "llmenvs/GridWorld-v0", "llmenvs/MathAnswer-v0"


def test_it_keeps_the_contract(any_tokenizer: Tokenizer) -> None:
    check_text_env(mixture({MATH: 0.7, GRID: 0.3}, tokenizer=any_tokenizer))


def test_it_draws_by_weight_and_scores_as_its_parts_do() -> None:
    env = mixture({MATH: 7, GRID: 3}, options={GRID: {"slip_probability": 0.1}})
    trajectories = rollout([env], env.scripted_policies()["noop"], seeds=range(500))
    ids = [t.info["task_id"].partition(":")[0] for t in trajectories]

    assert 0.64 < ids.count(MATH) / 500 < 0.76
    assert {t.total_reward for t, i in zip(trajectories, ids, strict=True) if i == MATH} == {0.0}
    assert {t.total_reward for t, i in zip(trajectories, ids, strict=True) if i == GRID} == {-20.0}


def test_the_oracle_of_each_part_plays_its_episodes() -> None:
    env = mixture({MATH: 0.5, GRID: 0.5})
    trajectories = rollout([env], env.scripted_policies()["oracle"], seeds=range(60))

    assert np.mean([t.info["verdict"].success for t in trajectories]) == 1.0


def test_stop_strings_are_those_of_the_episode() -> None:
    env = mixture({MATH: 0.5, GRID: 0.5})
    seen = set()
    for seed in range(20):
        _, info = env.reset(seed=seed)
        seen.add((info["task_id"].partition(":")[0], info["stop_strings"]))

    assert seen == {(MATH, ()), (GRID, ("</action>",))}


def test_a_task_can_be_chosen() -> None:
    env = mixture({MATH: 0.5, GRID: 0.5})
    observation, _ = env.reset(options={"task_id": f"{GRID}:series-4x4"})

    assert observation.startswith("You walk on a grid")
    with pytest.raises(ValueError, match="no task has the id 'series-4x4'; ids are ENV_ID:TASK_ID"):
        env.reset(options={"task_id": "series-4x4"})


def test_bad_mixtures_are_named() -> None:
    with pytest.raises(ValueError, match="weights must be above 0"):
        mixture({MATH: 0.0})
    with pytest.raises(ValueError, match="weights must be above 0"):
        mixture({})
    with pytest.raises(ValueError, match=r"options are for environments of the mixture, got \['x'"):
        mixture({MATH: 1.0}, options={"x": {}})
    with pytest.raises(ValueError, match="FrozenLake-v1 must be a TextEnv"):
        mixture({"FrozenLake-v1": 1.0})
    with pytest.raises(gym.error.NameNotFound):
        mixture({"llmenvs/Nothing-v0": 1.0})


def test_one_of_ones_own_needs_no_registration() -> None:
    env = MixtureEnv({"mine": GridWorldEnv(max_turns=1)}, {"mine": 2.0})
    env.reset(seed=0)

    assert env.step("left")[2:4] == (False, True)
