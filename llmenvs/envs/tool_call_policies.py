"""Scripted policies of ``ToolCall-v0``: one that is right, and ones wrong in a known way.

They find the task by its prompt, so that one policy plays many environments at once.
"""

from collections.abc import Callable, Iterable

import numpy as np

from llmenvs.envs.tool_call_prompt import opening, system_text
from llmenvs.envs.tool_scripts import random_call, value_off
from llmenvs.envs.tool_text import Protocol, call_text, response_text
from llmenvs.policy import FunctionPolicy, Policy, Prompt
from llmenvs.tasks import Task, TaskSource
from llmenvs.transcript import Message

_THOUGHTS = "<think> {} </think>\n"


def scripted_policies(tasks: TaskSource, template: str, protocol: Protocol) -> dict[str, Policy]:
    """Return the policies by name; see `ToolCallEnv.scripted_policies`.

    Args:
        tasks: of the environment.
        template: of its system prompt.
        protocol: how to write.
    """
    known = _KnownTasks(tasks, template, protocol)

    def asked(answer: Callable[[Task, Protocol, Prompt], str]) -> Policy:
        return FunctionPolicy(lambda prompt: answer(known.task_of(prompt), protocol, prompt))

    return {
        "oracle": asked(_right),
        "random": asked(_random),
        "noop": FunctionPolicy(lambda prompt: ""),
        "wrong_value": asked(_one_value_off),
    }


class _KnownTasks:
    """Finds the task that a prompt is of; the prompts are made on the first search."""

    def __init__(self, tasks: TaskSource, template: str, protocol: Protocol) -> None:
        self._tasks = tasks
        self._template = template
        self._protocol = protocol
        self._by_prompt: dict[str, Task] | None = None

    def task_of(self, prompt: Prompt) -> Task:
        if self._by_prompt is None:
            self._by_prompt = self._indexed()
        key = _key(prompt.messages)
        if key not in self._by_prompt:
            raise ValueError(f"no task of this environment has the prompt {prompt.text[-200:]!r}")
        return self._by_prompt[key]

    def _indexed(self) -> dict[str, Task]:
        if not isinstance(self._tasks, Iterable):
            raise ValueError(
                f"the scripted policies need tasks that can be listed, got {self._tasks!r}"
            )
        found = {}
        for task in self._tasks:
            system = system_text(task, template=self._template, protocol=self._protocol)
            found[_key(opening(task, system=system, protocol=self._protocol))] = task
        return found


def _key(messages: Iterable[Message]) -> str:
    return "\0".join(message["content"] for message in messages)


def _right(task: Task, protocol: Protocol, prompt: Prompt) -> str:
    """Return the wanted calls, or the answer; ToolRL's ground truth where the task has it."""
    if "ground_truth" in task and "<think>" in task["ground_truth"]:
        return str(task["ground_truth"])
    if task.get("wants_any_call"):
        return _random(task, protocol, prompt)
    if task["calls"]:
        thoughts = _THOUGHTS.format("A tool is needed.") if protocol == "tagged" else ""
        return thoughts + call_text(task["calls"], protocol)
    thoughts = _THOUGHTS.format("No call is needed.") if protocol == "tagged" else ""
    return thoughts + response_text(task.get("response") or "I cannot do that.", protocol)


def _one_value_off(task: Task, protocol: Protocol, prompt: Prompt) -> str:
    """Return the wanted calls with one value off; a call of some tool where none is wanted."""
    thoughts = _THOUGHTS.format("Nearly.") if protocol == "tagged" else ""
    if task.get("wants_any_call"):
        return thoughts + call_text([{"name": "no_such_tool", "parameters": {}}], protocol)
    calls = [dict(call) for call in task["calls"]]
    if not calls:
        return _random(task, protocol, prompt) if task["tools"] else ""
    last = calls[-1]
    if last["parameters"]:
        name = list(last["parameters"])[-1]
        last["parameters"] = {**last["parameters"], name: value_off(last["parameters"][name])}
    else:
        last["name"] += "_now"
    return thoughts + call_text(calls, protocol)


def _random(task: Task, protocol: Protocol, prompt: Prompt) -> str:
    """Return a call of a random tool, with a random value of the right type for each parameter."""
    rng = np.random.default_rng(prompt.seed)
    thoughts = _THOUGHTS.format("Who knows?") if protocol == "tagged" else ""
    if not task["tools"]:
        return thoughts + response_text(str(rng.integers(100)), protocol)
    return thoughts + call_text([random_call(task["tools"], rng)], protocol)
