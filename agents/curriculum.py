"""A curriculum: tasks are drawn by the policy's measured success, so that groups keep variance.

A group whose members all succeed, or all fail, teaches nothing. With success probability p the
variance of a group's 0/1 rewards is proportional to p (1 - p), so tasks are drawn in proportion to
its expectation. What is known of p is a Beta distribution, updated with each episode and faded with
each iteration, since the policy changes: with a successes and b failures (each counted from 1, the
uniform prior), ``E[p (1 - p)] = a b / ((a + b) (a + b + 1))``.

Tasks of a procedural source never come twice, so success is measured by *bucket*: tasks of one
environment, family and difficulty where they have these fields, else each task by its id.

Sources: the use of p (1 - p) is that of learnability in Tzannetos et al., "Proximal curriculum for
reinforcement learning agents" (2023) and Foster et al., "Learning to reason at the frontier of
learnability" (2025); the estimate by faded Beta counts is ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmenvs.bench.metrics import is_solved
from llmenvs.tasks import Task, TaskSource
from llmenvs.trajectory import Trajectory, episodes_of

_LABELS = ("family", "level", "difficulty")
_FORGOTTEN = 0.01  # episodes; a bucket that was seen less is as one never seen


@dataclass(frozen=True, slots=True)
class CurriculumConfig:
    """Settings.

    Attributes:
        num_candidates: tasks drawn from the source for each that is kept, at least 1.
        uniform_share: of the tasks that are taken as the source gives them, in [0, 1], so that
            every bucket is measured again and again.
        fading: what a count is multiplied by after each iteration, in (0, 1].
    """

    num_candidates: int = 8
    uniform_share: float = 0.1
    fading: float = 0.9

    def __post_init__(self) -> None:
        if self.num_candidates < 1:
            raise ValueError(f"num_candidates must be at least 1, got {self.num_candidates!r}")
        if not 0.0 <= self.uniform_share <= 1.0:
            raise ValueError(f"uniform_share must be in [0, 1], got {self.uniform_share!r}")
        if not 0.0 < self.fading <= 1.0:
            raise ValueError(f"fading must be in (0, 1], got {self.fading!r}")


class SuccessCurriculum:
    """A `TaskSampler` that prefers tasks which the policy solves about half of the time.

    Args:
        source: of the tasks; what it draws, less what is drawn too often.
        config: the settings.
        bucket: which tasks are measured together; see the module.

    >>> from llmenvs.tasks import TaskSet
    >>> curriculum = SuccessCurriculum(TaskSet([{"task_id": "new"}, {"task_id": "easy"}]))
    >>> curriculum.observe("easy", successes=98, failures=0)
    >>> [round(curriculum.expected_variance(bucket), 4) for bucket in ("new", "easy")]
    [0.1667, 0.0098]
    """

    def __init__(
        self,
        source: TaskSource,
        config: CurriculumConfig = CurriculumConfig(),
        *,
        bucket: Callable[[Task], str] | None = None,
    ) -> None:
        self._source = source
        self._config = config
        self._bucket = bucket or bucket_of
        self._counts: dict[str, tuple[float, float]] = {}

    def sample(self, num_tasks: int, *, rng: np.random.Generator) -> list[str]:
        """Return the ids of ``num_tasks`` tasks, drawn with ``rng`` alone."""
        pool = num_tasks * self._config.num_candidates
        candidates = [self._source.sample(rng) for _ in range(pool)]
        weights = np.array([self.expected_variance(self._bucket(task)) for task in candidates])
        chosen = rng.choice(pool, num_tasks, replace=False, p=weights / weights.sum())
        uniform = rng.random(num_tasks) < self._config.uniform_share
        plain = rng.choice(pool, num_tasks, replace=False)
        indices = np.where(uniform, plain, chosen).tolist()
        return [candidates[index]["task_id"] for index in indices]

    def update(self, trajectories: Sequence[Trajectory]) -> None:
        """Fade what is known, and count the successes and failures of the valid episodes."""
        fading = self._config.fading
        self._counts = {
            bucket: (a * fading, b * fading)
            for bucket, (a, b) in self._counts.items()
            if (a + b) * fading > _FORGOTTEN
        }
        for runs in episodes_of(trajectories):
            last = runs[-1]
            if not last.valid:
                continue
            solved = is_solved(last)
            bucket = self._bucket(self._source.find(last.info["task_id"]))
            self.observe(bucket, successes=solved, failures=not solved)

    def observe(self, bucket: str, *, successes: float, failures: float) -> None:
        """Add to the counts of a bucket."""
        a, b = self._counts.get(bucket, (0.0, 0.0))
        self._counts[bucket] = (a + successes, b + failures)

    def expected_variance(self, bucket: str) -> float:
        """Return E[p (1 - p)] of a bucket, 1/6 for one that was never seen."""
        a, b = (count + 1.0 for count in self._counts.get(bucket, (0.0, 0.0)))
        return a * b / ((a + b) * (a + b + 1.0))

    def success_rates(self) -> dict[str, float]:
        """Return the estimate of p for every bucket that was seen."""
        return {k: (a + 1.0) / (a + b + 2.0) for k, (a, b) in sorted(self._counts.items())}

    def state_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return {"counts": {bucket: list(counts) for bucket, counts in self._counts.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the counts of `state_dict`."""
        self._counts = {bucket: (a, b) for bucket, (a, b) in state["counts"].items()}


def bucket_of(task: Task) -> str:
    """Return what the task is measured with: its labels, or its id where it has none.

    >>> bucket_of({"task_id": "arithmetic-2-train-7", "family": "arithmetic", "difficulty": 2})
    'arithmetic/2'
    >>> bucket_of({"task_id": "x:7", "env_id": "x", "task": {"task_id": "7"}})
    'x:7'
    """
    inner = task.get("task", {}) if "env_id" in task else task
    labels = [str(inner[name]) for name in _LABELS if name in inner]
    if not labels:
        return str(task["task_id"])
    return "/".join([task["env_id"], *labels] if "env_id" in task else labels)
