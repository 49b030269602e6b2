"""Scripted policies of ``CodeTest-v0``."""

import re
from collections.abc import Callable
from functools import cache

import numpy as np

from llmenvs.data.code_test import load_problems
from llmenvs.policy import FunctionPolicy, Policy, Prompt
from llmenvs.tasks import Task, TaskSet, TaskSource

_HEAD = re.compile(r"def (\w+)\(")
_CONSTANTS = ("0", "1", "-1", "''", "[]", "True", "False", "None", "{}")


def scripted_policies(tasks: TaskSource, prompt_of: Callable[[Task], str]) -> dict[str, Policy]:
    """Return the policies by name; see `CodeTestEnv.scripted_policies`."""
    known = {}
    if isinstance(tasks, TaskSet):
        known = {prompt_of(task): task["solution"] for task in tasks if "solution" in task}

    def oracle(prompt: Prompt) -> str:
        asked = prompt.messages[0]["content"]
        solution = known.get(asked) or _own_solution(asked)
        if solution is None:
            raise ValueError(f"the oracle knows no solution of {asked[:200]!r}")
        return _block(solution)

    return {
        "oracle": FunctionPolicy(oracle),
        "random": FunctionPolicy(_constant_program),
        "noop": FunctionPolicy(lambda prompt: ""),
    }


def _own_solution(asked: str) -> str | None:
    """Return the solution of the one of our problems whose statement stands in ``asked``."""
    for statement, solution in _solutions().items():
        if statement in asked:
            return solution
    return None


@cache
def _solutions() -> dict[str, str]:
    return {
        problem.statement(values): problem.solution(values)
        for problem in load_problems().values()
        for values in problem.variant_values
    }


def _constant_program(prompt: Prompt) -> str:
    rng = np.random.default_rng(prompt.seed)
    constant = _CONSTANTS[int(rng.integers(len(_CONSTANTS)))]
    head = _HEAD.search(prompt.messages[0]["content"])
    if head is None:
        return _block(f"print({constant})")
    return _block(f"def {head[1]}(*args):\n    return {constant}")


def _block(program: str) -> str:
    return f"```python\n{program}\n```"
