"""The oracle reads every fact out of passages, and who does not search knows next to nothing."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from llmenvs import FunctionPolicy, TextEnv, Trajectory, rollout
from llmenvs.envs import BundledQuestions, SearchQAEnv
from llmenvs.envs.search_qa_policies import closed_book_guesses, oracle_action
from llmenvs.retrievers import BM25Retriever, Passage


def bundled_env(**options: Any) -> TextEnv[Any]:
    pytest.importorskip("bm25s")
    env: TextEnv[Any] = gym.make("llmenvs/SearchQA-v0", **options).unwrapped  # type: ignore[assignment]
    return env


def play_all(name: str, split: str, *, limit: int | None = None) -> list[Trajectory]:
    """Play every question of the split with a scripted policy, 64 at a time."""
    envs = [bundled_env(split=split) for _ in range(64)]
    every = [task["task_id"] for task in BundledQuestions(split)]  # type: ignore[arg-type]
    ids = every[:: max(1, len(every) // limit)] if limit else every  # some of every kind
    policy = envs[0].scripted_policies()[name]
    return rollout(envs, policy, seeds=[0] * len(ids), task_ids=ids)


def success(trajectories: list[Trajectory]) -> float:
    return float(np.mean([t.info["verdict"].success for t in trajectories]))


@pytest.mark.parametrize(
    ("split", "limit"),
    [
        ("test", 150),
        pytest.param("test", None, marks=pytest.mark.slow),
        pytest.param("train", None, marks=pytest.mark.slow),
    ],
)
def test_the_oracle_answers_every_question_from_what_it_retrieved(
    split: str, limit: int | None
) -> None:
    played = play_all("oracle", split, limit=limit)
    wrong = [t.info["task_id"] for t in played if not t.info["verdict"].success]

    assert wrong == []
    assert all(t.info["verdict"].parts["passage_recall"] == 1.0 for t in played)
    assert all(t.info["verdict"].parts["format"] == 1.0 for t in played)
    assert all(t.info["num_searches"] >= 2 for t in played)


@pytest.mark.parametrize(("name", "most"), [("no_search", 0.1), ("random", 0.02), ("noop", 0.0)])
def test_who_does_not_search_rarely_answers(name: str, most: float) -> None:
    assert success(play_all(name, "test", limit=300)) <= most


def test_the_oracle_knows_no_fact_that_is_not_in_the_corpus() -> None:
    task = next(iter(BundledQuestions("test")))
    other = BM25Retriever.from_passages([Passage("x", "Nothing", "There is nothing here.")])
    env = bundled_env(tasks=[task], retriever=other)
    (played,) = rollout([env], env.scripted_policies()["oracle"], seeds=[0])

    assert not played.info["verdict"].success
    assert played.info["verdict"].extracted == "unknown"


def test_the_splits_share_no_question() -> None:
    train, test = BundledQuestions("train"), BundledQuestions("test")

    assert not {t["question"] for t in train} & {t["question"] for t in test}
    assert train.content_hash != test.content_hash


TASK = {
    "task_id": "t",
    "question": "On which river is the city where Alan Turing studied?",
    "answers": ["River Cam", "Cam"],
    "hops": [
        {"question": "Where did Alan Turing study?", "answer": "Cambridge"},
        {"question": "On which river is #1?"},
    ],
}


def test_the_oracle_follows_hops_of_your_own() -> None:
    first = oracle_action(TASK, [])
    second = oracle_action(TASK, [["Turing studied in Cambridge."]])
    last = oracle_action(TASK, [["Turing studied in Cambridge."], ["It lies on the Cam."]])

    assert first.endswith("<search>Where did Alan Turing study?</search>")
    assert second.endswith("<search>On which river is Cambridge?</search>")
    assert last.endswith("<answer>Cam</answer>")


def test_the_oracle_gives_up_where_a_passage_is_missing() -> None:
    assert oracle_action(TASK, [["Nothing of use."]]).endswith("<answer>unknown</answer>")


def test_the_oracle_searches_for_a_question_without_hops() -> None:
    task = {"task_id": "t", "question": "Who?", "answers": ["Ada"]}

    assert oracle_action(task, []).endswith("<search>Who?</search>")
    assert oracle_action(task, [["It was Ada."]]).endswith("<answer>Ada</answer>")


def test_a_guess_is_the_most_frequent_answer_of_the_relation() -> None:
    rows = [("r", "Rome"), ("r", "rome "), ("r", "Paris"), ("s", "5")]
    tasks = [
        {"task_id": str(n), "answers": [answer], "hops": [{"question": "?", "relation": relation}]}
        for n, (relation, answer) in enumerate(rows)
    ]

    assert closed_book_guesses(tasks) == {"r": "Rome", "s": "5"}


def test_scripted_policies_follow_the_templates_of_the_environment(
    tasks: list[dict[str, Any]], retriever: Any
) -> None:
    env = SearchQAEnv(
        tasks=tasks,
        retriever=retriever,
        prompt_template="Q: {question}\n",
        passage_template="* {text} [{title}]\n",
    )
    played = rollout([env], env.scripted_policies()["oracle"], seeds=range(6))

    assert success(played) == 1.0


def test_an_oracle_refuses_a_question_that_is_none_of_its_own(
    tasks: list[dict[str, Any]], retriever: Any
) -> None:
    env = SearchQAEnv(tasks=tasks[:1], retriever=retriever)
    other = SearchQAEnv(tasks=tasks[1:], retriever=retriever)

    with pytest.raises(ValueError, match="no task of this environment asks"):
        rollout([other], env.scripted_policies()["oracle"], seeds=[0])


def test_scripted_policies_need_tasks_that_can_be_listed(retriever: Any) -> None:
    class Drawn:
        content_hash = "drawn"

        def sample(self, rng: np.random.Generator) -> dict[str, Any]:
            return self.find(str(rng.integers(9)))

        def find(self, task_id: str) -> dict[str, Any]:
            return {"task_id": task_id, "question": "Who?", "answers": ["Ada"]}

    env = SearchQAEnv(tasks=Drawn(), retriever=retriever)
    assert rollout([env], FunctionPolicy(lambda p: "<answer>Ada</answer>"), seeds=[0])[0].valid
    with pytest.raises(ValueError, match="tasks that can be listed, got Drawn"):
        rollout([env], env.scripted_policies()["oracle"], seeds=[0])
