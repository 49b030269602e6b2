"""A benchmark run: episodes of several environments with one policy, taken up where it was left.

A folder belongs to one run. ``run.json`` says which, ``episodes.jsonl`` has the episodes as they
end, and ``summary.json`` the figures. Sample j of episode i of an environment is the same whatever
the number of episodes, samples and environments at once is, so that a run may be stopped, taken up
and extended.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from llmenvs.async_rollout import rollout_async
from llmenvs.bench.config import BenchConfig, EnvPlan
from llmenvs.bench.endpoint_account import Accounted
from llmenvs.bench.endpoint_config import RetryRules
from llmenvs.bench.episode_record import EpisodeRecord
from llmenvs.bench.policies import PolicySource, open_policy
from llmenvs.bench.recording import record_of_episode
from llmenvs.bench.records import write_summary
from llmenvs.bench.run_files import RunFiles
from llmenvs.bench.summary import summary_of
from llmenvs.bench.task_options import with_tasks
from llmenvs.engines.episodes import Engine
from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env
from llmenvs.policy import AsyncPolicy, Policy
from llmenvs.rollout import rollout
from llmenvs.tasks import StandardTasks
from llmenvs.trajectory import StopReason, Trajectory

_SAMPLE_STRIDE = 2**32
"""Between the numbers of an episode's samples, so that those of two episodes never meet."""

Progress = Callable[[EpisodeRecord], None]
"""Called as each episode ends."""


@dataclass(frozen=True, slots=True)
class FolderRules:
    """What to do about what is in the folder.

    Attributes:
        overwrite: drop what another run left there.
        resume: the run must be there already.
        retry_invalid: play the episodes again that are not valid.
    """

    overwrite: bool = False
    resume: bool = False
    retry_invalid: bool = False


class Job(NamedTuple):
    """One episode to be played: its number, the sample, and the task if it is not drawn."""

    episode: int
    sample: int
    task_id: str | None

    @property
    def number(self) -> int:
        """In a rollout; of the first sample it is the episode's."""
        return self.episode + self.sample * _SAMPLE_STRIDE


class Bench:
    """A run and its folder.

    Args:
        config: what to run.
        folder: where it is kept; made when the run is opened.
        rules: of trying an endpoint again.
        engine: see `rollout`; it decides where episodes are played, and nothing of them.

    Raises:
        ValueError: an environment or a policy that cannot be made.
        ModuleNotFoundError: a package that one of them needs.
    """

    def __init__(
        self,
        config: BenchConfig,
        folder: Path,
        *,
        rules: RetryRules | None = None,
        engine: Engine = "local",
    ) -> None:
        self.config = config
        self.folder = folder
        self._engine = engine
        self._source: PolicySource = open_policy(config, rules or RetryRules())
        self._options = {
            plan.env_id: {**with_tasks(plan.options), **self._source.env_options}
            for plan in config.plans
        }
        self._envs = {env_id: self._make(env_id) for env_id in self._options}
        for env_id, env in self._envs.items():
            self._check_protocol(env_id, env)
        self._policies = {e: self._source.policy_for(env) for e, env in self._envs.items()}
        self._files = RunFiles(folder)
        self.results: dict[str, dict[Job, EpisodeRecord]] = {e: {} for e in self._options}

    @contextmanager
    def opened(self, rules: FolderRules = FolderRules()) -> Iterator["Bench"]:
        """Hold the folder while the block runs, with the episodes taken up that are in it.

        Raises:
            ValueError: the folder is another run's; the message says in what it differs.
            OSError: it cannot be written.
        """
        hashes = {env_id: env.tasks.content_hash for env_id, env in self._envs.items()}
        with self._files.claimed(
            self.config.identity(hashes), overwrite=rules.overwrite, resume=rules.resume
        ):
            by_key = {
                (plan.env_id, job.episode, job.sample): job
                for plan in self.config.plans
                for job in self._jobs(plan)
            }
            for record in self._files.take_up(drop_invalid=rules.retry_invalid):
                job = by_key.get((record.env, record.episode, record.sample))
                if job is not None:  # a shorter run than the one that is there
                    self.results[record.env][job] = record
            yield self

    @property
    def num_left(self) -> int:
        """Episodes that are still to be played."""
        return sum(len(self._missing(plan)) for plan in self.config.plans)

    def run(self, progress: Progress) -> dict[str, Any]:
        """Play what is missing, and return and write the summary.

        What was played is in the folder however this ends; a summary is too after Ctrl-C.
        """
        try:
            for plan in self.config.plans:
                self._play(plan, progress)
        except KeyboardInterrupt:
            write_summary(self.folder, self.summary())
            raise
        summary = self.summary()
        write_summary(self.folder, summary)
        return summary

    def summary(self) -> dict[str, Any]:
        """Return the figures of each environment and of all of them."""
        records = {
            env_id: [done[job] for job in sorted(done, key=lambda job: job[:2])]
            for env_id, done in self.results.items()
        }
        hashes = {env_id: env.tasks.content_hash for env_id, env in self._envs.items()}
        return summary_of(records, self.config, self.config.identity(hashes))

    def _make(self, env_id: str) -> TextEnv[Any]:
        return make_text_env(env_id, **self._options[env_id])

    def _check_protocol(self, env_id: str, env: TextEnv[Any]) -> None:
        endpoint = self.config.endpoint
        native = endpoint is not None and endpoint.tool_calls == "native"
        if native and getattr(env, "protocol", "native") == "tagged":
            raise ValueError(
                f"native tool calls need the native protocol of {env_id}: give the option "
                f"{env_id}:protocol=native"
            )

    def _jobs(self, plan: EnvPlan) -> list[Job]:
        task_ids: list[str | None]
        if plan.episodes is None:
            task_ids = [*_task_ids(self._envs[plan.env_id], plan.env_id)]
        else:
            task_ids = [None] * plan.episodes
        return [
            Job(episode, sample, task_id)
            for episode, task_id in enumerate(task_ids)
            for sample in range(plan.samples)
        ]

    def _missing(self, plan: EnvPlan) -> list[Job]:
        done = self.results[plan.env_id]
        return [job for job in self._jobs(plan) if job not in done]

    def _play(self, plan: EnvPlan, progress: Progress) -> None:
        jobs = self._missing(plan)
        if not jobs:
            return
        first = self._envs[plan.env_id]
        policy = self._policies[plan.env_id]
        count = min(self.config.concurrency, len(jobs))
        envs = [first, *(self._make(plan.env_id) for _ in range(count - 1))]
        has_answered = any(one.valid for done in self.results.values() for one in done.values())
        book = _Book(self, plan.env_id, jobs, envs, policy, progress, has_answered=has_answered)
        arguments: dict[str, Any] = {
            "seeds": [episode_seed(self.config.seed, job.episode) for job in jobs],
            "task_ids": [job.task_id for job in jobs],
            "numbers": [job.number for job in jobs],
            "sampling_seed": self.config.seed,
            "limits": self.config.limits,
            "on_episode": book.record,
            "has_answered": has_answered,
            "engine": self._engine,
        }
        if isinstance(policy, Policy):
            rollout(envs, policy, **arguments)
        else:
            asyncio.run(_rollout_within(envs, policy, arguments))
        book.flush()

    def keep(self, job: Job, trajectories: Sequence[Trajectory], record: EpisodeRecord) -> None:
        """Write an episode to the folder, and keep of it what the summary needs."""
        self._files.append(trajectories, record)
        self.results[record.env][job] = record.without_texts()


class _Book:
    """Records the episodes of one environment as they end; mutable.

    Those that failed before the policy has ever answered wait until it does: where it fails on
    everything, that is a fault of the program, and no result.
    """

    def __init__(
        self,
        bench: Bench,
        env_id: str,
        jobs: Sequence[Job],
        envs: Sequence[TextEnv[Any]],
        policy: Policy | AsyncPolicy,
        progress: Progress,
        *,
        has_answered: bool,
    ) -> None:
        self._bench = bench
        self._env_id = env_id
        self._positions = {job.number: (position, job) for position, job in enumerate(jobs)}
        self._envs = envs
        self._accounts = policy if isinstance(policy, Accounted) else None
        self._progress = progress
        self._has_answered = has_answered
        self._waiting: list[tuple[Job, list[Trajectory], EpisodeRecord]] = []

    def record(self, trajectories: list[Trajectory]) -> None:
        """Take an episode that has ended, whose environment still holds it."""
        number = trajectories[0].info["episode"]
        position, job = self._positions[number]
        account = None
        if self._accounts is not None:
            account = self._accounts.pop_account(f"{self._bench.config.seed}-{number}")
        record = record_of_episode(
            self._envs[position % len(self._envs)],
            trajectories,
            env_id=self._env_id,
            episode=job.episode,
            sample=job.sample,
            account=account,
        )
        self._waiting.append((job, trajectories, record))
        if record.stop_reason is not StopReason.ERROR or record.turn_rewards:
            self._has_answered = True
        if self._has_answered:
            self.flush()

    def flush(self) -> None:
        """Keep what waits."""
        for job, trajectories, record in self._waiting:
            self._bench.keep(job, trajectories, record)
            self._progress(record)
        self._waiting = []


def episode_seed(seed: int, number: int) -> int:
    """Return the reset seed of an episode; the numbers of two seeds share none but by chance."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


async def _rollout_within(
    envs: Sequence[gym.Env[str, str]], policy: AsyncPolicy, arguments: dict[str, Any]
) -> None:
    async with AsyncExitStack() as stack:
        if isinstance(policy, AbstractAsyncContextManager):
            await stack.enter_async_context(policy)
        await rollout_async(envs, policy, **arguments)


def _task_ids(env: TextEnv[Any], env_id: str) -> list[str]:
    if isinstance(env.tasks, StandardTasks):
        return env.tasks.standard_ids()
    if not isinstance(env.tasks, Iterable):
        raise ValueError(
            f"{env_id} draws its tasks without end, so that all of them cannot be played: "
            "give a number of episodes"
        )
    return [task["task_id"] for task in env.tasks]
