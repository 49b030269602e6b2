"""SkyRL-Gym 0.4: our environments under SkyRL's registry, played by its own generator.

SkyRL tokenizes, samples and masks by itself; the environment sees texts. It has no seed and no
``truncated``, so that both travel beside: the seed in the row (``extras``), the end in
``metadata``. It has no place for a sample without a score either; see `register_skyrl`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import skyrl_gym  # type: ignore[import-untyped]  # it has no type information
from skyrl_gym.envs.base_text_env import (  # type: ignore[import-untyped]  # likewise
    BaseTextEnv,
    BaseTextEnvStepOutput,
)

from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env
from llmenvs.integrations.skyrl_samples import from_skyrl, leave_out_undecided, to_skyrl
from llmenvs.integrations.versions import check_version

__all__ = [
    "SkyRLEnv",
    "UndecidedError",
    "from_skyrl",
    "leave_out_undecided",
    "prompt_rows",
    "register_skyrl",
    "to_skyrl",
]

TESTED = "0.4.0"
OnUndecided = Literal["raise", "mark"]


class UndecidedError(RuntimeError):
    """An episode has no score, through no fault of the policy."""


class SkyRLEnv(BaseTextEnv):  # type: ignore[misc]  # it has no type information
    """One episode; `register_skyrl` makes a subclass for each environment.

    Rows hold ``seed``, and ``task_id`` where the seed shall not draw the task. ``init`` returns the
    environment's own messages, whatever prompt the row has.

    Metadata: ``terminated``, ``truncated``, ``valid``, ``action_valid``, ``task_id``.
    """

    env_id: ClassVar[str] = ""
    env_options: ClassVar[Mapping[str, Any]] = {}
    on_undecided: ClassVar[OnUndecided] = "raise"

    def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        extras = extras or {}
        if extras.get("seed") is None:
            raise ValueError(
                "a row must have the field seed, by which all samples of a group play the same "
                f"episode: make rows by prompt_rows(env_id), got {sorted(extras)}"
            )
        self.max_turns: int | None = extras.get("max_turns")
        self._seed = int(extras["seed"])
        self._task_id = extras.get("task_id")
        self._env: TextEnv[Any] = make_text_env(self.env_id, **self.env_options)
        self._info: dict[str, Any] = {"valid": True}
        self._truncated = False

    def init(self, prompt: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Start the episode and return its messages."""
        options = {} if self._task_id is None else {"task_id": self._task_id}
        _, self._info = self._env.reset(seed=self._seed, options=options)
        messages = [dict(message) for message in self._env.transcript.messages]
        return messages, {"task_id": self._info["task_id"], "stop_strings": self._env.stop_strings}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Take a turn; the episode ends at SkyRL's ``max_turns`` as well."""
        observation, reward, terminated, truncated, self._info = self._env.step(action)
        self.turns += 1
        cut = self.max_turns is not None and self.turns >= self.max_turns
        self._truncated = truncated or (cut and not terminated)
        if not self._info["valid"] and self.on_undecided == "raise":
            raise UndecidedError(
                f"task {self._info['task_id']!r} could not be scored: "
                f"{self._info['verdict'].reason}; register with on_undecided='mark' and call "
                "leave_out_undecided in your generator to train without such samples"
            )
        done = terminated or self._truncated
        role = self._env.transcript.messages[-1]["role"]
        return BaseTextEnvStepOutput(
            observations=[] if done else [{"role": role, "content": observation}],
            reward=float(reward),
            done=done,
            metadata={
                "terminated": terminated,
                "truncated": self._truncated,
                "valid": self._info["valid"],
                "action_valid": self._info["action_valid"],
                "task_id": self._info["task_id"],
            },
        )

    def get_metrics(self) -> dict[str, Any]:
        """Return what SkyRL averages: turns, truncated, valid, and the verdict's success."""
        verdict = self._info.get("verdict")
        metrics: dict[str, Any] = {
            "turns": self.turns,
            "truncated": float(self._truncated),
            "valid": float(self._info["valid"]),
        }
        if verdict is not None and verdict.success is not None:
            metrics["success"] = float(verdict.success)
        return metrics

    def close(self) -> None:
        """Close the environment."""
        self._env.close()


def register_skyrl(
    env_id: str,
    *,
    name: str | None = None,
    on_undecided: OnUndecided = "raise",
    env_options: Mapping[str, Any] | None = None,
) -> str:
    """Register an environment with SkyRL and return its ``env_class``.

    Call it in the process that builds the generator. Rewards are those of turns, which SkyRL puts
    on tokens. A score that is undecided has no place in SkyRL: ``"raise"`` stops the training;
    ``"mark"`` gives 0.0 with the metric ``valid`` 0.0, and is right only where the generator calls
    `leave_out_undecided`.

    Args:
        env_id: of a `TextEnv`.
        name: the ``env_class``; by default ``llmenvs-`` and the environment's name.
        on_undecided: ``"raise"`` or ``"mark"``.
        env_options: of the environment's constructor.

    Raises:
        ValueError: there is no such environment, the name is taken, or ``on_undecided`` is neither.

    >>> register_skyrl("llmenvs/GridWorld-v0", name="grid-of-the-doctest")
    'grid-of-the-doctest'
    """
    check_version("skyrl-gym", tested=TESTED, extra="skyrl")
    if on_undecided not in ("raise", "mark"):
        raise ValueError(f"on_undecided must be 'raise' or 'mark', got {on_undecided!r}")
    options = dict(env_options or {})
    make_text_env(env_id, **options)
    env_class = name or f"llmenvs-{env_id.rpartition('/')[2]}"
    if env_class in skyrl_gym.envs.registration.registry:
        raise ValueError(f"SkyRL has an environment {env_class!r} already: pass another name=")
    members = {"env_id": env_id, "env_options": options, "on_undecided": on_undecided}
    skyrl_gym.register(id=env_class, entry_point=type("SkyRLEnv", (SkyRLEnv,), members))
    return env_class


def prompt_rows(
    env_id: str,
    *,
    env_class: str,
    num_prompts: int,
    seed: int = 0,
    env_options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return rows of SkyRL's data set, to be written with ``pandas.DataFrame(rows).to_parquet``.

    Args:
        env_id: of a `TextEnv`.
        env_class: what `register_skyrl` returned.
        num_prompts: at least 1.
        seed: another seed draws other episodes.
        env_options: of the environment's constructor.

    Raises:
        ValueError: there is no such environment, or no prompt is asked for.
    """
    if num_prompts < 1:
        raise ValueError(f"num_prompts must be at least 1, got {num_prompts}")
    env = make_text_env(env_id, **(env_options or {}))
    rows = []
    for index in range(num_prompts):
        episode_seed = int(np.random.default_rng([seed, index]).integers(2**31))
        _, info = env.reset(seed=episode_seed)
        row = {
            "prompt": [dict(message) for message in env.transcript.messages],
            "env_class": env_class,
            "reward_spec": {"method": "rule", "ground_truth": ""},  # SkyRL's convention
            "task_id": info["task_id"],
            "seed": episode_seed,
        }
        rows.append(row)
    return rows
