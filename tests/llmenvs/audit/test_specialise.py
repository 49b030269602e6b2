"""A specialised reference has no code of other variants and does what the reference does."""

import pytest

from llmenvs.audit.audit import AuditConfig, audit_task
from llmenvs.audit.specialise import specialised
from llmenvs.audit.tasks import read_tasks
from llmenvs.data.code_test import load_problems
from llmenvs.verifiers.code import open_sandbox


@pytest.mark.parametrize(
    ("body", "folded"),
    [
        ("return a if k == 1 else b", "return a"),
        ("return a if k != 1 else b", "return b"),
        ("if k == 2:\n        return a\n    return b", "return b"),
        ("if k == 1:\n        return a\n    return b", "return a"),
        ("return k + a", "return 1 + a"),
        ("return k == 1 and a", "return a"),
        ("return k == 1 or a", "return True"),
        ("return k == 2 or a", "return a"),
        ("while k == a:\n        a += k", "while 1 == a:\n        a += 1"),
        ("if k == 2:\n        pass", "pass"),
    ],
)
def test_branches_of_other_variants_are_gone(body: str, folded: str) -> None:
    found = specialised(f"def f(a, *, k=1):\n    {body}")

    assert found == f"def f(a):\n    {folded}"


def test_a_parameter_that_is_assigned_stays() -> None:
    source = "def f(a, *, k=1):\n    k += a\n    return k"

    assert specialised(source) == source


@pytest.mark.slow
def test_specialised_references_pass_their_tests() -> None:
    problems = [problem for problem in load_problems().values() if problem.variants]
    tasks, _ = read_tasks("code_test")
    wanted = {f"{problem.name}-0" for problem in problems}
    config = AuditConfig(repeats=1, max_mutants=0)
    with open_sandbox() as sandbox:
        for task in tasks.filter(lambda task: task["task_id"] in wanted):
            record = audit_task(task, sandbox, config)
            assert record["findings"] == [], task["task_id"]
