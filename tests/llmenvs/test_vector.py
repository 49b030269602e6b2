"""`make_vec` works on our ids as it comes, and autoreset loses nothing."""

from typing import Any

import gymnasium as gym
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv

import llmenvs  # noqa: F401 (registers the environments)

MODES = ["sync", "async"]
WALK = ["right", "up", "right", "right"]


def walk(envs: VectorEnv[Any, Any, Any]) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
    """Take the walk to +5 in every environment; returns the last step."""
    envs.reset(seed=0)
    for move in WALK[:-1]:
        envs.step([move] * envs.num_envs)
    return envs.step([WALK[-1]] * envs.num_envs)


def make(mode: str, **options: Any) -> VectorEnv[Any, Any, Any]:
    return gym.make_vec("llmenvs/GridWorld-v0", 3, vectorization_mode=mode, **options)


@pytest.mark.parametrize("mode", MODES)
def test_prompts_and_transcripts_of_unequal_lengths_come_through(mode: str) -> None:
    envs = make(mode, random_start=True)
    observations, infos = envs.reset(seed=1)  # which gives 1, 2 and 3
    alone = gym.make("llmenvs/GridWorld-v0", random_start=True)
    actions = ["right", "<action>up</action>", "é\x00 no move at all"]
    after, rewards, *_, step_infos = envs.step(actions)
    envs.close()

    for index, seed in enumerate([1, 2, 3]):
        observation, info = alone.reset(seed=seed)
        assert observations[index] == observation
        assert infos["token_ids"][index] == info["token_ids"]
        observation, reward, *_, info = alone.step(actions[index])
        assert (after[index], rewards[index]) == (observation, reward)
        for key in ("token_ids", "generated_mask", "task_id", "stop_strings", "action_valid"):
            assert step_infos[key][index] == info[key]
    assert len({len(ids) for ids in step_infos["token_ids"]}) == 3


@pytest.mark.parametrize("mode", MODES)
def test_next_step_autoreset_shows_the_last_step_and_then_the_new_episode(mode: str) -> None:
    envs = make(mode)
    observations, rewards, terminated, _, infos = walk(envs)

    assert terminated.all()
    assert rewards.tolist() == [5.0] * 3
    assert "reached the terminal" in observations[0]
    assert infos["verdict"][0].success is True
    assert sum(infos["generated_mask"][0]) == len("".join(WALK))
    observations, *_, infos = envs.step(["up"] * 3)
    envs.close()
    assert observations[0].startswith("You walk on a grid")
    assert not any(infos["generated_mask"][0])


@pytest.mark.parametrize("mode", MODES)
def test_same_step_autoreset_keeps_the_final_observation_and_info(mode: str) -> None:
    envs = make(mode, vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP})
    observations, *_, infos = walk(envs)
    envs.close()

    assert observations[0].startswith("You walk on a grid")
    assert "reached the terminal" in infos["final_obs"][0]
    assert infos["final_info"]["verdict"][0].success is True
    assert sum(infos["final_info"]["generated_mask"][0]) == len("".join(WALK))
    assert not any(infos["generated_mask"][0])


@pytest.mark.parametrize("mode", MODES)
def test_the_batched_action_space_can_be_sampled(mode: str) -> None:
    envs = make(mode)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    observations, *_ = envs.step(envs.action_space.sample())
    envs.close()

    assert len(observations) == 3


def test_the_discrete_world_is_vectorised_as_usual() -> None:
    envs = gym.make_vec("llmenvs/GridWorldDiscrete-v0", 2, vectorization_mode="sync")
    envs.reset(seed=0)
    observations, *_ = envs.step([3, 0])
    envs.close()

    assert observations.tolist() == [1, 4]
