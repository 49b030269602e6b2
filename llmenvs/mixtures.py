"""`mixture`: several environments as one, each episode played in one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.lookups import Lookup
from llmenvs.policy import FunctionPolicy, Policy, Prompt, ToolSchema
from llmenvs.renderers import Renderer
from llmenvs.tasks import Task, hash_of


def mixture(
    weights: Mapping[str, float],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    tokenizer: Any = None,
    renderer: Renderer | None = None,
) -> "MixtureEnv":
    """Return an environment that draws one of several for each episode.

    Args:
        weights: by environment id, above 0; they need not sum to 1.
        options: by environment id, what its constructor takes.
        tokenizer: of all of them, see `TextEnv`.
        renderer: of all of them, see `TextEnv`.

    Raises:
        ValueError: no weights, one that is not above 0, or options for another environment.

    >>> env = mixture({"llmenvs/MathAnswer-v0": 0.7, "llmenvs/GridWorld-v0": 0.3})
    >>> {env.reset(seed=seed)[1]["task_id"].partition(":")[0] for seed in range(20)} == {
    ...     "llmenvs/MathAnswer-v0", "llmenvs/GridWorld-v0"}
    True
    """
    chosen = options or {}
    unknown = set(chosen) - set(weights)
    if unknown:
        raise ValueError(f"options are for environments of the mixture, got {sorted(unknown)}")
    envs = {env_id: gym.make(env_id, **chosen.get(env_id, {})).unwrapped for env_id in weights}
    return MixtureEnv(envs, weights, tokenizer=tokenizer, renderer=renderer)


@dataclass(frozen=True, slots=True)
class MixedState:
    """Which environment the episode is played in, and where it stands there."""

    env_id: str
    state: Any


class MixtureEnv(TextEnv[MixedState]):
    """Each episode is one of an environment drawn by weight; see there for everything else.

    A task's id is that of the environment and the one in it, ``llmenvs/GridWorld-v0:series-4x4``.

    Args:
        envs: by id.
        weights: by id, above 0.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
    """

    def __init__(
        self,
        envs: Mapping[str, Any],
        weights: Mapping[str, float],
        *,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
    ) -> None:
        for env_id, env in envs.items():
            if not isinstance(env, TextEnv):
                raise ValueError(f"{env_id} must be a TextEnv, got {type(env).__name__}")
        super().__init__(tasks=MixedTasks.of(envs, weights), tokenizer=tokenizer, renderer=renderer)
        self.envs: dict[str, TextEnv[Any]] = dict(envs)

    @property
    def current(self) -> TextEnv[Any]:
        """The environment of this episode; the first one before any episode."""
        env_id = next(iter(self.envs)) if self._state is None else self._state.env_id
        return self.envs[env_id]

    @property
    def stop_strings(self) -> tuple[str, ...]:  # type: ignore[override]  # follows the episode
        """Those of this episode's environment."""
        return self.current.stop_strings

    @property
    def cuts_at_stop(self) -> bool:  # type: ignore[override]  # follows the episode
        """Whether this episode's environment does."""
        return self.current.cuts_at_stop

    @property
    def blocking(self) -> bool:  # type: ignore[override]  # any of them may
        """Whether a step of any of them may wait."""
        return any(env.blocking for env in self.envs.values())

    def tools_of(self, task: Task) -> Sequence[ToolSchema]:
        """Return those of the task in its environment."""
        return self.envs[task["env_id"]].tools_of(task["task"])

    def begin_episode(self, task: Task) -> Opening[MixedState]:
        """Begin an episode of the task's environment, with this one's randomness."""
        env = self.envs[task["env_id"]]
        env.np_random = self.np_random
        opening = env.begin_episode(task["task"])
        return Opening(MixedState(task["env_id"], opening.state), opening.messages)

    def take_turn(self, state: MixedState, action: str) -> Turn[MixedState]:
        """Take the turn in the episode's environment."""
        env = self.envs[state.env_id]
        env.np_random = self.np_random
        turn = env.take_turn(state.state, action)
        return Turn(MixedState(state.env_id, turn.state), *turn[1:])

    def plan_lookup(self, state: MixedState, action: str) -> Lookup | None:
        """Plan what the episode's environment will ask."""
        return self.envs[state.env_id].plan_lookup(state.state, action)

    def state_info(self, state: MixedState) -> Mapping[str, Any]:
        """Return what the info of the episode's environment holds."""
        return self.envs[state.env_id].state_info(state.state)

    def scripted_policies(self) -> dict[str, Policy]:
        """Return the three policies, each that of the environment whose prompt it can read."""
        return {name: FunctionPolicy(self._script(name)) for name in ("oracle", "random", "noop")}

    def _script(self, name: str) -> Any:
        scripts = [env.scripted_policies() for env in self.envs.values()]

        def act(prompt: Prompt) -> str:
            for policies in scripts:
                try:
                    policies["oracle"].act([prompt])  # an oracle refuses what it cannot read
                    return policies[name].act([prompt])[0]
                except ValueError:
                    continue
            raise ValueError(f"no oracle of {list(self.envs)} can read {prompt.text[:200]!r}")

        return act


@dataclass(frozen=True, slots=True)
class MixedTasks:
    """A task source over those of several environments.

    Attributes:
        sources: by environment id.
        shares: of each, in the order of ``sources``, with a sum of 1.
    """

    sources: Mapping[str, Any]
    shares: Sequence[float]

    @classmethod
    def of(cls, envs: Mapping[str, TextEnv[Any]], weights: Mapping[str, float]) -> "MixedTasks":
        """Build it, checking the weights."""
        if not envs or set(envs) != set(weights) or min(weights.values()) <= 0.0:
            raise ValueError(f"weights must be above 0, one for each environment, got {weights}")
        total = sum(weights.values())
        return cls(
            {env_id: env.tasks for env_id, env in envs.items()},
            tuple(weights[env_id] / total for env_id in envs),
        )

    @property
    def content_hash(self) -> str:
        """Of the sources' hashes and the shares."""
        hashes = [[env_id, source.content_hash] for env_id, source in self.sources.items()]
        return hash_of([hashes, list(self.shares)])

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw an environment by its share, and a task of it."""
        env_id = list(self.sources)[int(rng.choice(len(self.shares), p=self.shares))]
        return _mixed(env_id, self.sources[env_id].sample(rng))

    def find(self, task_id: str) -> Task:
        """Return the task of that id, or raise a ValueError."""
        for env_id, source in self.sources.items():
            if str(task_id).startswith(f"{env_id}:"):
                return _mixed(env_id, source.find(task_id[len(env_id) + 1 :]))
        raise ValueError(
            f"no task has the id {task_id!r}; ids are ENV_ID:TASK_ID with {list(self.sources)}"
        )


def _mixed(env_id: str, task: Task) -> Task:
    return {"task_id": f"{env_id}:{task['task_id']}", "env_id": env_id, "task": task}
