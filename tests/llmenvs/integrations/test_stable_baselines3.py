"""Stable-Baselines3 trains in the grid world as it is, to the best return that there is."""

import gymnasium as gym
import pytest

import llmenvs  # noqa: F401 (registers the environments)

sb3 = pytest.importorskip("stable_baselines3")

ENV_ID = "llmenvs/GridWorldDiscrete-v0"
BEST_RETURN = 2.0


def greedy_return(model: object, *, seed: int = 0) -> float:
    env = gym.make(ENV_ID)
    observation, _ = env.reset(seed=seed)
    total, ended = 0.0, False
    while not ended:
        action, _ = model.predict(observation, deterministic=True)  # type: ignore[attr-defined]
        observation, reward, terminated, truncated, _ = env.step(int(action))
        total += float(reward)
        ended = terminated or truncated
    return total


def test_sb3s_own_checker_passes() -> None:
    from stable_baselines3.common.env_checker import check_env

    check_env(gym.make(ENV_ID))


@pytest.mark.slow
def test_dqn_finds_the_optimum() -> None:
    model = sb3.DQN(
        "MlpPolicy",
        ENV_ID,
        learning_rate=3e-3,
        learning_starts=200,
        exploration_fraction=0.6,
        target_update_interval=200,
        train_freq=1,
        seed=0,
        device="cpu",
    )
    before = greedy_return(model)
    model.learn(6_000)

    assert before < BEST_RETURN
    assert greedy_return(model) == BEST_RETURN
