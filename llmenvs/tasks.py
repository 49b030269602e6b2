"""Where an environment's tasks come from: `TaskSource`, and `TaskSet` for a fixed list of them.

A task is a read-only mapping with the string ``task_id``. A source has a content hash, which every
episode carries, so that two results can be compared only where they are about the same tasks.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


class TaskSet(Sequence[Task]):
    """A fixed list of tasks.

    Args:
        rows: the tasks; one without ``task_id`` gets its position, as a string.
        schema: the JSON schema that every row must meet; None for no check.

    Raises:
        ValueError: no rows, a row that breaks the schema, or a task_id that is no string or comes
            twice; the message names the row and the field.

    >>> tasks = TaskSet([{"task_id": "a", "question": "1+1"}, {"task_id": "b", "question": "2+2"}])
    >>> tasks.find("b")["question"], len(tasks)
    ('2+2', 2)
    """

    def __init__(
        self, rows: Iterable[Mapping[str, Any]], *, schema: Mapping[str, Any] | None = None
    ) -> None:
        tasks = [{"task_id": str(index), **row} for index, row in enumerate(rows)]
        if not tasks:
            raise ValueError("tasks must hold at least one row, got none")
        if schema is not None:
            _validate(tasks, schema)
        self._by_id: dict[str, Task] = {}
        for index, task in enumerate(tasks):
            task_id = task["task_id"]
            if not isinstance(task_id, str):
                raise ValueError(f"tasks[{index}]: task_id must be a string, got {task_id!r}")
            if task_id in self._by_id:
                raise ValueError(f"tasks[{index}]: task_id {task_id!r} comes twice")
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


def _validate(tasks: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> None:
    import jsonschema  # 50 ms that a program without task files need not pay

    validator = jsonschema.Draft202012Validator(dict(schema))
    for index, task in enumerate(tasks):
        error = jsonschema.exceptions.best_match(validator.iter_errors(task))
        if error is not None:
            field = "".join(f"[{key!r}]" for key in error.absolute_path)
            raise ValueError(f"tasks[{index}]{field}: {error.message}")
