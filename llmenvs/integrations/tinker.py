"""tinker-cookbook (0.6): any text environment as its `Env`, in groups.

`episode_groups` makes a builder for each episode; all environments of a group play the same one.
Actions are the ids as sampled, which are kept; the next observation begins with what was before,
so that `trajectory_to_data` makes one datum of an episode. Rewards are those of turns.

tinker-cookbook has no way to leave one sample out: an undecided episode raises `UndecidedError`,
which its rollouts take as the loss of that member of the group (``RolloutStrategy`` says whether
the others go on) and never as a reward of 0.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmenvs.env import TextEnv
from llmenvs.integrations.episodes import EpisodeSpec, draw_episodes
from llmenvs.integrations.playing import renderer_for
from llmenvs.integrations.tinker_samples import from_tinker, to_tinker
from llmenvs.integrations.versions import check_version
from llmenvs.transcript import Completion

TESTED = "0.6.1"
check_version("tinker-cookbook", tested=TESTED)

import tinker  # noqa: E402 (the message above comes first)
from tinker_cookbook.completers import TokensWithLogprobs  # noqa: E402
from tinker_cookbook.rl.types import (  # noqa: E402
    Env,
    EnvGroupBuilder,
    StepResult,
    Trajectory,
    Transition,
)

__all__ = [
    "TextEnvGroupBuilder",
    "TinkerTextEnv",
    "UndecidedError",
    "as_record",
    "as_trajectory",
    "episode_groups",
    "from_tinker",
    "to_tinker",
]


class UndecidedError(RuntimeError):
    """An episode has no score, through no fault of the policy."""


class TinkerTextEnv(Env):  # type: ignore[misc]  # tinker-cookbook is not there where mypy runs
    """One episode of a text environment, over tokens.

    Args:
        env: not reset yet.
        spec: the episode.
    """

    def __init__(self, env: TextEnv[Any], spec: EpisodeSpec) -> None:
        self._env = env
        self._spec = spec

    async def initial_observation(self) -> tuple[tinker.ModelInput, list[str] | list[int]]:
        """Return the prompt and where to stop."""
        options = {} if self._spec.task_id is None else {"task_id": self._spec.task_id}
        await asyncio.to_thread(self._env.reset, seed=self._spec.seed, options=options)
        return self._tokens(), self._stop()

    async def step(self, action: list[int], *, extra: Any = None) -> StepResult:
        """Take one turn.

        Raises:
            UndecidedError: the score of the turn could not be decided.
        """
        stops = self._env.stop_strings
        completion = Completion.from_tokens(self._env.tokenizer, action, stop_strings=stops)
        if completion.token_ids != tuple(action):  # tinker trains on all that it sampled
            completion = Completion(str(completion), token_ids=action)
        taken = await asyncio.to_thread(self._env.step, completion)
        _, reward, terminated, truncated, info = taken
        if not info["valid"]:
            raise UndecidedError(
                f"task {info['task_id']!r} could not be scored: {info['verdict'].reason}"
            )
        verdict = info.get("verdict")
        metrics = {} if verdict is None else {"success": float(bool(verdict.success))}
        return StepResult(
            reward=reward,
            episode_done=terminated or truncated,
            next_observation=self._tokens(),
            next_stop_condition=self._stop(),
            metrics={**metrics, "action_valid": float(info["action_valid"])},
        )

    def _tokens(self) -> tinker.ModelInput:
        return tinker.ModelInput.from_ints(list(self._env.transcript.token_ids))

    def _stop(self) -> list[str] | list[int]:
        if self._env.stop_strings:
            return list(self._env.stop_strings)
        end = self._env.tokenizer.end_of_turn_id
        return [] if end is None else [end]


@dataclass(frozen=True)
class TextEnvGroupBuilder(EnvGroupBuilder):  # type: ignore[misc]  # as above
    """Makes the environments of one group; pickles where the tokenizer does.

    Attributes:
        spec: the episode that all of the group play.
        group_size: how many.
        tokenizer: the policy's, of transformers; its chat template writes the messages.
    """

    spec: EpisodeSpec
    group_size: int
    tokenizer: Any

    async def make_envs(self) -> Sequence[Env]:
        """Return ``group_size`` environments.

        Raises:
            ValueError: the environment does not exist, or a chat template that cannot be used.
        """
        renderer = renderer_for(self.tokenizer)
        envs = [self.spec.make(renderer=renderer) for _ in range(self.group_size)]
        return [TinkerTextEnv(env, self.spec) for env in envs]

    def logging_tags(self) -> list[str]:
        """Return the environment's id, under which tinker-cookbook logs."""
        return [self.spec.env_id]


def episode_groups(
    env_id: str,
    *,
    tokenizer: Any,
    num_groups: int,
    group_size: int,
    seed: int = 0,
    env_options: Mapping[str, Any] | None = None,
) -> list[TextEnvGroupBuilder]:
    """Return one builder for each episode.

    Args:
        env_id: of a `TextEnv`.
        tokenizer: the policy's, of transformers.
        num_groups: episodes, at least 1.
        group_size: samples of each, at least 1.
        seed: another seed draws other episodes.
        env_options: of the environment's constructor, JSON-ready.

    Raises:
        ValueError: there is no such environment, a number is below 1, or a chat template cannot be
            used.
    """
    if group_size < 1:
        raise ValueError(f"group_size must be at least 1, got {group_size}")
    renderer_for(tokenizer)  # a template that cannot be used is refused before training starts
    episodes = draw_episodes(env_id, num_episodes=num_groups, seed=seed, env_options=env_options)
    return [TextEnvGroupBuilder(episode.spec, group_size, tokenizer) for episode in episodes]


def as_trajectory(record: Mapping[str, Any]) -> Trajectory:
    """Return tinker-cookbook's trajectory of `to_tinker`'s record."""
    transitions = [
        Transition(
            ob=tinker.ModelInput.from_ints(transition["ob"]),
            ac=TokensWithLogprobs(**transition["ac"]),
            reward=transition["reward"],
            episode_done=transition["episode_done"],
        )
        for transition in record["transitions"]
    ]
    final = tinker.ModelInput.from_ints(record["final_ob"])
    return Trajectory(transitions, final, record["stop_reason"])


def as_record(trajectory: Trajectory) -> dict[str, Any]:
    """Return the record that `from_tinker` takes of tinker-cookbook's own trajectory."""
    transitions = [
        {
            "ob": transition.ob.to_ints(),
            "ac": {
                "tokens": list(transition.ac.tokens),
                "maybe_logprobs": transition.ac.maybe_logprobs,
            },
            "reward": transition.reward,
            "episode_done": transition.episode_done,
        }
        for transition in trajectory.transitions
    ]
    return {
        "transitions": transitions,
        "final_ob": trajectory.final_ob.to_ints(),
        "stop_reason": trajectory.stop_reason,
    }
