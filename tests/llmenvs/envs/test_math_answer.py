"""Problems have exact answers, halves that cannot meet, and verdicts that read the policy alone."""

import ast
from fractions import Fraction
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import Tokenizer, check_text_env, rollout
from llmenvs.envs import MathAnswerEnv, ProceduralMath
from llmenvs.envs.math_answer import PROMPT_TEMPLATES
from llmenvs.envs.math_families import FAMILIES, FAMILY_BY_NAME, solve_text
from llmenvs.envs.math_tasks import split_of
from llmenvs.tasks import TaskSource
from llmenvs.verifiers import Status, Verdict

NAMES = list(FAMILY_BY_NAME)


@pytest.mark.parametrize("style", PROMPT_TEMPLATES)
def test_the_contract_holds_in_every_style(any_tokenizer: Tokenizer, style: str) -> None:
    check_text_env(gym.make("llmenvs/MathAnswer-v0", prompt_style=style, tokenizer=any_tokenizer))


@pytest.mark.parametrize("style", PROMPT_TEMPLATES)
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_oracle_scores_one_the_noop_zero_and_the_random_policy_next_to_nothing(
    style: str, split: str
) -> None:
    env = MathAnswerEnv(tasks=ProceduralMath(split=split, levels=range(1, 6)), prompt_style=style)
    means = {
        name: np.mean([t.total_reward for t in rollout([env], policy, seeds=range(300))])
        for name, policy in env.scripted_policies().items()
    }

    assert means["oracle"] == 1.0
    assert means["noop"] == 0.0
    assert means["random"] < 0.05


def test_a_shuffled_target_scores_zero() -> None:
    tasks = list(ProceduralMath().problems(200))
    env = MathAnswerEnv()
    for task, other in zip(tasks, tasks[1:] + tasks[:1], strict=True):
        env.reset(options={"task_id": task["task_id"]})
        reward = env.step(rf"\boxed{{{other['answer']}}}")[1]

        assert reward == float(Fraction(task["answer"]) == Fraction(other["answer"]))


def test_the_tickets_of_the_series() -> None:
    """9 tickets, adults 12 dollars, children 8, 92 paid: 5 adults."""
    question = (
        "Ana sold 9 tickets. Adults pay 12 dollars and children 8. In all, 92 dollars were paid. "
        "How many adults' tickets were sold?"
    )

    assert solve_text(question) == "5"


@given(st.sampled_from(NAMES), st.integers(1, 5), st.integers(0, 2**31 - 1))
def test_a_problem_reads_back_to_its_own_answer_and_solves_its_statement(
    name: str, level: int, index: int
) -> None:
    task = ProceduralMath().find(f"{name}-{level}-train-{index}")
    values = FAMILY_BY_NAME[name].read(task["question"])
    assert values is not None

    assert solve_text(f"Q: {task['question']} Answer now.") == task["answer"]
    number = {k: int(v.replace(" ", "")) for k, v in values.items() if v.strip("+- ").isdigit()}
    answer = Fraction(task["answer"])
    if name == "arithmetic":
        expression = (
            f"{values['a']} {values['first']} {values['b']} {values['second']} {values['c']}"
        )
        assert answer == _evaluate(ast.parse(expression, mode="eval").body)
    elif name == "linear_equation":
        assert number["a"] * answer + number["b"] == number["c"] * answer + number["d"]
    elif name == "linear_system":
        y = (number["e"] - number["a"] * answer) / number["b"]
        assert number["c"] * answer + number["d"] * y == number["f"]
    elif name == "tickets":
        children = number["n"] - answer
        assert number["adult"] * answer + number["child"] * children == number["total"]
        assert answer.denominator == 1
        assert 0 < answer < number["n"]
    elif name == "remainder":
        assert (number["a"] - answer) % number["b"] == 0
        assert 0 <= answer < number["b"]


def _evaluate(node: Any) -> Fraction:
    """An independent evaluation, by Python's own grammar; the text is ours."""
    if isinstance(node, ast.Constant):
        return Fraction(int(str(node.value)))
    left, right = _evaluate(node.left), _evaluate(node.right)
    if isinstance(node.op, ast.Add):
        return left + right
    return left - right if isinstance(node.op, ast.Sub) else left * right


@pytest.mark.slow
def test_train_and_test_hold_no_problem_in_common() -> None:
    halves = {
        split: {task["question"] for task in ProceduralMath(split=split).problems(100_000)}
        for split in ("train", "test")
    }

    assert not halves["train"] & halves["test"]
    assert min(map(len, halves.values())) > 1_000


def test_a_half_follows_from_the_problem_whatever_its_words() -> None:
    family = FAMILY_BY_NAME["greatest_common_divisor"]

    assert split_of(family, {"a": "12", "b": "18"}) == split_of(family, {"a": "18", "b": "12"})
    tickets = FAMILY_BY_NAME["tickets"]
    values = tickets.draw(np.random.default_rng(0), 1)
    assert split_of(tickets, values) == split_of(tickets, {**values, "who": "Somebody"})


def test_about_a_tenth_are_test_problems() -> None:
    rng = np.random.default_rng(0)
    drawn = [split_of(family, family.draw(rng, 3)) for family in FAMILIES for _ in range(300)]

    assert 0.07 < drawn.count("test") / len(drawn) < 0.13


def test_a_task_follows_from_its_id_and_samples_from_the_generator() -> None:
    source = ProceduralMath(families=["ages", "tickets"], levels=[2])
    tasks = list(source.problems(100, seed=5))

    assert isinstance(source, TaskSource)
    assert tasks == list(source.problems(100, seed=5))
    assert tasks != list(source.problems(100, seed=6))
    assert all(source.find(task["task_id"]) == task for task in tasks)
    assert {task["family"] for task in tasks} == {"ages", "tickets"}
    assert {task["difficulty"] for task in tasks} == {2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, r"split must be one of \['train', 'test'\], got 'dev'"),
        ({"families": ["geometry"]}, r"families must be some of .*, got \['geometry'\]"),
        ({"families": []}, "families must be some of"),
        ({"levels": [0]}, r"levels must be some of 1 to 5, got \[0\]"),
    ],
)
def test_sources_that_cannot_be_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProceduralMath(**arguments)


@pytest.mark.parametrize("task_id", ["x", "ages-9-train-1", "geometry-1-train-1", "ages-1-test-1"])
def test_an_unknown_or_foreign_id_is_refused(task_id: str) -> None:
    with pytest.raises(ValueError, match="task"):
        ProceduralMath().find(task_id)


def test_an_answer_that_is_not_evaluated_is_not_one() -> None:
    env = MathAnswerEnv(tasks=[{"question": "What is 2 times 3?", "answer": "6"}])
    env.reset(seed=0)
    assert env.step(r"\boxed{2 \times 3}")[1] == 0.0
    env.reset(seed=0)
    assert env.step(r"\boxed{6}")[1] == 1.0


def test_the_oracle_knows_the_answers_of_a_task_set_and_so_checks_data_and_verifier() -> None:
    rows = [
        {"question": "Which is larger, 2 or 3?", "answer": "3"},
        {"question": "Name a half.", "answer": r"\frac{1}{2}"},
    ]
    env = MathAnswerEnv(tasks=rows, prompt_style="r1")
    trajectories = rollout([env], env.scripted_policies()["oracle"], seeds=range(10))

    assert {t.total_reward for t in trajectories} == {1.0}
    assert {t.info["task_id"] for t in trajectories} == {"0", "1"}


def test_an_unreadable_answer_is_the_policys_fault() -> None:
    env = MathAnswerEnv()
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step("")

    assert (reward, terminated, truncated) == (0.0, True, False)
    assert (info["valid"], info["action_valid"]) == (True, False)
    assert info["verdict"].status is Status.NO_ANSWER


def test_an_undecided_verdict_is_no_zero() -> None:
    def lost(completion: str, target: str) -> Verdict:
        return Verdict.undecided(Status.TIMEOUT, reason="stood still")

    env = MathAnswerEnv(verifier=lost)
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step("5")

    assert (reward, terminated, truncated, info["valid"]) == (0.0, False, True, False)


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match=r"prompt_style must be one of \['plain', 'boxed', 'r1'\]"):
        MathAnswerEnv(prompt_style="chat")
    with pytest.raises(ValueError, match="prompt_template may use the fields question"):
        MathAnswerEnv(prompt_template="{q}")
    with pytest.raises(ValueError, match=r"tasks\[0\]: 'answer' is a required property"):
        MathAnswerEnv(tasks=[{"question": "?"}])
    env = MathAnswerEnv(prompt_template="Solve it.")
    with pytest.raises(ValueError, match="the oracle cannot read the question"):
        rollout([env], env.scripted_policies()["oracle"], seeds=[0])
