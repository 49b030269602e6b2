"""`rollout`: many episodes at once against one policy.

The policy is asked about all episodes that are ready in one batch. Environments whose steps block
on a process or the network are stepped in threads, so that the others need not wait for them. What
an episode becomes depends on its seed, its environment and the policy, not on the order in which
things happened to finish.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from llmenvs.env import TextEnv
from llmenvs.policy import Policy, Prompt
from llmenvs.progress import progress_bar
from llmenvs.trajectory import StopReason, Trajectory
from llmenvs.transcript import Completion

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RolloutLimits:
    """How long things may get.

    Attributes:
        max_new_tokens: of one completion, at least 1.
        max_episode_tokens: prompt, completions and observations together. An episode that has
            reached it is truncated with the stop reason TOKEN_LIMIT, and a completion is asked for
            no more tokens than are left. Where a chat template splits the episode, the limit is
            that of each run, which is what the model reads at once.
    """

    max_new_tokens: int = 512
    max_episode_tokens: int = 32_768

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.max_episode_tokens < 1:
            raise ValueError(
                "max_new_tokens and max_episode_tokens must be at least 1, "
                f"got {self.max_new_tokens} and {self.max_episode_tokens}"
            )


def rollout(
    envs: Sequence[gym.Env[str, str]],
    policy: Policy,
    *,
    seeds: Sequence[int],
    task_ids: Sequence[str | None] | None = None,
    sampling_seed: int = 0,
    limits: RolloutLimits = RolloutLimits(),
    num_threads: int = 8,
    progress: bool = False,
) -> list[Trajectory]:
    """Play one episode for each of ``seeds``.

    Args:
        envs: at least one; episode i is played in ``envs[i % len(envs)]``, so that up to
            ``len(envs)`` episodes run at once. Wrapped ones are fine; each is used by one episode
            at a time, and is left open.
        policy: asked about all ready episodes at once.
        seeds: (E,) of each episode's reset. The members of a GRPO group share one.
        task_ids: (E,) of each episode's task, or None where the seed draws it.
        sampling_seed: of the policy's sampling; the seeds of the prompts follow from it, the
            episode's index and the turn, so that equal reset seeds give different completions.
        limits: of tokens.
        num_threads: for the environments that say that they block.
        progress: show a bar with the mean reward on standard error.

    Returns:
        (E,) trajectories in the order of ``seeds``; more where the renderer splits episodes, see
        `Trajectory`. An episode in which the environment or the policy raised is there too, with
        ``valid=False``, the stop reason ERROR, what was written until then, and
        ``info["error"]``; a warning is logged.

    Raises:
        ValueError: no environments, one that is not a `TextEnv`, or task_ids of another length.
        Exception: what the policy raised, if it has never answered any prompt.

    >>> import gymnasium, llmenvs
    >>> env = gymnasium.make("llmenvs/GridWorld-v0")
    >>> oracle = env.unwrapped.scripted_policies()["oracle"]
    >>> [trajectory.total_reward for trajectory in llmenvs.rollout([env], oracle, seeds=[0, 1])]
    [2.0, 2.0]
    """
    if not envs:
        raise ValueError("envs must hold at least one environment, got none")
    for index, env in enumerate(envs):
        if not isinstance(env.unwrapped, TextEnv):
            raise ValueError(f"envs[{index}] must be a TextEnv, got {type(env.unwrapped).__name__}")
    if task_ids is not None and len(task_ids) != len(seeds):
        raise ValueError(f"task_ids must be as many as seeds, got {len(task_ids)} for {len(seeds)}")
    episodes = [
        _Episode(
            index,
            env=envs[index % len(envs)],
            seed=int(seed),
            task_id=None if task_ids is None else task_ids[index],
            sampling_seed=sampling_seed,
            limits=limits,
        )
        for index, seed in enumerate(seeds)
    ]
    with (
        ThreadPoolExecutor(max(1, num_threads), thread_name_prefix="rollout") as threads,
        progress_bar("rollout", total=len(episodes), shown=progress) as bar,
    ):
        return _Rollout(episodes, len(envs), policy, threads, bar.advance).run()


class _Episode:
    """One episode: where it stands and how it goes on. Used by one thread at a time."""

    def __init__(
        self,
        index: int,
        *,
        env: gym.Env[str, str],
        seed: int,
        task_id: str | None,
        sampling_seed: int,
        limits: RolloutLimits,
    ) -> None:
        self.index = index
        self.env = env
        self.text_env: TextEnv[Any] = env.unwrapped  # type: ignore[assignment]  # checked by rollout
        self.blocking = self.text_env.blocking
        self._seed = seed
        self._options = {} if task_id is None else {"task_id": task_id}
        self._sampling_seed = sampling_seed
        self._limits = limits
        self._num_turns = 0
        self.trajectories: list[Trajectory] = []  # empty until it has ended

    def begin(self) -> None:
        """Reset the environment; record what it raises."""
        try:
            self.env.reset(seed=self._seed, options=dict(self._options))
        except Exception as error:
            self.trajectories = [self._failed_before_start(error)]
            return
        self._end_at_token_limit()

    def take(self, completion: Completion) -> None:
        """Step the environment; record what it raises."""
        try:
            _, _, terminated, truncated, _ = self.env.step(completion)
        except Exception as error:
            self.fail(error)
            return
        self._num_turns += 1
        if terminated or truncated:
            self.trajectories = self._finish()
        else:
            self._end_at_token_limit()

    def fail(self, error: Exception) -> None:
        """End the episode as invalid, with all that was written."""
        logger.warning("episode %d failed: %r", self.index, error)
        self.trajectories = self._finish(StopReason.ERROR, {"error": repr(error)})

    def prompt(self) -> Prompt:
        """Return what to ask the policy."""
        transcript, limits = self.text_env.transcript, self._limits
        seed = np.random.SeedSequence([self._sampling_seed, self.index, self._num_turns])
        return Prompt(
            episode_id=f"{self._sampling_seed}-{self.index}",
            token_ids=transcript.token_ids,
            text=transcript.text,
            messages=transcript.messages,
            tools=self.text_env.tools,
            stop_strings=self.text_env.stop_strings,
            seed=int(seed.generate_state(1)[0]),
            max_new_tokens=min(limits.max_new_tokens, limits.max_episode_tokens - len(transcript)),
        )

    def _end_at_token_limit(self) -> None:
        if len(self.text_env.transcript) >= self._limits.max_episode_tokens:
            self.trajectories = self._finish(StopReason.TOKEN_LIMIT)

    def _finish(
        self, stop_reason: StopReason | None = None, info: dict[str, Any] | None = None
    ) -> list[Trajectory]:
        return self.text_env.trajectories(
            stop_reason=stop_reason, info={**self._labels, **(info or {})}
        )

    @property
    def _labels(self) -> dict[str, Any]:
        return {"episode": self.index, "seed": self._seed}

    def _failed_before_start(self, error: Exception) -> Trajectory:
        # The environment may still hold the episode before, which is not this one's transcript.
        logger.warning("episode %d failed in reset: %r", self.index, error)
        return Trajectory.empty(
            stop_reason=StopReason.ERROR, info={**self._labels, "error": repr(error)}
        )


class _Rollout:
    """The loop: start what can start, ask about what is ready, step what was answered."""

    def __init__(
        self,
        episodes: list[_Episode],
        num_envs: int,
        policy: Policy,
        threads: ThreadPoolExecutor,
        advance: Any,
    ) -> None:
        self._queues = [episodes[index::num_envs][::-1] for index in range(num_envs)]
        self._num_envs = num_envs
        self._episodes = episodes
        self._policy = policy
        self._threads = threads
        self._advance = advance
        self._ready: list[_Episode] = []
        self._stepping: dict[Future[None], _Episode] = {}
        self._rewards: list[float] = []
        self._has_answered = False

    def run(self) -> list[Trajectory]:
        """Play all episodes and return their trajectories in order."""
        for queue in self._queues:
            self._start_next(queue)
        while self._ready or self._stepping:
            self._collect(block=not self._ready)
            if self._ready:
                batch = sorted(self._ready, key=lambda episode: episode.index)
                self._ready = []
                for episode, completion in self._ask(batch):
                    self._do(episode, completion)
        return [trajectory for e in self._episodes for trajectory in e.trajectories]

    def _start_next(self, queue: list[_Episode]) -> None:
        if queue:
            self._do(queue.pop(), None)

    def _do(self, episode: _Episode, completion: Completion | None) -> None:
        """Reset (without a completion) or step, here or in a thread."""
        if episode.blocking:
            future = self._threads.submit(_advance_episode, episode, completion)
            self._stepping[future] = episode
            return
        _advance_episode(episode, completion)
        self._settle(episode)

    def _collect(self, *, block: bool) -> None:
        if not self._stepping:
            return
        done, _ = wait(self._stepping, None if block else 0, FIRST_COMPLETED)
        for future in done:
            episode = self._stepping.pop(future)
            future.result()
            self._settle(episode)

    def _settle(self, episode: _Episode) -> None:
        """Queue the episode for the policy, or count it and start the next one in its place."""
        if not episode.trajectories:
            self._ready.append(episode)
            return
        last = episode.trajectories[-1]
        if last.valid:
            self._rewards.append(last.total_reward)
        mean = sum(self._rewards) / len(self._rewards) if self._rewards else float("nan")
        self._advance(f"reward {mean:.2f}")
        self._start_next(self._queues[episode.index % self._num_envs])

    def _ask(self, batch: list[_Episode]) -> list[tuple[_Episode, Completion]]:
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
        self, batch: list[_Episode], prompts: list[Prompt]
    ) -> list[tuple[_Episode, Completion]]:
        answered: list[tuple[_Episode, Completion]] = []
        failures: list[tuple[_Episode, Exception]] = []
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
    batch: list[_Episode], completions: Sequence[Completion]
) -> list[tuple[_Episode, Completion]]:
    if len(completions) != len(batch):
        raise ValueError(
            f"policy.act must return one completion for each of {len(batch)} prompts, "
            f"got {len(completions)}"
        )
    return list(zip(batch, completions, strict=True))


def _advance_episode(episode: _Episode, completion: Completion | None) -> None:
    if completion is None:
        episode.begin()
    else:
        episode.take(completion)
