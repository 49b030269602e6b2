"""Every problem is solved by its reference and by nothing that is nearly right."""

import numpy as np
import pytest

from llmenvs.data.code_test import TOPICS, Problem, load_problems
from llmenvs.envs.code_test_tasks import ProceduralCode
from llmenvs.verifiers import CodeVerifier

PROBLEMS = load_problems()


def block(program: str) -> str:
    return f"```python\n{program}\n```"


def task_target(problem: Problem, index: int) -> dict[str, object]:
    target: dict[str, object] = ProceduralCode(problem.split).find(f"{problem.name}-{index}")[
        "target"
    ]
    return target


def test_there_are_a_hundred_and_twenty_problems_at_four_levels() -> None:
    assert len(PROBLEMS) >= 120
    for split in ("train", "test"):
        levels = {problem.level for problem in ProceduralCode(split).problems}
        assert levels == {1, 2, 3, 4}
    assert {problem.topic for problem in PROBLEMS.values()} == set(TOPICS)


def test_no_problem_and_no_statement_is_in_both_splits() -> None:
    train, test = (
        {p.statement(values) for p in ProceduralCode(split).problems for values in p.variant_values}
        for split in ("train", "test")
    )

    assert not train & test


def test_statements_are_all_different_and_say_what_they_must() -> None:
    statements = [
        problem.statement(values)
        for problem in PROBLEMS.values()
        for values in problem.variant_values
    ]

    assert len(set(statements)) == len(statements)
    assert all(len(text) > 80 and "$" not in text for text in statements)


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_index_gives_the_same_task_again_with_enough_tests(name: str) -> None:
    problem = PROBLEMS[name]

    first, again = problem.instance(3), problem.instance(3)

    assert repr(first) == repr(again)
    assert len(first.hidden) >= 8
    assert len(first.visible) == 2
    inputs = [repr(test.arguments) for test in (*first.visible, *first.hidden)]
    assert len(set(inputs)) == len(inputs)
    assert len(problem.bugs) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_reference_passes_and_wrong_programs_fail(name: str) -> None:
    problem, verifier = PROBLEMS[name], CodeVerifier(limits={"cpu_s": 1.0, "wall_s": 10.0})
    for index in range(2):
        instance, target = problem.instance(index), task_target(problem, index)
        assert verifier(block(instance.solution), target).success
        for number, wrong in enumerate(problem.wrong_solutions(instance.values)):
            assert wrong != instance.solution, f"bug {number} changes nothing"
            assert not verifier(block(wrong), target).success, f"bug {number} passes"


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_program_that_ignores_its_task_fails(name: str) -> None:
    problem, verifier = PROBLEMS[name], CodeVerifier(limits={"cpu_s": 1.0, "wall_s": 10.0})
    target, instance = task_target(problem, 0), problem.instance(0)
    if problem.form == "stdin":
        programs = ["", "print(input())", f"print({instance.visible[0].expected!r}, end='')"]
    else:
        head = f"def {name}(*args, **options):"
        programs = [
            f"{head}\n    pass",
            f"{head}\n    return args[0]",
            f"{head}\n    return {instance.visible[0].expected!r}",
        ]

    assert not any(verifier(block(program), target).success for program in programs)


def test_two_seeds_draw_different_tasks() -> None:
    source = ProceduralCode()
    drawn = {source.sample(np.random.default_rng(seed))["task_id"] for seed in range(100)}

    assert len(drawn) == 100
