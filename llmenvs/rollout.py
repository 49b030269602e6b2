"""`rollout`: many episodes at once against one policy.

The policy is asked about all episodes that are ready in one batch, and what their turns will look
up in a shared service, such as a retriever, is asked in one call as well. Environments whose steps
block on a process or the network are stepped in threads, so that the others need not wait for them.
What an episode becomes depends on its seed, its environment and the policy, not on the order in
which things happened to finish.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import gymnasium as gym

from llmenvs.lookups import Answers, ask_all
from llmenvs.policy import Policy, Prompt
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
from llmenvs.transcript import Completion

logger = logging.getLogger(__name__)


def rollout(
    envs: Sequence[gym.Env[str, str]],
    policy: Policy,
    *,
    seeds: Sequence[int],
    task_ids: Sequence[str | None] | None = None,
    numbers: Sequence[int] | None = None,
    sampling_seed: int = 0,
    limits: RolloutLimits = DEFAULT_LIMITS,
    num_threads: int = 8,
    progress: bool = False,
    on_episode: OnEpisode | None = None,
    has_answered: bool = False,
) -> list[Trajectory]:
    """Play one episode for each of ``seeds``.

    Args:
        envs: at least one; episode i is played in ``envs[i % len(envs)]``, so that up to
            ``len(envs)`` episodes run at once. Wrapped ones are fine; each is used by one episode
            at a time, and is left open.
        policy: asked about all ready episodes at once.
        seeds: (E,) of each episode's reset. The members of a GRPO group share one.
        task_ids: (E,) of each episode's task, or None where the seed draws it.
        numbers: (E,) of the episodes, 0 to E - 1 by default; a run that is taken up again gives
            those that are left.
        sampling_seed: of the policy's sampling; the seeds of the prompts follow from it, the
            episode's number and the turn, so that equal reset seeds give different completions.
        limits: of tokens.
        num_threads: for the environments that say that they block.
        progress: show a bar with the mean reward on standard error.
        on_episode: called as each episode ends, in this thread, while its environment still holds
            it.
        has_answered: the policy has answered before, so that what it raises is never a fault of the
            program; for a run that is taken up again.

    Returns:
        (E,) trajectories in the order of ``seeds``; more where the renderer splits episodes, see
        `Trajectory`. An episode in which the environment or the policy raised is there too, with
        ``valid=False``, the stop reason ERROR, what was written until then, and
        ``info["error"]``; a warning is logged.

    Raises:
        ValueError: no environments, one that is not a `TextEnv`, or lists of other lengths.
        Exception: what the policy raised, if it has never answered any prompt.

    >>> import gymnasium, llmenvs
    >>> env = gymnasium.make("llmenvs/GridWorld-v0")
    >>> oracle = env.unwrapped.scripted_policies()["oracle"]
    >>> [trajectory.total_reward for trajectory in llmenvs.rollout([env], oracle, seeds=[0, 1])]
    [2.0, 2.0]
    """
    episodes = running_episodes(
        envs,
        seeds=seeds,
        task_ids=task_ids,
        numbers=numbers,
        sampling_seed=sampling_seed,
        limits=limits,
    )
    with (
        ThreadPoolExecutor(max(1, num_threads), thread_name_prefix="rollout") as threads,
        progress_bar("rollout", total=len(episodes), shown=progress) as bar,
    ):
        tally = Tally(bar.advance, on_episode)
        loop = _Rollout(episodes, len(envs), policy, threads, tally, has_answered=has_answered)
        return loop.run()


class _Rollout:
    """The loop: start what can start, ask about what is ready, step what was answered."""

    def __init__(
        self,
        episodes: list[RunningEpisode],
        num_envs: int,
        policy: Policy,
        threads: ThreadPoolExecutor,
        tally: Tally,
        *,
        has_answered: bool,
    ) -> None:
        self._queues = [episodes[index::num_envs][::-1] for index in range(num_envs)]
        self._num_envs = num_envs
        self._episodes = episodes
        self._policy = policy
        self._threads = threads
        self._tally = tally
        self._ready: list[RunningEpisode] = []
        self._stepping: dict[Future[None], RunningEpisode] = {}
        self._has_answered = has_answered

    def run(self) -> list[Trajectory]:
        """Play all episodes and return their trajectories in order."""
        for queue in self._queues:
            self._start_next(queue)
        while self._ready or self._stepping:
            self._collect(block=not self._ready)
            if self._ready:
                batch = sorted(self._ready, key=lambda episode: episode.position)
                self._ready = []
                answered = self._ask(batch)
                lookups = [episode.lookup(completion) for episode, completion in answered]
                answers = ask_all(lookup for lookup in lookups if lookup is not None)
                for episode, completion in answered:
                    self._take(episode, completion, answers)
        return [trajectory for e in self._episodes for trajectory in e.trajectories]

    def _start_next(self, queue: list[RunningEpisode]) -> None:
        """Begin episodes of one environment until one is under way."""
        while queue:
            episode = queue.pop()
            if episode.blocking:
                self._stepping[self._threads.submit(episode.begin)] = episode
                return
            episode.begin()
            if not episode.trajectories:
                self._ready.append(episode)
                return
            self._tally.count(episode)

    def _take(self, episode: RunningEpisode, completion: Completion, answers: Answers) -> None:
        """Step the environment, here or in a thread."""
        if episode.blocking:
            self._stepping[self._threads.submit(episode.take, completion, answers)] = episode
            return
        episode.take(completion, answers)
        self._settle(episode)

    def _collect(self, *, block: bool) -> None:
        if not self._stepping:
            return
        done, _ = wait(self._stepping, None if block else 0, FIRST_COMPLETED)
        for future in done:
            episode = self._stepping.pop(future)
            future.result()
            self._settle(episode)

    def _settle(self, episode: RunningEpisode) -> None:
        """Queue the episode for the policy, or count it and start the next one in its place."""
        if not episode.trajectories:
            self._ready.append(episode)
            return
        self._tally.count(episode)
        self._start_next(self._queues[episode.position % self._num_envs])

    def _ask(self, batch: list[RunningEpisode]) -> list[tuple[RunningEpisode, Completion]]:
        """Ask about the whole batch; if that raises, about each episode alone."""
        prompts = [episode.prompt() for episode in batch]
        try:
            answered = _paired(batch, self._policy.act(prompts))
        except Exception as error:
            logger.warning("the policy failed on a batch of %d: %r", len(batch), error)
            answered = self._ask_each(batch, prompts)
        self._has_answered = True
        return answered

    def _ask_each(
        self, batch: list[RunningEpisode], prompts: list[Prompt]
    ) -> list[tuple[RunningEpisode, Completion]]:
        answered: list[tuple[RunningEpisode, Completion]] = []
        failures: list[tuple[RunningEpisode, Exception]] = []
        for episode, prompt in zip(batch, prompts, strict=True):
            try:
                answered += _paired([episode], self._policy.act([prompt]))
            except Exception as error:
                failures.append((episode, error))
        if not answered and not self._has_answered:
            raise failures[0][1]  # it fails on everything: a fault of the program, not of a prompt
        for episode, failure in failures:
            episode.fail(failure)
            self._settle(episode)
        return answered


def _paired(
    batch: list[RunningEpisode], completions: Sequence[Completion]
) -> list[tuple[RunningEpisode, Completion]]:
    if len(completions) != len(batch):
        raise ValueError(
            f"policy.act must return one completion for each of {len(batch)} prompts, "
            f"got {len(completions)}"
        )
    return list(zip(batch, completions, strict=True))
