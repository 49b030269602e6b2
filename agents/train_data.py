"""The episodes that an algorithm without rollouts of its own learns from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.trajectory_files import read_trajectories
from llmenvs.bench.metrics import is_solved
from llmenvs.env import TextEnv
from llmenvs.policy import Policy
from llmenvs.rollout import rollout
from llmenvs.trajectory import Trajectory

_STREAM = 0xDA7A  # apart from the streams of the iterations, which count from 0


def given_episodes(
    config: TrainConfig,
    envs: Sequence[TextEnv[Any]],
    policy: TransformerPolicy,
) -> list[Trajectory]:
    """Return the episodes that ``config.data`` names, of a file or played now.

    Raises:
        ValueError: there is no such policy or file, or none of the episodes was solved where only
            such count.
    """
    episodes = _episodes(config, envs, policy)
    if not config.solved_only:
        return episodes
    solved = [trajectory for trajectory in episodes if is_solved(trajectory)]
    if not solved:
        raise ValueError(f"data {config.data!r} has no solved episode among {len(episodes)}")
    return solved


def _episodes(
    config: TrainConfig, envs: Sequence[TextEnv[Any]], policy: TransformerPolicy
) -> list[Trajectory]:
    scripted = envs[0].scripted_policies()
    if config.data not in ("policy", *scripted):
        if not Path(config.data).is_file():
            raise ValueError(
                f"data must be policy, {', '.join(scripted)} or a file, got {config.data!r}"
            )
        return read_trajectories(Path(config.data))
    player: Policy = policy
    if config.data != "policy":
        player = scripted[config.data]
    rng = np.random.default_rng([config.seed, _STREAM])
    seeds = rng.integers(2**31, size=config.data_episodes).tolist()
    return rollout(envs, player, seeds=seeds, sampling_seed=int(rng.integers(2**31)))
