"""What a task is checked against and what kind it is, as records and scorers have it."""

from collections.abc import Mapping
from typing import Any

from llmenvs.env import TextEnv
from llmenvs.tasks import Task

_TARGET_FIELDS = ("bfcl", "target", "answers", "answer", "calls")
_CATEGORY_FIELDS = ("category", "world", "family", "topic", "kind")
_DIFFICULTY_FIELDS = ("difficulty", "n_hops")

Calls = tuple[Mapping[str, Any], ...]


def target_of(env: TextEnv[Any], task: Task) -> Any:
    """Return what ``task`` is checked against, as a verifier takes it; None where there is none.

    Of ``ToolUse-v0``, which compares worlds, it is the facts to tell and the calls of the plan.
    """
    plan = _plan(env, task)
    if plan is not None:
        return plan
    return next((task[name] for name in _TARGET_FIELDS if name in task), None)


def wanted_calls_of(env: TextEnv[Any], task: Task) -> Calls | None:
    """Return the calls that are wanted; None where the task is not about calls."""
    plan = _plan(env, task)
    calls = task.get("calls") if plan is None else plan["calls"]
    return None if calls is None else tuple(calls)


def category_of(task: Task) -> str | None:
    """Return what kind of task it is, where it says."""
    return _first(task, _CATEGORY_FIELDS)


def difficulty_of(task: Task) -> str | None:
    """Return how difficult it is, where it says."""
    return _first(task, _DIFFICULTY_FIELDS)


def _first(task: Task, names: tuple[str, ...]) -> str | None:
    return next((str(task[name]) for name in names if task.get(name) is not None), None)


def _plan(env: TextEnv[Any], task: Task) -> dict[str, Any] | None:
    """Return the goal of a task of ``ToolUse-v0``, whether of a world or of a row."""
    if "facts" in task:
        return {"facts": list(task["facts"]), "calls": [dict(c) for c in task.get("calls", ())]}
    from llmenvs.worlds.requests import ProceduralRequests  # worlds that other tasks do not need

    if not isinstance(env.tasks, ProceduralRequests):
        return None
    from llmenvs.envs.tool_use_goals import goal_of_scenario

    goal = goal_of_scenario(task["task_id"])
    calls = [call.to_dict() for call in goal.calls]
    return {"facts": list(goal.solution.facts), "calls": calls}
