"""Task sources of ``MathAnswer-v0``: problems by seed, whose train and test halves cannot meet.

Which half a problem is in follows from the problem itself, from a checksum of its numbers, not from
its seed. So no seed, no wording and no number of draws can put one problem into both.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmenvs.envs.math_families import FAMILIES, FAMILY_BY_NAME, MAX_LEVEL, ProblemFamily, Values
from llmenvs.tasks import Task, hash_of

SPLITS = ("train", "test")
_TEST_SHARE = 10  # one problem in ten is a test problem
_VERSION = 1  # counted up with every change of what a task id means

TASK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["question", "answer"],
    "properties": {
        "task_id": {"type": "string"},
        "question": {"type": "string", "minLength": 1},
        "answer": {"type": "string", "minLength": 1},
        "difficulty": {"type": "number"},
        "split": {"type": "string"},
    },
}
"""What a row of your own must have; more fields are kept in the task."""

_TASK_ID = re.compile(r"(\w+)-(\d)-(train|test)-(\d{1,10})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ProceduralMath:
    """Problems by seed: a task source.

    A task has ``question``, ``answer``, ``family`` and ``difficulty`` (its level); its id, such as
    ``tickets-2-train-17``, is all that it follows from.

    Attributes:
        split: ``"train"`` or ``"test"``; a tenth of all problems are test problems.
        families: names from `FAMILIES`, drawn with equal chances; all of them by default.
        levels: from 1 to 5, drawn with equal chances.

    >>> task = ProceduralMath().find("arithmetic-1-train-0")
    >>> task["question"], task["answer"]
    ('Find the value of 5 - 9 + 9.', '5')
    """

    split: str = "train"
    families: Sequence[str] = tuple(FAMILY_BY_NAME)
    levels: Sequence[int] = (1, 2, 3)

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"split must be one of {list(SPLITS)}, got {self.split!r}")
        unknown = [name for name in self.families if name not in FAMILY_BY_NAME]
        if unknown or not self.families:
            raise ValueError(f"families must be some of {list(FAMILY_BY_NAME)}, got {unknown}")
        if not self.levels or not set(self.levels) <= set(range(1, MAX_LEVEL + 1)):
            raise ValueError(f"levels must be some of 1 to {MAX_LEVEL}, got {list(self.levels)}")

    @property
    def content_hash(self) -> str:
        """Of the version, the split, the families and the levels."""
        return hash_of([_VERSION, self.split, list(self.families), list(self.levels)])

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw a family, a level and a problem."""
        family, level, index = rng.integers(2**31, size=3).tolist()
        name = self.families[family % len(self.families)]
        return self._task(FAMILY_BY_NAME[name], self.levels[level % len(self.levels)], index)

    def find(self, task_id: str) -> Task:
        """Return the task of that id, also of a level or family that is not drawn.

        Raises:
            ValueError: it is no such id, or of the other split.
        """
        match = _TASK_ID.fullmatch(str(task_id))
        if match is None or match[1] not in FAMILY_BY_NAME or not 1 <= int(match[2]) <= MAX_LEVEL:
            raise ValueError(
                f"no task has the id {task_id!r}; an id is FAMILY-LEVEL-{self.split}-NUMBER with "
                f"one of the families {list(FAMILY_BY_NAME)} and a level from 1 to {MAX_LEVEL}"
            )
        if match[3] != self.split:
            raise ValueError(f"task {task_id!r} is not in the split {self.split!r}")
        return self._task(FAMILY_BY_NAME[match[1]], int(match[2]), int(match[4]))

    def problems(self, count: int, *, seed: int = 0) -> Iterator[Task]:
        """Yield ``count`` tasks, as `sample` draws them with a generator of ``seed``."""
        rng = np.random.default_rng([seed])
        for _ in range(count):
            yield self.sample(rng)

    def _task(self, family: ProblemFamily, level: int, index: int) -> Task:
        rng = np.random.default_rng([FAMILIES.index(family), level, index])
        values = family.draw(rng, level)
        while split_of(family, values) != self.split:
            values = family.draw(rng, level)
        sentence = family.sentences[int(rng.integers(len(family.sentences)))]
        return {
            "task_id": f"{family.name}-{level}-{self.split}-{index}",
            "question": sentence.format(**values),
            "answer": str(family.solve(values)),
            "family": family.name,
            "difficulty": level,
        }


def split_of(family: ProblemFamily, values: Values) -> str:
    """Return the half that the problem is in, whatever its wording."""
    checksum = zlib.crc32(family.identity(values).encode())
    return "test" if checksum % _TEST_SHARE == 0 else "train"
