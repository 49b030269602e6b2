"""What an episode of ``ToolUse-v0`` is scored against: a scenario's plan, or a row of yours."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from llmenvs.tasks import Task
from llmenvs.verifiers.tool_call import ToolCall
from llmenvs.worlds.requests import scenario_of
from llmenvs.worlds.scenario import Solution, solve
from llmenvs.worlds.world import World

TASK_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["request", "facts"],
    "properties": {
        "task_id": {"type": "string"},
        "request": {"type": "string", "minLength": 1},
        "facts": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
        "forbidden": {"type": "array", "items": {"type": "string", "minLength": 1}},
        "calls": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "parameters"],
                "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}},
            },
        },
    },
}
"""What a row of your own must have: the request, and what the user must be told; the calls that a
policy should make are compared in the verdict's parts."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is scored against.

    Attributes:
        start: the world at the start.
        solution: what the plan comes to.
    """

    start: World
    solution: Solution

    @property
    def calls(self) -> list[ToolCall]:
        """The plan's calls."""
        return [ToolCall(name, dict(arguments)) for name, arguments in self.solution.calls]


@lru_cache(maxsize=4096)
def goal_of_scenario(task_id: str) -> Goal:
    """Return the goal of a task of `ProceduralRequests`."""
    scenario = scenario_of(task_id)
    return Goal(scenario.world, solve(scenario))


def goal_of_row(task: Task, world: World) -> Goal:
    """Return the goal of a row of yours, whose tools ``world`` has."""
    calls = tuple((call["name"], call["parameters"]) for call in task.get("calls", ()))
    facts, forbidden = tuple(task["facts"]), tuple(task.get("forbidden", ()))
    return Goal(world, Solution(calls, Counter(), " ".join(facts), facts, forbidden))
