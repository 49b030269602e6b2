"""Where an environment's tasks come from: `TaskSource`, and `TaskSet` for a fixed list of them.

`llmenvs.task_files` reads task sets from files.

A task is a read-only mapping with the string ``task_id``. A source has a content hash, which every
episode carries, so that two results can be compared only where they are about the same tasks.
"""

import bisect
import difflib
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

Task = Mapping[str, Any]
"""Not to be changed; ``task_id`` is in every one."""


@runtime_checkable
class TaskSource(Protocol):
    """Draws tasks, or finds one by its id."""

    @property
    def content_hash(self) -> str:
        """A hash of everything that decides the tasks."""
        ...

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw one task with ``rng`` alone."""
        ...

    def find(self, task_id: str) -> Task:
        """Return the task of that id.

        Raises:
            ValueError: there is none; the message names the nearest ids.
        """
        ...


@runtime_checkable
class StandardTasks(TaskSource, Protocol):
    """A task source that names the tasks to be measured by, though it may draw more."""

    def standard_ids(self) -> list[str]:
        """Return their ids, in order."""
        ...


class TaskSet(Sequence[Task]):
    """A fixed list of tasks.

    Args:
        rows: the tasks; one without ``task_id`` gets its position, as a string.
        schema: the JSON schema that every row must meet; None for no check.
        places: where each row is from, for messages; ``tasks[0]`` and so on by default.

    Raises:
        ValueError: no rows, a row that breaks the schema, or a task_id that is no string or comes
            twice; the message names the place and the field.

    >>> tasks = TaskSet([{"task_id": "a", "question": "1+1"}, {"task_id": "b", "question": "2+2"}])
    >>> tasks.find("b")["question"], len(tasks)
    ('2+2', 2)
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        schema: Mapping[str, Any] | None = None,
        places: Sequence[str] | None = None,
    ) -> None:
        tasks = [{"task_id": str(index), **row} for index, row in enumerate(rows)]
        if not tasks:
            raise ValueError("tasks must hold at least one row, got none")
        named = [f"tasks[{index}]" for index in range(len(tasks))] if places is None else places
        if schema is not None:
            _validate(tasks, schema, named)
        self._by_id: dict[str, Task] = {}
        first: dict[str, str] = {}
        for task, place in zip(tasks, named, strict=True):
            task_id = task["task_id"]
            if not isinstance(task_id, str):
                raise ValueError(f"{place}: task_id must be a string, got {task_id!r}")
            if task_id in first:
                raise ValueError(
                    f"{place}: task_id {task_id!r} comes twice, first in {first[task_id]}"
                )
            first[task_id] = place
            self._by_id[task_id] = task
        self._tasks = tuple(self._by_id.values())
        self._content_hash = hash_of(self._tasks)

    @property
    def content_hash(self) -> str:
        """Of all rows in their order."""
        return self._content_hash

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw one task uniformly."""
        return self._tasks[int(rng.integers(len(self._tasks)))]

    def find(self, task_id: str) -> Task:
        """Return the task of that id, or raise a ValueError that names the nearest ids."""
        if task_id in self._by_id:
            return self._by_id[task_id]
        near = difflib.get_close_matches(str(task_id), list(self._by_id), n=3)
        known = near or list(self._by_id)[:3]
        raise ValueError(f"no task has the id {task_id!r}; did you mean one of {known}?")

    def filter(self, keep: Callable[[Task], bool]) -> "TaskSet":
        """Return the tasks for which ``keep`` is true, in their order.

        Raises:
            ValueError: there is none.
        """
        kept = [task for task in self._tasks if keep(task)]
        if not kept:
            raise ValueError(f"filter left none of {len(self)} tasks")
        return TaskSet(kept)

    def by_difficulty(self, low: float, high: float) -> "TaskSet":
        """Return the tasks whose ``difficulty`` is between ``low`` and ``high``, both included.

        Raises:
            ValueError: there is none, or a task without that field; the message names it.
        """
        for task in self._tasks:
            if "difficulty" not in task:
                raise ValueError(f"task {task['task_id']!r} has no field 'difficulty'")
        return self.filter(lambda task: low <= task["difficulty"] <= high)

    def shuffled(self, *, seed: int) -> "TaskSet":
        """Return the same tasks in an order that follows from ``seed``."""
        order = np.random.default_rng([seed]).permutation(len(self._tasks))
        return TaskSet([self._tasks[index] for index in order])

    def split(self, shares: Mapping[str, float], *, seed: int = 0) -> dict[str, "TaskSet"]:
        """Divide the tasks into named parts that are disjoint by construction.

        A task's part follows from its content, its id left out: the same problem is never in two
        parts, not even if it comes twice under different ids, and adding or reordering tasks moves
        no other task.

        Args:
            shares: of each part, above 0, with a sum of 1.
            seed: another seed divides otherwise.

        Raises:
            ValueError: shares that do not sum to 1, or a part that stays empty.
        """
        if min(shares.values(), default=0.0) <= 0.0 or not math.isclose(sum(shares.values()), 1.0):
            raise ValueError(f"shares must be above 0 and sum to 1, got {dict(shares)}")
        parts: dict[str, list[Task]] = {name: [] for name in shares}
        names, ends = list(shares), list(itertools.accumulate(shares.values()))
        for task in self._tasks:
            content = {key: value for key, value in task.items() if key != "task_id"}
            position = int(hash_of([seed, content]), 16) / 16**16
            parts[names[min(bisect.bisect(ends, position), len(names) - 1)]].append(task)
        empty = [name for name, tasks in parts.items() if not tasks]
        if empty:
            raise ValueError(f"{len(self)} tasks are too few: the parts {empty} stay empty")
        return {name: TaskSet(tasks) for name, tasks in parts.items()}

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, index: Any) -> Any:
        return self._tasks[index]

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)


def as_task_source(
    tasks: TaskSource | Iterable[Mapping[str, Any]], *, schema: Mapping[str, Any]
) -> TaskSource:
    """Return ``tasks`` as they are if they are a source, else a `TaskSet` of the rows."""
    return tasks if isinstance(tasks, TaskSource) else TaskSet(tasks, schema=schema)


def hash_of(value: Any) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of ``value`` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _validate(
    tasks: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], places: Sequence[str]
) -> None:
    import jsonschema  # 50 ms that a program without task files need not pay

    validator = jsonschema.Draft202012Validator(dict(schema))
    for task, place in zip(tasks, places, strict=True):
        error = jsonschema.exceptions.best_match(validator.iter_errors(task))
        if error is not None:
            field = "".join(f"[{key!r}]" for key in error.absolute_path)
            raise ValueError(f"{place}{field}: {error.message}")
