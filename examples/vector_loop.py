"""Train in plain Gymnasium vector environments, with a loop in the style of CleanRL.

    pip install llmenvs
    python examples/vector_loop.py --iterations 150

A softmax over a table of 16 cells learns by REINFORCE with a baseline; it takes seconds, and the
return from the start goes to 2, the best there is. The autoreset mode is SAME_STEP, in which each
step of the loop is one of an episode; Gymnasium's default puts a step without reward between two
episodes. RLlib and other libraries that make environments by id take them in the same way.
"""

import argparse

import gymnasium as gym
import numpy as np

import llmenvs  # noqa: F401 (registers the environments)

NUM_ENVS, NUM_STEPS, LEARNING_RATE = 32, 64, 0.5


def main() -> None:
    """Train, and tell the mean return."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=150)
    same_step = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
    envs = gym.make_vec(
        "llmenvs/GridWorldDiscrete-v0", NUM_ENVS, random_start=True, vector_kwargs=same_step
    )
    rng = np.random.default_rng(0)
    logits = np.zeros((envs.single_observation_space.n, envs.single_action_space.n))
    cells, _ = envs.reset(seed=0)
    iterations = parser.parse_args().iterations
    for iteration in range(iterations):
        visited, taken, rewards, ended = [], [], [], []
        for _ in range(NUM_STEPS):
            actions = np.argmax(logits[cells] + rng.gumbel(size=(NUM_ENVS, 4)), axis=1)
            visited.append(cells)
            taken.append(actions)
            cells, reward, terminated, truncated, _ = envs.step(actions)
            rewards.append(reward)
            ended.append(terminated | truncated)
        returns, following = np.zeros((NUM_STEPS, NUM_ENVS)), np.zeros(NUM_ENVS)
        for step in reversed(range(NUM_STEPS)):
            following = rewards[step] + np.where(ended[step], 0.0, following)
            returns[step] = following
        whole = (
            np.cumsum(np.array(ended)[::-1], axis=0)[::-1] > 0
        )  # of episodes that came to an end
        at, did, gained = np.array(visited)[whole], np.array(taken)[whole], returns[whole]
        baseline = np.bincount(at, gained, 16) / np.maximum(np.bincount(at, minlength=16), 1)
        odds = np.exp(logits[at] - logits[at].max(axis=1, keepdims=True))
        step = np.eye(4)[did] - odds / odds.sum(axis=1, keepdims=True)
        np.add.at(logits, at, LEARNING_RATE * step * (gained - baseline[at])[:, None] / NUM_ENVS)
        if iteration % 25 == 0 or iteration + 1 == iterations:
            print(f"iteration {iteration}: mean return from the start {gained[at == 0].mean():.2f}")


if __name__ == "__main__":
    main()
