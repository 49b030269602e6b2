"""Scripted policies of ``ToolUse-v0``: one that is right, and ones that are wrong in a known way.

They know nothing but the prompt. Its session names the task, the task its plan, and the facts come
out of the results of the calls.
"""

import enum
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from llmenvs.envs.tool_use_prompt import Protocol, results_in, session_in
from llmenvs.policy import FunctionPolicy, Policy, Prompt, ToolSchema
from llmenvs.tasks import TaskSet, TaskSource
from llmenvs.worlds.requests import scenario_of, task_id_of_session
from llmenvs.worlds.scenario import Scenario, Step, solve
from llmenvs.worlds.world import BUSY, Call


class Slip(enum.Enum):
    """What a policy does wrong that otherwise follows the plan."""

    WRONG_VALUE = enum.auto()
    """One value of the last call that changes the world, or the facts in the answer."""
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
        "random": FunctionPolicy(lambda prompt: _call_text(_random_call(prompt, tools(prompt)))),
        "noop": FunctionPolicy(lambda prompt: _answer_text("", protocol)),
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
    scenario = scenario_of(task_id_of_session(int(session_in(prompt.messages))))
    texts = [text for text in results_in(prompt.messages) if text != BUSY.text]
    if texts and texts[-1].startswith("Error: "):
        return _answer_text("That could not be done.", protocol)
    results = [json.loads(text) for text in texts]
    steps = list(scenario.steps)
    if slip is Slip.SIDE_EFFECT:
        steps.append(Step(*scenario.world.MISSTEP))
    if len(results) < len(steps):
        step = steps[len(results)]
        arguments = step.resolved(results)
        if slip is Slip.WRONG_VALUE and len(results) == _last_change(scenario):
            arguments = _with_one_value_off(arguments)
        return _call_text((step.tool, arguments))
    response = scenario.response.format(*results)
    if slip is Slip.WRONG_VALUE:
        for fact in solve(scenario).facts:
            response = response.replace(fact, _off(fact))
    return _answer_text(response, protocol)


def _last_change(scenario: Scenario) -> int | None:
    """Return which call of the plan is the last that changes the world."""
    world, last = scenario.world, None
    for number, (name, arguments) in enumerate(solve(scenario).calls):
        after, result = world.call(name, arguments)
        while result == BUSY:
            after, result = after.call(name, arguments)
        last = number if after.tables != world.tables else last
        world = after
    return last


def _with_one_value_off(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with another number, or another value of the last one."""
    numbers = [name for name, value in arguments.items() if isinstance(value, int | float)]
    name = numbers[-1] if numbers else list(arguments)[-1]
    return {**arguments, name: _off(arguments[name])}


def _off(value: Any) -> Any:
    """Return a value that looks like ``value`` and is not."""
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) and any(character.isdigit() for character in value):
        return re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), value)
    return str(value)[::-1]


def _random_call(prompt: Prompt, tools: Sequence[ToolSchema]) -> Call:
    """Draw a tool, and a value of the right type for each of its required arguments."""
    rng = np.random.default_rng(prompt.seed)
    tool = tools[int(rng.integers(len(tools)))]
    properties = tool["parameters"].get("properties", {})
    required = tool["parameters"].get("required", ())
    return tool["name"], {name: _random_value(properties.get(name, {}), rng) for name in required}


def _random_value(schema: Mapping[str, Any], rng: np.random.Generator) -> Any:
    if "enum" in schema:
        return schema["enum"][int(rng.integers(len(schema["enum"])))]
    number = int(rng.integers(100))
    of_type = {"integer": number, "number": number / 2, "boolean": number < 50, "array": []}
    return of_type.get(schema.get("type", ""), f"A-{number}")


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
            return _call_text((calls[made]["name"], calls[made]["parameters"]))
        return _answer_text(" ".join(task["facts"]), self._protocol)


def _call_text(call: Call) -> str:
    name, parameters = call
    row = json.dumps({"name": name, "parameters": dict(parameters)}, ensure_ascii=False)
    return f"<tool_call>\n{row}\n</tool_call>"


def _answer_text(text: str, protocol: Protocol) -> str:
    return f"<response>{text}</response>" if protocol == "tagged" else text
