"""`EpisodeSpec`: which episode a row of a trainer's data set stands for, and an environment for it.

Trainers hand a row of their data set to whatever plays it, each under another name. So a row holds
the whole episode but for the policy: the environment's id and options, the task and the seed.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env
from llmenvs.renderers import Renderer
from llmenvs.transcript import Message


@dataclass(frozen=True, slots=True)
class EpisodeSpec:
    """What decides an episode but for the policy.

    Attributes:
        env_id: of a `TextEnv`.
        task_id: of the task; None lets the seed draw it.
        seed: of the reset. All samples of a group share it.
        env_options: of the environment's constructor, JSON-ready.
    """

    env_id: str
    task_id: str | None = None
    seed: int = 0
    env_options: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads, all of it JSON-ready."""
        return {
            "env_id": self.env_id,
            "task_id": self.task_id,
            "seed": self.seed,
            "env_options": json.dumps(self.env_options),  # Parquet has no dict without a schema
        }

    @classmethod
    def from_dict(cls, record: Any, *, column: str) -> "EpisodeSpec":
        """Return the episode in a record of `to_dict`; what it holds besides is left alone.

        Args:
            record: from the trainer.
            column: what the trainer calls it, for the message.

        Raises:
            ValueError: it names no environment, or holds something of another type.

        >>> EpisodeSpec.from_dict({"env_id": "llmenvs/GridWorld-v0", "seed": 3}, column="label")
        EpisodeSpec(env_id='llmenvs/GridWorld-v0', task_id=None, seed=3, env_options={})
        """
        if not isinstance(record, Mapping) or not isinstance(record.get("env_id"), str):
            raise ValueError(
                f"{column} must hold env_id, task_id and seed of an episode, got {record!r:.200}: "
                "make the data set by this integration's function for it"
            )
        options = record.get("env_options") or {}
        try:
            task_id, seed = record.get("task_id"), int(record.get("seed") or 0)
            options = json.loads(options) if isinstance(options, str) else dict(options)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"seed must be a number and env_options JSON in {column}, "
                f"got {record.get('seed')!r} and {options!r:.200}"
            ) from error
        return cls(record["env_id"], None if task_id is None else str(task_id), seed, options)

    def make(self, *, renderer: Renderer | None = None) -> TextEnv[Any]:
        """Return an environment for this episode, which has yet to be reset.

        Raises:
            ValueError: it cannot be made; the message says why.
        """
        own = {} if renderer is None else {"renderer": renderer}
        return make_text_env(self.env_id, **{**self.env_options, **own})


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode of a data set, with what its row needs besides.

    Attributes:
        spec: what decides it.
        messages: with which it starts.
        task: the fields of its task.
    """

    spec: EpisodeSpec
    messages: tuple[Message, ...]
    task: Mapping[str, Any]


def draw_episodes(
    env_id: str,
    *,
    num_episodes: int,
    seed: int = 0,
    env_options: Mapping[str, Any] | None = None,
) -> list[Episode]:
    """Draw the episodes of a data set.

    Args:
        env_id: of a `TextEnv`.
        num_episodes: at least 1.
        seed: another seed draws other episodes.
        env_options: of the environment's constructor, JSON-ready.

    Raises:
        ValueError: there is no such environment, options that are no JSON, or no episodes.

    >>> first, _ = draw_episodes("llmenvs/GridWorld-v0", num_episodes=2)
    >>> first.spec.task_id, first.messages[0]["role"]
    ('series-4x4', 'user')
    """
    if num_episodes < 1:
        raise ValueError(f"num_episodes must be at least 1, got {num_episodes}")
    options = dict(env_options or {})
    try:
        json.dumps(options)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"env_options must be JSON-ready, since a data set keeps them: {error}"
        ) from error
    env = make_text_env(env_id, **options)
    return [_draw(env, env_id, seed, index, options) for index in range(num_episodes)]


class EnvPool:
    """Environments to borrow, kept for the next episode of the same kind; used by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: dict[tuple[Any, ...], list[TextEnv[Any]]] = {}

    @contextmanager
    def borrow(
        self, spec: EpisodeSpec, *, renderer: Renderer | None = None
    ) -> Iterator[TextEnv[Any]]:
        """Lend the environment of ``spec`` to one episode, which has yet to reset it.

        Raises:
            ValueError: it cannot be made; the message says why.
        """
        key = (spec.env_id, json.dumps(spec.env_options, sort_keys=True), id(renderer))
        with self._lock:
            free = self._free.setdefault(key, [])
            env = free.pop() if free else None
        if env is None:
            env = spec.make(renderer=renderer)
        try:
            yield env
        finally:
            with self._lock:
                self._free[key].append(env)


def _draw(
    env: TextEnv[Any], env_id: str, seed: int, index: int, options: Mapping[str, Any]
) -> Episode:
    episode_seed = int(np.random.default_rng([seed, index]).integers(2**31))
    _, info = env.reset(seed=episode_seed)
    spec = EpisodeSpec(env_id, info["task_id"], episode_seed, options)
    return Episode(spec, tuple(env.transcript.messages), env.tasks.find(info["task_id"]))
