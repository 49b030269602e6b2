"""Scripted policies of ``ToolUse-v0``: one that is right, and ones that are wrong in a known way.

They know nothing but the prompt. Its session names the task, the task its plan, and the facts come
out of the results of the calls.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from llmenvs.envs.tool_scripts import random_call, value_off
from llmenvs.envs.tool_text import Protocol, call_text, response_text, results_in
from llmenvs.envs.tool_use_goals import goal_of_scenario, scenario_of_task, task_of_session
from llmenvs.envs.tool_use_prompt import session_in
from llmenvs.policy import FunctionPolicy, Policy, Prompt, ToolSchema
from llmenvs.tasks import TaskSet, TaskSource
from llmenvs.worlds.changes import changes_between
from llmenvs.worlds.scenario import Step, value_of
from llmenvs.worlds.world import BUSY


class Slip(enum.Enum):
    """What a policy does wrong that otherwise follows the plan."""

    WRONG_VALUE = enum.auto()
    """One value of the last call in which it makes another end, and the facts in the answer."""
    SIDE_EFFECT = enum.auto()
    """A call that nobody asked for, after those that were."""


def scripted_policies(
    tasks: TaskSource, protocol: Protocol, tools: Callable[[Prompt], Sequence[ToolSchema]]
) -> dict[str, Policy]:
    """Return the policies by name; see `ToolUseEnv.scripted_policies`.

    Args:
        tasks: of the environment.
        protocol: how to write.
        tools: returns the schemas of an episode's tools.
    """
    found: dict[str, Policy] = {
        "random": FunctionPolicy(lambda prompt: _random(prompt, tools(prompt), protocol)),
        "noop": FunctionPolicy(lambda prompt: response_text("", protocol)),
    }
    if isinstance(tasks, TaskSet):
        return {"oracle": FunctionPolicy(_OfRows(tasks, protocol)), **found}
    return {
        "oracle": FunctionPolicy(lambda prompt: _follow(prompt, protocol)),
        **found,
        "wrong_value": FunctionPolicy(
            lambda prompt: _follow(prompt, protocol, slip=Slip.WRONG_VALUE)
        ),
        "side_effect": FunctionPolicy(
            lambda prompt: _follow(prompt, protocol, slip=Slip.SIDE_EFFECT)
        ),
    }


def _follow(prompt: Prompt, protocol: Protocol, *, slip: Slip | None = None) -> str:
    """Return the next call of the plan, or the answer once all are made or one has failed."""
    task_id = task_of_session(session_in(prompt.messages))
    scenario, solution = scenario_of_task(task_id), goal_of_scenario(task_id).solution
    texts = [text for text in results_in(prompt.messages) if text != BUSY.text]
    if texts and texts[-1].startswith("Error: "):
        return response_text("That could not be done.", protocol)
    results = [value_of(text) for text in texts]
    steps = list(scenario.steps)
    if slip is Slip.SIDE_EFFECT:
        steps.append(Step(*scenario.world.MISSTEP))
    if len(results) < len(steps):
        step = steps[len(results)]
        arguments = step.resolved(results)
        if slip is Slip.WRONG_VALUE and len(results) == _last_that_counts(task_id):
            arguments = _with_one_value_off(arguments)
        return call_text([{"name": step.tool, "parameters": arguments}], protocol)
    response = scenario.response.format(*results)
    if slip is Slip.WRONG_VALUE:
        for fact in solution.facts:
            response = response.replace(fact, value_off(fact))
    return response_text(response, protocol)


@lru_cache(maxsize=1024)
def _last_that_counts(task_id: str) -> int | None:
    """Return the last call of the plan of which one value that is off makes another end."""
    start, solution = scenario_of_task(task_id).world, goal_of_scenario(task_id).solution
    for number in reversed(range(len(solution.calls))):
        world = start
        for index, (name, arguments) in enumerate(solution.calls):
            given = _with_one_value_off(arguments) if index == number else arguments
            world, result = world.call(name, given)
            while result == BUSY:
                world, result = world.call(name, given)
        if changes_between(start, world) != solution.changes:
            return number
    return None


def _with_one_value_off(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with another number, or another value of the last one."""
    if not arguments:
        return {}
    numbers = [name for name, value in arguments.items() if isinstance(value, int | float)]
    name = numbers[-1] if numbers else list(arguments)[-1]
    return {**arguments, name: value_off(arguments[name])}


def _random(prompt: Prompt, tools: Sequence[ToolSchema], protocol: Protocol) -> str:
    return call_text([random_call(tools, np.random.default_rng(prompt.seed))], protocol)


class _OfRows:
    """The oracle of rows: makes a row's calls one by one and tells its facts."""

    def __init__(self, tasks: TaskSet, protocol: Protocol) -> None:
        self._tasks = tasks
        self._protocol = protocol

    def __call__(self, prompt: Prompt) -> str:
        task = self._tasks.find(session_in(prompt.messages))
        calls = task.get("calls", ())
        made = len(results_in(prompt.messages))
        if made < len(calls):
            return call_text([calls[made]], self._protocol)
        return response_text(" ".join(task["facts"]), self._protocol)
