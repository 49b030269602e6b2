"""Train Stable-Baselines3's DQN in the grid world, to the best return there is, which is 2.

    pip install "llmenvs[sb3]"
    python examples/sb3_grid_world.py --steps 6000

It takes half a minute on a CPU. PPO and A2C take the environment just as well.
"""

import argparse

import gymnasium
import torch
from stable_baselines3 import DQN

import llmenvs  # noqa: F401 (registers the environments)

ENV_ID = "llmenvs/GridWorldDiscrete-v0"


def greedy_return(model: DQN) -> float:
    """Play one episode without exploring."""
    env = gymnasium.make(ENV_ID)
    observation, _ = env.reset(seed=0)
    total, ended = 0.0, False
    while not ended:
        action, _ = model.predict(observation, deterministic=True)
        observation, reward, terminated, truncated, _ = env.step(int(action))
        total, ended = total + float(reward), terminated or truncated
    return total


def main() -> None:
    """Train, and tell the greedy return."""
    torch.set_num_threads(1)  # a network this small is slower with more
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6_000)
    explore = {"exploration_fraction": 0.6, "learning_starts": 200}
    learn = {"learning_rate": 3e-3, "target_update_interval": 200, "train_freq": 1}
    model = DQN("MlpPolicy", ENV_ID, seed=0, device="cpu", **explore, **learn)
    before = greedy_return(model)
    model.learn(parser.parse_args().steps)
    print(f"return: {before:g} before, {greedy_return(model):g} after")


if __name__ == "__main__":
    main()
