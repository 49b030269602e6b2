"""Programming problems of our own: statements, reference solutions, and tests drawn by index.

`load_problems` returns them by name. ``DATASHEET.md`` says what there is and how it was made.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from llmenvs.data.code_test.problem import Instance, Problem, TestCase

__all__ = ["TOPICS", "Instance", "Problem", "TestCase", "load_problems"]

TOPICS = (
    "bits",
    "calendars",
    "dicts",
    "dynamic",
    "formatting",
    "geometry",
    "graphs",
    "intervals",
    "lists",
    "matrices",
    "numbers",
    "parsing",
    "recursion",
    "search",
    "simulation",
    "streams",
    "strings",
    "structures",
)
"""The modules of problems."""


@cache
def load_problems() -> Mapping[str, Problem]:
    """Return all problems by name, in the order of their topics.

    >>> problem = load_problems()["climb"]
    >>> problem.level, problem.split, problem.instance(0).visible[0].arguments
    (2, 'train', (9,))
    """
    found: dict[str, Problem] = {}
    for topic in TOPICS:
        module = importlib.import_module(f"llmenvs.data.code_test.{topic}")
        for value in vars(module).values():
            if isinstance(value, Problem):
                found[value.name] = value
    return MappingProxyType(found)
