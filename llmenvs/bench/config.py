"""What a benchmark run is: `BenchConfig`, and the suite files that say it.

A suite is a TOML file, such as the bundled ``suites/tools.toml``::

    seed = 0
    episodes = 100            # of each environment, or "all": each of its tasks once
    samples = 4

    [[environments]]
    id = "llmenvs/ToolCall-v0"
    episodes = "all"
    options = {tasks = "bundled:test"}
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmenvs.bench.endpoint_config import EndpointConfig
from llmenvs.running_episode import DEFAULT_LIMITS, RolloutLimits

ALL_TASKS = "all"
_SUITE_KEYS = {"seed", "episodes", "samples", "environments"}
_ENV_KEYS = {"id", "options", "episodes", "samples"}


@dataclass(frozen=True, slots=True)
class EnvPlan:
    """What is played of one environment.

    Attributes:
        env_id: as registered with Gymnasium.
        options: what its constructor takes; ``tasks`` may be a name, see `task_options`.
        episodes: how many, at least 1; None plays each of its tasks once.
        samples: of each episode's task, at least 1.
    """

    env_id: str
    options: Mapping[str, Any] = field(default_factory=dict)
    episodes: int | None = 100
    samples: int = 1

    def __post_init__(self) -> None:
        if (self.episodes is not None and self.episodes < 1) or self.samples < 1:
            raise ValueError(
                "episodes and samples must be at least 1, "
                f"got {self.episodes} and {self.samples} for {self.env_id!r}"
            )


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """What is run.

    Attributes:
        plans: of the environments, at least one, each environment once.
        policy: see `open_policy`.
        seed: of tasks and sampling.
        concurrency: episodes at once, at least 1.
        limits: of a rollout.
        endpoint: with the policy ``openai`` alone.
        model: with the policy ``hf``: a folder, or a name that ``transformers`` knows.
        temperature: of the policy ``hf``.
        chat: whether the policy ``hf`` reads its chat template rather than plain text.
        price_in: of a million prompt tokens, in any currency; None for no cost.
        price_out: of a million completion tokens.
    """

    plans: Sequence[EnvPlan]
    policy: str
    seed: int = 0
    concurrency: int = 16
    limits: RolloutLimits = DEFAULT_LIMITS
    endpoint: EndpointConfig | None = None
    model: str | None = None
    temperature: float = 1.0
    chat: bool = False
    price_in: float | None = None
    price_out: float | None = None

    def __post_init__(self) -> None:
        env_ids = [plan.env_id for plan in self.plans]
        if not env_ids or len(set(env_ids)) != len(env_ids):
            raise ValueError(f"env must be at least one, each once, got {env_ids}")
        if self.concurrency < 1 or self.seed < 0:
            raise ValueError(
                "concurrency must be at least 1 and seed at least 0, "
                f"got {self.concurrency} and {self.seed}"
            )
        if (self.policy == "openai") != (self.endpoint is not None):
            raise ValueError("policy 'openai', and it alone, needs base_url and model")
        if self.model is not None and self.policy not in ("openai", "hf"):
            raise ValueError(f"model goes with the policies openai and hf, got {self.policy!r}")
        if self.policy == "hf" and self.model is None:
            raise ValueError("policy 'hf' needs model")

    def identity(self, dataset_hashes: Mapping[str, str]) -> dict[str, Any]:
        """Return what decides each episode: two runs that agree in it may share a folder.

        Args:
            dataset_hashes: of each environment's tasks.
        """
        asked = self.endpoint
        return {
            "envs": [plan.env_id for plan in self.plans],
            "env_options": {plan.env_id: dict(plan.options) for plan in self.plans},
            "dataset_hashes": dict(dataset_hashes),
            "every_task": [plan.env_id for plan in self.plans if plan.episodes is None],
            "policy": self.policy,
            "model": self.model if asked is None else asked.model,
            "endpoint": None if asked is None else asked.identity,
            "temperature": self.temperature if self.policy == "hf" else None,
            "chat": self.chat,
            "seed": self.seed,
            "max_new_tokens": self.limits.max_new_tokens,
            "max_episode_tokens": self.limits.max_episode_tokens,
        }


@dataclass(frozen=True, slots=True)
class Suite:
    """What a suite file says.

    Attributes:
        plans: of its environments.
        seed: of the run.
    """

    plans: tuple[EnvPlan, ...]
    seed: int


def read_suite(path: Path) -> Suite:
    """Read a suite file; see the module.

    Raises:
        ValueError: it is no suite; the message names file and key.
        OSError: it cannot be read.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    _check_keys(content, _SUITE_KEYS, str(path))
    environments = content.get("environments")
    if not isinstance(environments, list) or not environments:
        raise ValueError(f"{path}: there must be at least one [[environments]]")
    plans = []
    for index, row in enumerate(environments):
        place = f"{path}: environments[{index}]"
        _check_keys(row, _ENV_KEYS, place)
        if not isinstance(row.get("id"), str):
            raise ValueError(f"{place}.id must be an environment's id, got {row.get('id')!r}")
        options = row.get("options", {})
        if not isinstance(options, dict):
            raise ValueError(f"{place}.options must be a table, got {options!r}")
        plans.append(
            EnvPlan(
                row["id"],
                options,
                as_episodes(row.get("episodes", content.get("episodes", 100)), f"{place}.episodes"),
                _integer(row.get("samples", content.get("samples", 1)), f"{place}.samples"),
            )
        )
    return Suite(tuple(plans), _integer(content.get("seed", 0), f"{path}: seed"))


def as_episodes(value: Any, place: str) -> int | None:
    """Return a number of episodes, or None for ``"all"``.

    Raises:
        ValueError: it is neither.
    """
    return None if value == ALL_TASKS else _integer(value, place)


def _integer(value: Any, place: str) -> int:
    if type(value) is not int:
        raise ValueError(f"{place} must be a whole number, got {value!r}")
    return value


def _check_keys(row: Any, known: set[str], place: str) -> None:
    if not isinstance(row, dict):
        raise ValueError(f"{place} must be a table, got {row!r}")
    unknown = sorted(set(row) - known)
    if unknown:
        raise ValueError(f"{place}: unknown {unknown}; there are {sorted(known)}")
