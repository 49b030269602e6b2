"""Task sources of ``CodeTest-v0``: our own problems by index, and what a row of yours must have."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from llmenvs.data.code_test import TOPICS, Problem, TestCase, load_problems
from llmenvs.tasks import Task, hash_of

SPLITS = ("train", "test")
LEVELS = (1, 2, 3, 4)

TASK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["statement", "target"],
    "properties": {
        "task_id": {"type": "string"},
        "statement": {"type": "string", "minLength": 1},
        "interface": {"type": "string"},
        "examples": {"type": "string"},
        "target": {"type": "object"},
        "solution": {"type": "string"},
        "difficulty": {"type": "number"},
    },
}
"""What a row of your own must have; ``target`` is one of `CodeVerifier`, whose tests of the group
``"visible"`` a policy of several turns is told about. A ``solution`` is for the oracle."""

_MAX_INDEX = 10**6
_VERSION = 2  # counted up with every change of what a task id means
_TASK_ID = re.compile(r"(\w+)-(\d{1,7})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ProceduralCode:
    """Our own problems, each with its variants and with tests drawn by index: a task source.

    The problems of the two splits are different ones, so that no task of one is a task of the
    other. A task's id, such as ``climb-17``, is all that it follows from.

    Attributes:
        split: ``"train"`` or ``"test"``.
        topics: of the problems, from `llmenvs.data.code_test.TOPICS`; all of them by default.
        levels: of difficulty, from 1 to 4; all of them by default.

    Raises:
        ValueError: an unknown split, topic or level, or no problem that fits.

    >>> task = ProceduralCode().find("climb-0")
    >>> task["interface"]
    'Write the function `def climb(stairs: int) -> int`.'
    """

    split: str = "train"
    topics: Sequence[str] = TOPICS
    levels: Sequence[int] = LEVELS

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"split must be one of {list(SPLITS)}, got {self.split!r}")
        for name, values, known in (
            ("topics", self.topics, TOPICS),
            ("levels", self.levels, LEVELS),
        ):
            if not set(values) <= set(known):
                raise ValueError(f"{name} must be some of {list(known)}, got {list(values)}")
        if not self.problems:
            raise ValueError(
                f"no problem of the split {self.split!r} has the topics {list(self.topics)} and "
                f"the levels {list(self.levels)}"
            )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems from which tasks are drawn."""
        return _problems(self.split, tuple(self.topics), tuple(self.levels))

    @property
    def content_hash(self) -> str:
        """Of the split, the problems and the version of how tasks are drawn."""
        return hash_of(["code test", _VERSION, self.split, *(p.name for p in self.problems)])

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw a problem, then its variant and tests."""
        problem = self.problems[int(rng.integers(len(self.problems)))]
        return self.find(f"{problem.name}-{int(rng.integers(_MAX_INDEX))}")

    def find(self, task_id: str) -> Task:
        """Return the task of that id; raise a ValueError that names near problems if it is none."""
        found = _TASK_ID.fullmatch(str(task_id))
        names = [problem.name for problem in self.problems]
        if found is None or found[1] not in names:
            near = difflib.get_close_matches(str(task_id).rpartition("-")[0], names, n=3)
            raise ValueError(
                f"no task has the id {task_id!r}: an id is a problem and a number, such as "
                f"{(near or names)[0]}-0"
            )
        return _task(found[1], int(found[2]))


@lru_cache(maxsize=1024)
def _problems(split: str, topics: tuple[str, ...], levels: tuple[int, ...]) -> tuple[Problem, ...]:
    return tuple(
        problem
        for problem in load_problems().values()
        if problem.split == split and problem.topic in topics and problem.level in levels
    )


@lru_cache(maxsize=1024)
def _task(name: str, index: int) -> Task:
    problem = load_problems()[name]
    instance = problem.instance(index)
    return {
        "task_id": f"{name}-{index}",
        "topic": problem.topic,
        "difficulty": problem.level,
        "split": problem.split,
        "statement": instance.statement,
        "interface": _interface(problem),
        "examples": "\n".join(_example(problem, test) for test in instance.visible),
        "target": _target(problem, instance.visible, instance.hidden),
        "solution": instance.solution,
    }


def _interface(problem: Problem) -> str:
    if problem.form == "stdin":
        return "Write a program that reads standard input and writes standard output."
    return f"Write the function `{problem.signature.rpartition(chr(10))[2]}`."


def _example(problem: Problem, test: TestCase) -> str:
    if problem.form == "stdin":
        return f"Input:\n{test.arguments[0]}Output:\n{test.expected}"
    arguments = ", ".join(map(repr, test.arguments))
    return f"{problem.name}({arguments}) returns {test.expected!r}"


def _target(
    problem: Problem, visible: Sequence[TestCase], hidden: Sequence[TestCase]
) -> dict[str, Any]:
    tests = [*visible, *hidden]
    groups = ["visible"] * len(visible) + ["hidden"] * len(hidden)
    if problem.form == "stdin":
        texts = {
            "stdin": [test.arguments[0] for test in tests],
            "stdout": [test.expected for test in tests],
        }
        return {**texts, "groups": groups, **problem.options}
    return {
        "entry_point": problem.name,
        "inputs": [list(test.arguments) for test in tests],
        "outputs": [test.expected for test in tests],
        "groups": groups,
        **problem.options,
    }
