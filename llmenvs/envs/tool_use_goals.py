"""What an episode of ``ToolUse-v0`` is scored against: a scenario's plan, or a row of yours."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from llmenvs.tasks import Task
from llmenvs.verifiers.tool_call import ToolCall
from llmenvs.worlds.requests import scenario_of, session_of, task_id_of_session
from llmenvs.worlds.scenario import Scenario, Solution, solve
from llmenvs.worlds.tau2_requests import (
    is_tau2,
    tau2_scenario,
    tau2_session_of,
    tau2_task_of_session,
)
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


def scenario_of_task(task_id: str) -> Scenario:
    """Return the scenario of a task of `ProceduralRequests` or `Tau2Requests`."""
    return tau2_scenario(task_id) if is_tau2(task_id) else scenario_of(task_id)


def session_of_task(task_id: str) -> str:
    """Return the session by which an episode's prompt names its task."""
    return tau2_session_of(task_id) if is_tau2(task_id) else str(session_of(task_id))


def task_of_session(session: str) -> str:
    """Return the task of a session.

    Raises:
        ValueError: there is none.
    """
    return tau2_task_of_session(session) if is_tau2(session) else task_id_of_session(int(session))


@lru_cache(maxsize=4096)
def goal_of_scenario(task_id: str) -> Goal:
    """Return the goal of a task of `ProceduralRequests` or `Tau2Requests`."""
    scenario = scenario_of_task(task_id)
    return Goal(scenario.world, solve(scenario))


def goal_of_row(task: Task, world: World) -> Goal:
    """Return the goal of a row of yours, whose tools ``world`` has."""
    calls = tuple((call["name"], call["parameters"]) for call in task.get("calls", ()))
    facts, forbidden = tuple(task["facts"]), tuple(task.get("forbidden", ()))
    return Goal(world, Solution(calls, Counter(), " ".join(facts), facts, forbidden))
