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
