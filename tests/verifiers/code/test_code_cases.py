"""The labelled cases come out as labelled, in the function, stdin and asserts forms."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from llmenvs.verifiers.code import (
    Call,
    Ending,
    FunctionJob,
    Limits,
    Returned,
    Sandbox,
    StdinJob,
    SuiteJob,
)

LIMITS = Limits(cpu_s=1.0, wall_s=3.0)


def same(got: Any, wanted: Any) -> bool:
    if type(got) is float and type(wanted) is float:
        return math.isclose(got, wanted, rel_tol=1e-6)
    if type(got) is list and type(wanted) is list:
        return len(got) == len(wanted) and all(map(same, got, wanted))
    return type(got) is type(wanted) and bool(got == wanted)


def passes_as_functions(sandbox: Sandbox, case: dict[str, Any]) -> bool:
    calls = tuple(Call(case["entry_point"], tuple(args)) for args in case["inputs"])
    result = sandbox.run(FunctionJob(case["code"], calls), LIMITS)
    return result.ending is Ending.FINISHED and all(
        isinstance(call, Returned) and same(call.value, wanted)
        for call, wanted in zip(result.calls, case["outputs"], strict=True)
    )


def passes_as_suite(sandbox: Sandbox, case: dict[str, Any]) -> bool:
    job = SuiteJob(case["code"], "", (case["entry_point"],), tuple(case["asserts"]))
    report = sandbox.run(job, LIMITS).suite
    return report is not None and report.passed


def passes_as_program(sandbox: Sandbox, case: dict[str, Any]) -> bool:
    for stdin, stdout in zip(case["stdin"], case["stdout"], strict=True):
        result = sandbox.run(StdinJob(case["code"], stdin), LIMITS)
        if result.ending is not Ending.FINISHED or result.stdout.split() != stdout.encode().split():
            return False
    return True


@pytest.mark.slow
def test_cases_come_out_as_labelled(sandbox: Sandbox, shared: Path) -> None:
    text = (shared / "cases" / "code.jsonl").read_text()
    cases = [json.loads(line) for line in text.splitlines()]
    wrong = []
    for case in cases:
        forms = [passes_as_program] if "stdin" in case else [passes_as_functions, passes_as_suite]
        wrong += [
            (case["id"], case["name"], form.__name__)
            for form in forms
            if form(sandbox, case) is not case["expected"]
        ]

    assert not wrong
    assert len(cases) > 30
