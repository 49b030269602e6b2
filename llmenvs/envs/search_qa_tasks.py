"""The tasks of ``SearchQA-v0``: what a row must have, and the bundled questions as a source."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import numpy as np

from llmenvs.tasks import Task, TaskSet

Split = Literal["train", "test"]

_TEXT = {"type": "string", "minLength": 1}
_HOP = {"type": "object", "required": ["question"], "properties": {"question": _TEXT}}
TASK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["question", "answers"],
    "properties": {
        "task_id": {"type": "string"},
        "question": _TEXT,
        "answers": {"type": "array", "items": _TEXT, "minItems": 1},
        "gold_passages": {"type": "array", "items": {"type": "string"}},
        "hops": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["question"],
                "properties": {"question": _TEXT},
            },
        },
    },
}
"""What a row of your own must have; more fields are kept in the task."""


@dataclass(frozen=True, slots=True)
class BundledQuestions:
    """The bundled questions of one split: a task source that pickles as its name.

    A task has ``question``, ``answers``, ``gold_passages``, ``hops``, ``kind`` and more; see the
    datasheet.

    Attributes:
        split: ``"train"`` or ``"test"``; they share neither an entity chain nor its country.
    """

    split: Split = "train"

    def __post_init__(self) -> None:
        if self.split not in get_args(Split):
            raise ValueError(f"split must be one of {list(get_args(Split))}, got {self.split!r}")

    @property
    def content_hash(self) -> str:
        """Of all rows in their order."""
        return _questions(self.split).content_hash

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw one task uniformly."""
        return _questions(self.split).sample(rng)

    def find(self, task_id: str) -> Task:
        """Return the task of that id, or raise a ValueError that names the nearest ids."""
        return _questions(self.split).find(task_id)

    def __len__(self) -> int:
        return len(_questions(self.split))

    def __iter__(self) -> Iterator[Task]:
        return iter(_questions(self.split))


@cache
def _questions(split: Split) -> TaskSet:
    from llmenvs.data.search_qa import load_questions  # megabytes that other tasks do not need

    return TaskSet({"task_id": row["id"], **row} for row in load_questions(split))
