"""Prime Intellect's verifiers (0.4, its v1 interface): a taskset and an environment of many turns.

verifiers finds a taskset in a module without dots in its name, so a user's module imports both
from here, names them in its ``__all__``, and is evaluated with

    vf-eval MODULE --env.taskset.env-id llmenvs/GridWorld-v0 --env.player.harness.id null

The reward of a trace is the sum over turns. verifiers counts a missing reward as 0.0, so that an
undecided episode raises `UndecidedError`: an errored rollout, which its trainer leaves out. It
keeps the tokens itself, where its training client samples; the environment is told text alone.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from llmenvs.integrations.episodes import EnvPool, EpisodeSpec, draw_episodes
from llmenvs.integrations.prime_samples import REWARD, from_verifiers, to_verifiers
from llmenvs.integrations.versions import check_version

TESTED = "0.4.0"
check_version("verifiers", tested=TESTED)

import verifiers.v1 as vf  # noqa: E402, TID251 (theirs; the message above comes first)

__all__ = [
    "TextEpisodes",
    "TextTaskset",
    "UndecidedError",
    "from_verifiers",
    "to_verifiers",
]

_POOL = EnvPool()  # verifiers makes an environment for each run, and loads it from its config


class UndecidedError(RuntimeError):
    """An episode has no score, through no fault of the policy."""


class TextTaskData(vf.TaskData):  # type: ignore[misc]  # verifiers is not there where mypy runs
    """Which episode it is, beside the prompt."""

    env_id: str
    task_id: str | None
    seed: int
    env_options: str


class TextTask(vf.Task[TextTaskData]):  # type: ignore[misc]  # as above
    """One episode."""


class TextTasksetConfig(vf.TasksetConfig):  # type: ignore[misc]  # as above
    """Under ``--env.taskset``: the environment and which episodes of it.

    Attributes:
        env_id: of a `TextEnv`.
        env_options: of its constructor, as JSON.
        num_tasks: episodes.
        seed: another seed draws other episodes.
    """

    env_id: str = "llmenvs/MathAnswer-v0"
    env_options: str = "{}"
    num_tasks: int = 100
    seed: int = 0


class TextTaskset(vf.Taskset[TextTask, TextTasksetConfig]):  # type: ignore[misc]  # as above
    """The episodes of an environment."""

    def load(self) -> Iterator[TextTask]:
        """Return the tasks.

        Raises:
            ValueError: there is no such environment, options that are no JSON, or no tasks.
        """
        config = self.config
        try:
            options = json.loads(config.env_options)
        except ValueError as error:
            raise ValueError(
                f"env_options must be JSON, got {config.env_options!r}: {error}"
            ) from error
        episodes = draw_episodes(
            config.env_id, num_episodes=config.num_tasks, seed=config.seed, env_options=options
        )
        for episode in episodes:
            messages = [dict(message) for message in episode.messages]
            yield TextTask(TextTaskData(prompt=messages, **episode.spec.to_dict()), config.task)


class TextEpisodesConfig(vf.EnvConfig):  # type: ignore[misc]  # as above
    """Under ``--env``: the one agent, ``player``."""

    player: vf.AgentConfig = vf.AgentConfig()


class TextEpisodes(vf.Env[TextEpisodesConfig]):  # type: ignore[misc]  # as above
    """Plays the episodes of a `TextTaskset`, of one turn or many."""

    async def run(self, task: Any, agents: Any) -> None:
        """Play one episode.

        Raises:
            UndecidedError: its score could not be decided.
            ValueError: the environment cannot be made, or has no such task.
        """
        spec = EpisodeSpec.from_dict(task.data.model_dump(), column="task data")
        options = {} if spec.task_id is None else {"task_id": spec.task_id}
        with _POOL.borrow(spec) as env:
            await asyncio.to_thread(env.reset, seed=spec.seed, options=options)
            async with agents.player.interaction(task) as interaction:
                segment = await interaction.turn()
                while not segment.terminated:
                    taken = await asyncio.to_thread(env.step, _said(segment))
                    observation, _, terminated, truncated, info = taken
                    if not info["valid"]:
                        raise UndecidedError(
                            f"task {info['task_id']!r} could not be scored: "
                            f"{info['verdict'].reason}"
                        )
                    if terminated or truncated:
                        break
                    segment = await interaction.turn(observation)
            trace = interaction.trace
            trace.record_reward(REWARD, sum(env.turn_rewards), 1.0)
            trace.info["turn_rewards"] = list(env.turn_rewards)


def _said(segment: Any) -> str:
    """Return what the model wrote, white space and all; ``last_reply`` strips it."""
    said = [m.content for m in segment.messages if m.role == "assistant"]
    return (said[-1] or "") if said else ""
