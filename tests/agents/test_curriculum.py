"""A curriculum draws what the policy solves half of the time, and forgets what it once knew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import FunctionPolicy, Prompt, TaskSet, rollout
from llmenvs.agents.curriculum import CurriculumConfig, SuccessCurriculum, bucket_of
from llmenvs.envs.math_answer import MathAnswerEnv
from llmenvs.envs.math_tasks import ProceduralMath

TASKS = TaskSet([{"task_id": name} for name in ("easy", "half", "hard")])


def known(**settings: float) -> SuccessCurriculum:
    config = CurriculumConfig(**settings)  # type: ignore[arg-type]  # one of them is an int
    curriculum = SuccessCurriculum(TASKS, config)
    curriculum.observe("easy", successes=100, failures=0)
    curriculum.observe("half", successes=50, failures=50)
    curriculum.observe("hard", successes=0, failures=100)
    return curriculum


def shares(curriculum: SuccessCurriculum, seed: int = 0) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    drawn = [task for _ in range(300) for task in curriculum.sample(4, rng=rng)]
    return {task: drawn.count(task) / len(drawn) for task in ("easy", "half", "hard")}


def test_tasks_are_drawn_where_groups_have_variance() -> None:
    drawn = shares(known(uniform_share=0.0))

    assert drawn["half"] > 0.75
    assert drawn["easy"] > 0.0
    assert shares(known(uniform_share=1.0))["half"] == pytest.approx(1 / 3, abs=0.05)


def test_the_groups_it_draws_have_more_variance_than_uniform_ones() -> None:
    solved = {"easy": 1.0, "half": 0.5, "hard": 0.0}

    def variance(drawn: dict[str, float]) -> float:
        return sum(share * solved[task] * (1 - solved[task]) for task, share in drawn.items())

    uniform = dict.fromkeys(solved, 1 / 3)
    assert variance(shares(known())) > 2 * variance(uniform)


def test_the_same_generator_draws_the_same_tasks() -> None:
    assert shares(known(), seed=3) == shares(known(), seed=3)


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_expected_variance_is_that_of_the_beta_distribution(won: int, lost: int) -> None:
    curriculum = SuccessCurriculum(TASKS)
    curriculum.observe("half", successes=won, failures=lost)
    draws = np.linspace(0.0005, 0.9995, 1000)
    density = draws**won * (1 - draws) ** lost
    expected = (density * draws * (1 - draws)).sum() / density.sum()

    assert curriculum.expected_variance("half") == pytest.approx(expected, rel=0.01)


def test_it_measures_the_policy_by_family_and_level() -> None:
    env = MathAnswerEnv(tasks=ProceduralMath(families=("arithmetic",), levels=(1, 2)))
    oracle = env.scripted_policies()["oracle"]

    def solve_level_one(prompt: Prompt) -> str:
        answer: str = oracle.act([prompt])[0]
        return answer if level_of[prompt.text] == 1 else "no"

    rng = np.random.default_rng(0)
    tasks = [env.tasks.sample(rng) for _ in range(40)]
    level_of = {env.prompt_template.format(**task): task["difficulty"] for task in tasks}
    curriculum = SuccessCurriculum(env.tasks)
    curriculum.update(
        rollout(
            [env],
            FunctionPolicy(solve_level_one),
            seeds=range(40),
            task_ids=[task["task_id"] for task in tasks],
        )
    )
    rates = curriculum.success_rates()

    assert set(rates) == {"arithmetic/1", "arithmetic/2"}
    assert rates["arithmetic/1"] > 0.9 > 0.1 > rates["arithmetic/2"]


def test_what_is_not_seen_again_is_forgotten() -> None:
    curriculum = known(fading=0.5)
    for _ in range(20):
        curriculum.update([])

    assert curriculum.success_rates() == {}
    assert curriculum.expected_variance("easy") == pytest.approx(1 / 6)


def test_it_goes_on_from_its_state() -> None:
    curriculum, other = known(), SuccessCurriculum(TASKS)
    other.load_state_dict(curriculum.state_dict())

    assert shares(other) == shares(curriculum)
    assert bucket_of({"task_id": "m:7", "env_id": "m", "task": {"level": 3}}) == "m/3"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_candidates": 0}, "num_candidates must be at least 1, got 0"),
        ({"uniform_share": 1.5}, r"uniform_share must be in \[0, 1\], got 1.5"),
        ({"fading": 0.0}, r"fading must be in \(0, 1\], got 0.0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CurriculumConfig(**settings)  # type: ignore[arg-type]  # ints are floats here
