"""`rollout_async`: episodes against an `AsyncPolicy`, none of which waits for another.

An endpoint answers each prompt when it can, so there is no batch to wait for: every environment
goes from episode to episode on its own. Apart from that everything is as in `rollout`: the same
policy, asked either way, gives the same episodes.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import gymnasium as gym

from llmenvs.lookups import LookupQueue
from llmenvs.policy import AsyncPolicy
from llmenvs.progress import progress_bar
from llmenvs.running_episode import (
    DEFAULT_LIMITS,
    OnEpisode,
    RolloutLimits,
    RunningEpisode,
    Tally,
    running_episodes,
)
from llmenvs.trajectory import Trajectory


async def rollout_async(
    envs: Sequence[gym.Env[str, str]],
    policy: AsyncPolicy,
    *,
    seeds: Sequence[int],
    task_ids: Sequence[str | None] | None = None,
    numbers: Sequence[int] | None = None,
    sampling_seed: int = 0,
    limits: RolloutLimits = DEFAULT_LIMITS,
    progress: bool = False,
    on_episode: OnEpisode | None = None,
    has_answered: bool = False,
) -> list[Trajectory]:
    """Play one episode for each of ``seeds``; the arguments and the result are those of `rollout`.

    As many prompts are under way at once as there are environments, which are stepped in a thread
    where they say that they block. What turns look up while a shared service answers others is
    asked in the next call to it. Cancelling the call leaves the environments where they are.

    Raises:
        ValueError: as in `rollout`.
        Exception: what the policy raised, if it raised on the first prompt of every environment
            and has never answered any.
    """
    episodes = running_episodes(
        envs,
        seeds=seeds,
        task_ids=task_ids,
        numbers=numbers,
        sampling_seed=sampling_seed,
        limits=limits,
    )
    with progress_bar("rollout", total=len(episodes), shown=progress) as bar:
        queues = [queue for i in range(len(envs)) if (queue := episodes[i :: len(envs)])]
        work = _Work(policy, len(queues), Tally(bar.advance, on_episode), has_answered=has_answered)
        await asyncio.gather(*(work.play_all(queue) for queue in queues))
    if work.is_hopeless and work.first_error is not None:
        raise work.first_error  # it fails on everything: a fault of the program, not of a prompt
    return [trajectory for episode in episodes for trajectory in episode.trajectories]


class _Work:
    """What the workers share: the policy, and how it has done so far."""

    def __init__(
        self, policy: AsyncPolicy, num_queues: int, tally: Tally, *, has_answered: bool
    ) -> None:
        self.first_error: Exception | None = None
        self._has_answered = has_answered
        self._num_unfailed = num_queues  # environments in which no prompt has failed yet
        self._policy = policy
        self._tally = tally
        self._lookups = LookupQueue()

    async def play_all(self, episodes: Sequence[RunningEpisode]) -> None:
        """Play the episodes of one environment, one after the other."""
        has_failed = False
        for episode in episodes:
            if self.is_hopeless:
                return
            failed = await self._play(episode)
            self._num_unfailed -= failed and not has_failed
            has_failed = has_failed or failed
            self._tally.count(episode)

    @property
    def is_hopeless(self) -> bool:
        """Whether the policy has failed in every environment and answered in none."""
        return not self._has_answered and self._num_unfailed == 0

    async def _play(self, episode: RunningEpisode) -> bool:
        """Play one episode; returns whether the policy failed in it."""
        await _call(episode.begin, blocking=episode.blocking)
        while not episode.trajectories:
            try:
                completion = await self._policy.act_one(episode.prompt())
            except Exception as error:
                self.first_error = self.first_error or error
                episode.fail(error)
                return True
            self._has_answered = True
            lookup = episode.lookup(completion)
            answers = {} if lookup is None else await self._lookups.ask(lookup)
            await _call(partial(episode.take, completion, answers), blocking=episode.blocking)
        return False


async def _call(function: Callable[[], None], *, blocking: bool) -> None:
    if blocking:
        await asyncio.to_thread(function)
    else:
        function()
