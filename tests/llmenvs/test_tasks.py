"""A task set names what is wrong in a row, and its hash changes with its content."""

import pickle
from typing import Any

import numpy as np
import pytest

from llmenvs import TaskSet
from llmenvs.tasks import TaskSource, as_task_source

SCHEMA = {
    "type": "object",
    "required": ["question"],
    "properties": {"question": {"type": "string"}, "level": {"type": "integer"}},
}
ROWS = [{"task_id": "a", "question": "1+1"}, {"task_id": "b", "question": "2+2"}]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "at least one row, got none"),
        ([{"question": "x"}, {"level": 3}], r"tasks\[1\]: 'question' is a required property"),
        ([{"question": 7}], r"tasks\[0\]\['question'\]: 7 is not of type 'string'"),
        ([{"question": "x", "task_id": 7}], r"tasks\[0\]: task_id must be a string, got 7"),
        ([*ROWS, ROWS[0]], r"tasks\[2\]: task_id 'a' comes twice"),
    ],
)
def test_a_bad_row_is_named(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TaskSet(rows, schema=SCHEMA)


def test_a_row_without_an_id_gets_its_position() -> None:
    assert [task["task_id"] for task in TaskSet([{"x": 1}, {"x": 2}])] == ["0", "1"]


def test_an_unknown_id_names_the_nearest() -> None:
    tasks = TaskSet([{"task_id": "algebra-1"}, {"task_id": "algebra-2"}, {"task_id": "zebra"}])

    with pytest.raises(ValueError, match=r"no task has the id 'algebra-3'.*'algebra-"):
        tasks.find("algebra-3")


def test_the_hash_is_of_the_content() -> None:
    assert TaskSet(ROWS).content_hash == TaskSet([dict(row) for row in ROWS]).content_hash
    assert TaskSet(ROWS).content_hash != TaskSet(ROWS[:1]).content_hash
    assert TaskSet(ROWS).content_hash != TaskSet(ROWS[::-1]).content_hash


def test_sampling_follows_the_generator_and_reaches_every_task() -> None:
    tasks = TaskSet(ROWS)
    drawn = [tasks.sample(np.random.default_rng(seed))["task_id"] for seed in range(20)]

    assert drawn == [tasks.sample(np.random.default_rng(seed))["task_id"] for seed in range(20)]
    assert set(drawn) == {"a", "b"}


def test_sources_pass_through_and_rows_become_a_set() -> None:
    tasks = TaskSet(ROWS)

    assert as_task_source(tasks, schema=SCHEMA) is tasks
    assert isinstance(as_task_source(iter(ROWS), schema=SCHEMA), TaskSource)


def test_a_set_survives_pickling() -> None:
    tasks = pickle.loads(pickle.dumps(TaskSet(ROWS)))

    assert list(tasks) == ROWS
    assert tasks.find("b") == tasks[1]


def problems(count: int) -> TaskSet:
    return TaskSet([{"question": f"{n} + 1", "difficulty": n % 5} for n in range(count)])


def questions(tasks: TaskSet) -> set[str]:
    return {task["question"] for task in tasks}


def test_parts_are_disjoint_and_hold_everything_in_about_their_shares() -> None:
    tasks = problems(2000)
    parts = tasks.split({"train": 0.8, "dev": 0.1, "test": 0.1})

    assert set.union(*(questions(part) for part in parts.values())) == questions(tasks)
    assert sum(len(part) for part in parts.values()) == len(tasks)
    assert 0.77 < len(parts["train"]) / len(tasks) < 0.83


def test_the_same_problem_is_never_in_two_parts_and_others_do_not_move_it() -> None:
    rows = [{"task_id": f"{copy}-{n}", "question": f"{n}"} for copy in "ab" for n in range(200)]
    parts = TaskSet(rows).split({"train": 0.5, "test": 0.5})
    fewer = TaskSet(rows[100:]).split({"train": 0.5, "test": 0.5})

    assert not questions(parts["train"]) & questions(parts["test"])
    assert questions(fewer["train"]) <= questions(parts["train"])
    assert questions(fewer["test"]) <= questions(parts["test"])


def test_another_seed_divides_otherwise() -> None:
    tasks = problems(100)

    assert questions(tasks.split({"a": 0.5, "b": 0.5}, seed=1)["a"]) != questions(
        tasks.split({"a": 0.5, "b": 0.5}, seed=2)["a"]
    )


def test_filtering_shuffling_and_difficulty() -> None:
    tasks = problems(20)

    assert {task["difficulty"] for task in tasks.by_difficulty(2, 3)} == {2, 3}
    assert questions(tasks.shuffled(seed=1)) == questions(tasks)
    assert list(tasks.shuffled(seed=1)) == list(tasks.shuffled(seed=1))
    assert list(tasks.shuffled(seed=1)) != list(tasks)
    assert tasks.shuffled(seed=1).find("7") == tasks.find("7")
    assert len(tasks.filter(lambda task: task["difficulty"] == 0)) == 4


def test_bad_parts_and_filters_are_named() -> None:
    tasks = problems(2)
    with pytest.raises(ValueError, match=r"shares must be above 0 and sum to 1, got {'a': 0.5}"):
        tasks.split({"a": 0.5})
    with pytest.raises(ValueError, match=r"2 tasks are too few: the parts \["):
        tasks.split({"a": 0.2, "b": 0.2, "c": 0.6})
    with pytest.raises(ValueError, match="filter left none of 2 tasks"):
        tasks.filter(lambda task: False)
    with pytest.raises(ValueError, match="task 'x' has no field 'difficulty'"):
        TaskSet([{"task_id": "x"}]).by_difficulty(0, 1)
