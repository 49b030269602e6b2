"""The episodes of a rollout, their environments here or on a Ray cluster."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import gymnasium as gym

from llmenvs.running_episode import Episode, RolloutLimits, running_episodes

Engine = Literal["local", "ray"]
"""Where environments are: in this process, or in actors of a Ray cluster."""


@contextmanager
def episodes_on(
    engine: Engine,
    envs: Sequence[gym.Env[str, str]],
    *,
    ray_address: str | None,
    seeds: Sequence[int],
    task_ids: Sequence[str | None] | None,
    numbers: Sequence[int] | None,
    sampling_seed: int,
    limits: RolloutLimits,
) -> Iterator[Sequence[Episode]]:
    """Yield the episodes of a rollout, not begun; the arguments are those of `rollout`.

    Raises:
        ValueError: an unknown engine, ``ray_address`` without Ray, or as `running_episodes`.
        ClusterError, ModuleNotFoundError: see `ray_cluster`.
    """
    if engine not in ("local", "ray"):
        raise ValueError(f"engine must be 'local' or 'ray', got {engine!r}")
    if engine == "local":
        if ray_address is not None:
            raise ValueError(f"ray_address goes with engine='ray' alone, got {ray_address!r}")
        yield running_episodes(
            envs,
            seeds=seeds,
            task_ids=task_ids,
            numbers=numbers,
            sampling_seed=sampling_seed,
            limits=limits,
        )
        return
    from llmenvs.engines.ray_rollout import remote_episodes  # needed with Ray alone

    with remote_episodes(
        envs,
        address=ray_address,
        seeds=seeds,
        task_ids=task_ids,
        numbers=numbers,
        sampling_seed=sampling_seed,
        limits=limits,
    ) as episodes:
        yield episodes
