"""Episodes whose environments are in actors of a Ray cluster, while the policy stays here.

Environments travel as pickles to one actor for each CPU, or, where their steps wait for a sandbox
or the network, to one for each node, so that all episodes of a node share its pool of sandboxes.
Each turn is one call. What an environment looks up in a service that episodes share, it asks on its
own there: that decides the speed and not the outcome.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # it has no type information
import gymnasium as gym

from llmenvs.engines.ray_cluster import nodes_of, ray_cluster
from llmenvs.engines.ray_env_host import EnvHost, Standing, Start
from llmenvs.env import TextEnv
from llmenvs.lookups import Answers, Lookup
from llmenvs.policy import Prompt
from llmenvs.running_episode import RolloutLimits, check_rollout
from llmenvs.trajectory import StopReason, Trajectory
from llmenvs.transcript import Completion

logger = logging.getLogger(__name__)

MAX_REPLAYS = 3
"""How often Ray redoes a call whose actor is lost, before the episode ends as invalid."""


class RemoteEpisode:
    """An `Episode` that is played in an `EnvHost`.

    Args:
        start: all that it follows from.
        slot: its environment.
        env: the caller's, which is put where the episode ends.
        host: the actor.
        get: waits for an answer.
        lost: the errors by which a call says that the actor is no more.
    """

    blocking = True

    def __init__(
        self,
        start: Start,
        *,
        slot: int,
        env: TextEnv[Any],
        host: Any,
        get: Callable[[Any], Standing],
        lost: type[Exception],
    ) -> None:
        self.number = start.number
        self.position = start.position
        self.trajectories: list[Trajectory] = []
        self._start = start
        self._slot = slot
        self._env = env
        self._host = host
        self._get = get
        self._lost = lost
        self._completions: list[Completion] = []
        self._prompt: Prompt | None = None

    def begin(self) -> None:
        """See `Episode.begin`."""
        self._note(self._host.advance.remote(self._slot, self._start, ()))

    def lookup(self, completion: Completion) -> Lookup | None:
        """Return nothing: the environment asks where it is."""
        return None

    def take(self, completion: Completion, answers: Answers) -> None:
        """See `Episode.take`; the environment has its own answers."""
        self._completions.append(completion)
        self._note(self._host.advance.remote(self._slot, self._start, tuple(self._completions)))

    def fail(self, error: Exception) -> None:
        """See `Episode.fail`."""
        told = (self._slot, self._start, tuple(self._completions), repr(error))
        self._note(self._host.fail.remote(*told))

    def prompt(self) -> Prompt:
        """See `Episode.prompt`."""
        assert self._prompt is not None  # noqa: S101 (an invariant, for the type checker)
        return self._prompt

    def _note(self, answer: Any) -> None:
        try:
            standing = self._get(answer)
        except self._lost as error:
            labels = {"episode": self.number, "seed": self._start.seed}
            info = {**labels, "error": f"the environment's actor was lost: {error!r}"}
            standing = Standing(None, [Trajectory.empty(stop_reason=StopReason.ERROR, info=info)])
        if standing.snapshot is not None:
            self._env.restore(standing.snapshot)
        self._prompt, self.trajectories = standing.prompt, standing.trajectories
        if self.trajectories and self.trajectories[-1].stop_reason is StopReason.ERROR:
            error_text = self.trajectories[-1].info.get("error")
            logger.warning("episode %d failed: %s", self.number, error_text)


@contextmanager
def remote_episodes(
    envs: Sequence[gym.Env[str, str]],
    *,
    address: str | None,
    seeds: Sequence[int],
    task_ids: Sequence[str | None] | None,
    numbers: Sequence[int] | None,
    sampling_seed: int,
    limits: RolloutLimits,
) -> Iterator[Sequence[RemoteEpisode]]:
    """Yield the episodes of a rollout, not begun; the actors end with the block.

    Args:
        envs: must pickle. Copies of them are played, and they are put where an episode ends.
        address: of a cluster, see `ray_cluster`; None starts one here.
        seeds: see `rollout`, as all that follow.
        task_ids: see there.
        numbers: see there.
        sampling_seed: see there.
        limits: see there.

    Raises:
        ValueError: an environment does not pickle, or as `running_episodes`.
        ClusterError, ModuleNotFoundError: see `ray_cluster`.
    """
    check_rollout(envs, seeds=seeds, task_ids=task_ids, numbers=numbers)
    with ray_cluster(address) as ray:
        hosts = _hosts(ray, envs)
        try:
            yield [
                RemoteEpisode(
                    Start(
                        number=index if numbers is None else numbers[index],
                        position=index,
                        seed=int(seed),
                        task_id=None if task_ids is None else task_ids[index],
                        sampling_seed=sampling_seed,
                        limits=limits,
                    ),
                    slot=index % len(envs),
                    env=envs[index % len(envs)].unwrapped,  # type: ignore[arg-type]  # checked
                    host=hosts[index % len(envs) % len(hosts)],
                    get=ray.get,
                    lost=ray.exceptions.RayError,
                )
                for index, seed in enumerate(seeds)
            ]
        finally:
            for host in hosts:
                ray.kill(host)


def _hosts(ray: Any, envs: Sequence[gym.Env[str, str]]) -> list[Any]:
    """Start the actors; actor i has the environments i, i + count, i + 2 count."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in nodes_of(ray) if node.num_cpus]
    blocking = any(env.unwrapped.blocking for env in envs)  # type: ignore[attr-defined]  # checked
    placed = [node for node in nodes for _ in range(1 if blocking else node.num_cpus)]
    placed = placed[: len(envs)]
    hosts = []
    for index, node in enumerate(placed):
        share = {slot: envs[slot] for slot in range(index, len(envs), len(placed))}
        try:
            pickled = cloudpickle.dumps(share)
        except Exception as error:
            raise ValueError(
                f"environments must pickle to be played on Ray, got {error!r}"
            ) from error
        options = {
            "num_cpus": 1,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node.node_id, soft=True),
            "max_restarts": -1,
            "max_task_retries": MAX_REPLAYS,
            "max_concurrency": len(share) if blocking else 1,
        }
        hosts.append(ray.remote(EnvHost).options(**options).remote(pickled))
    return hosts
