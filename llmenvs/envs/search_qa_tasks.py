"""The tasks of ``SearchQA-v0``: what a row must have, and the bundled questions as a source."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from llmenvs.bundled_tasks import BundledTasks, Split
from llmenvs.tasks import TaskSet

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
class BundledQuestions(BundledTasks):
    """The bundled questions of one split.

    A task has ``question``, ``answers``, ``gold_passages``, ``hops``, ``kind`` and more; see the
    datasheet.

    Attributes:
        split: ``"train"`` or ``"test"``; they share neither an entity chain nor its country.
    """

    @property
    def rows(self) -> TaskSet:
        """The questions of the split."""
        return _questions(self.split)


@cache
def _questions(split: Split) -> TaskSet:
    from llmenvs.data.search_qa import load_questions  # megabytes that other tasks do not need

    return TaskSet({"task_id": row["id"], **row} for row in load_questions(split))
