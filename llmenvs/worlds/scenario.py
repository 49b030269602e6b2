"""`Scenario`: a world, a request, and how to meet it with the tools alone.

The plan names no facts: what a later call or the answer needs is taken out of an earlier call's
result, by a `Result`. So a plan proves that the request can be met by who can only call tools, and
running it gives everything that an episode is scored by.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmenvs.tools import ToolResultKind
from llmenvs.worlds.changes import Change, changes_between
from llmenvs.worlds.world import Call, World


class Result:
    """A value out of the result of an earlier call.

    Args:
        step: which call of the plan, from 0.
        path: keys and indices that lead to it.

    >>> Result(0, "orders", -1, "id").of([{"orders": [{"id": "A-1"}, {"id": "A-2"}]}])
    'A-2'
    """

    def __init__(self, step: int, *path: str | int) -> None:
        self.step = step
        self.path = path

    def of(self, results: Sequence[Any]) -> Any:
        """Return the value; ``results`` are those of the calls so far, as parsed JSON."""
        value = results[self.step]
        for key in self.path:
            value = value[key]
        return value

    def __repr__(self) -> str:
        return f"Result({', '.join(map(repr, (self.step, *self.path)))})"


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a plan; an argument, or an item of a list, may be a `Result`."""

    tool: str
    arguments: Mapping[str, Any]

    def resolved(self, results: Sequence[Any]) -> dict[str, Any]:
        """Return the arguments with every `Result` looked up in the results so far."""
        return {name: _resolved(value, results) for name, value in self.arguments.items()}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A request and how to meet it.

    Attributes:
        world: at the start.
        request: what the user says.
        steps: the calls that meet it, in order.
        response: what to tell the user: a format string with the results by position, such as
            ``"It costs {0[price]}."``.
        facts: what the user must be told; each a text or a `Result`.
        forbidden: what the user must not be told, since it is the answer to another question; one
            who tells everything has answered nothing.
    """

    world: World
    request: str
    steps: tuple[Step, ...]
    response: str
    facts: tuple[str | Result, ...] = ()
    forbidden: tuple[str | Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Solution:
    """What the plan of a scenario comes to.

    Attributes:
        calls: (tool, arguments) of the calls that worked, in order.
        changes: what they do to the world.
        response: what the user is told.
        facts: what of it must be told.
        forbidden: what must not be.
    """

    calls: tuple[Call, ...]
    changes: Counter[Change]
    response: str
    facts: tuple[str, ...]
    forbidden: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """Makes scenarios of one kind.

    Attributes:
        name: within its world.
        kind: ``"read"``, ``"write"``, or ``"refuse"`` for a request that the rules forbid.
        make: draws one with a generator alone.
    """

    name: str
    kind: str
    make: Callable[[np.random.Generator], Scenario]


def solve(scenario: Scenario) -> Solution:
    """Run the plan and return what it comes to.

    A call that fails since the service is busy is made again.

    Raises:
        ValueError: a call of the plan fails otherwise, or the response does not tell its facts:
            the scenario is wrong.
    """
    world = scenario.world
    results: list[Any] = []
    calls: list[Call] = []
    for step in scenario.steps:
        arguments = step.resolved(results)
        world, result = world.call(step.tool, arguments)
        while result.kind is ToolResultKind.TRANSIENT:
            world, result = world.call(step.tool, arguments)
        if not result.ok:
            raise ValueError(f"{step} of {scenario.request!r} fails: {result.text}")
        results.append(value_of(result.text))
        calls.append((step.tool, arguments))
    return Solution(
        calls=tuple(calls),
        changes=changes_between(scenario.world, world),
        response=scenario.response.format(*results),
        facts=tuple(_fact(value, results) for value in scenario.facts),
        forbidden=tuple(_fact(value, results) for value in scenario.forbidden),
    )


def value_of(text: str) -> Any:
    """Return what a result says: the value of its JSON, or the text that it is.

    >>> value_of('{"total": 3}'), value_of("Done.")
    ({'total': 3}, 'Done.')
    """
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fact(value: str | Result, results: Sequence[Any]) -> str:
    found = value.of(results) if isinstance(value, Result) else value
    return found if isinstance(found, str) else json.dumps(found)


def _resolved(value: Any, results: Sequence[Any]) -> Any:
    if isinstance(value, Result):
        return value.of(results)
    return [_resolved(item, results) for item in value] if isinstance(value, list) else value
