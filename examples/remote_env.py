"""Serve an environment, and play it over HTTP as if it were here.

    python examples/remote_env.py

The server is started here so that the example is whole; it may as well run on another machine, with
``--host`` and a token. The policy's tokens and the mask stay on this side of the wire.
"""

import argparse
import re
import subprocess
import sys

import llmenvs
from llmenvs.serving import RemoteEnv

ENV_ID = "llmenvs/GridWorld-v0"


def play(base_url: str, *, episodes: int, num_envs: int) -> float:
    """Play with the oracle, several episodes at once, and return the mean reward."""
    envs = [RemoteEnv(base_url, ENV_ID) for _ in range(num_envs)]
    try:
        oracle = envs[0].scripted_policies()["oracle"]  # put your own policy here
        trajectories = llmenvs.rollout(envs, oracle, seeds=range(episodes))
    finally:
        for env in envs:
            env.close()
    first = trajectories[0]
    print(f"{first.generated_mask.sum()} of {len(first.token_ids)} tokens of the first are sampled")
    return sum(trajectory.total_reward for trajectory in trajectories) / episodes


def main() -> None:
    """Start a server on a free port, play, and stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--num-envs", type=int, default=4)
    args = parser.parse_args()
    command = [sys.executable, "-u", "-m", "llmenvs.cli", "serve", "env", ENV_ID]
    server = subprocess.Popen(
        [*command, "--port", "0", "--scripted-policies"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        said = re.search(r"http://\S+", server.stdout.readline())
        if said is None:
            raise RuntimeError("the server did not start")
        reward = play(said[0], episodes=args.episodes, num_envs=args.num_envs)
        print(f"mean reward of {args.episodes} episodes: {reward:.2f}")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
