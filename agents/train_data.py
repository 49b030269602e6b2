"""The episodes that an algorithm without rollouts of its own learns from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.preference_pairs import is_solved
from llmenvs.agents.run_folder import RunFolder
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.trajectory_files import read_trajectories
from llmenvs.bench.records import write_trajectories
from llmenvs.env import TextEnv
from llmenvs.policy import Policy
from llmenvs.rollout import rollout
from llmenvs.trajectory import Trajectory

_STREAM = 0xDA7A  # apart from the streams of the iterations, which count from 0


def given_episodes(
    config: TrainConfig,
    envs: Sequence[TextEnv[Any]],
    policy: TransformerPolicy,
    folder: RunFolder,
) -> list[Trajectory]:
    """Return the episodes, played once for a run and kept in its folder from then on.

    Raises:
        ValueError: there is no such policy or file, or nothing is left of the episodes.
    """
    if not folder.data.exists():
        episodes = _episodes(config, envs, policy)
        unfinished = folder.data.with_name(folder.data.name + ".tmp")
        unfinished.unlink(missing_ok=True)
        write_trajectories(unfinished, episodes)
        unfinished.replace(folder.data)
    episodes = read_trajectories(folder.data)
    return [t for t in episodes if is_solved(t)] if config.solved_only else episodes


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
