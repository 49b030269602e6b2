"""`BundledTasks`: a task set that the package carries, as a source that pickles as its name."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from llmenvs.tasks import Task, TaskSet

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class BundledTasks(ABC):
    """The bundled tasks of one split; a subclass loads them, once, when they are first needed.

    Attributes:
        split: ``"train"`` or ``"test"``.

    Raises:
        ValueError: another split.
    """

    split: Split = "train"

    def __post_init__(self) -> None:
        if self.split not in get_args(Split):
            raise ValueError(f"split must be one of {list(get_args(Split))}, got {self.split!r}")

    @property
    @abstractmethod
    def rows(self) -> TaskSet:
        """The tasks of the split."""

    @property
    def content_hash(self) -> str:
        """Of all rows in their order."""
        return self.rows.content_hash

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw one task uniformly."""
        return self.rows.sample(rng)

    def find(self, task_id: str) -> Task:
        """Return the task of that id, or raise a ValueError that names the nearest ids."""
        return self.rows.find(task_id)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Task]:
        return iter(self.rows)
