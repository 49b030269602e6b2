"""A bad task file names file, line and field, and what was expected; a good one is read whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from llmenvs import load_tasks
from llmenvs.envs import MathAnswerEnv
from llmenvs.envs.math_tasks import TASK_SCHEMA

GOOD: list[dict[str, Any]] = [
    {"task_id": "a", "question": "1+1", "answer": "2", "split": "train", "difficulty": 1},
    {"task_id": "b", "question": "2+2", "answer": "4", "split": "test", "difficulty": 2},
]


def lines(*rows: Any) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def write(folder: Path, data: bytes, name: str = "tasks.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_good_file_is_an_environments_task_set(tmp_path: Path) -> None:
    path = write(tmp_path, lines(*GOOD).replace(b"\n", b"\r\n") + b"\n\n")
    env = MathAnswerEnv(tasks=load_tasks(path, schema=TASK_SCHEMA, split="test"))
    observation, info = env.reset(seed=0)

    assert observation.startswith("2+2")
    assert info["task_id"] == "b"
    assert env.step("4")[1] == 1.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lines(GOOD[0], {**GOOD[1], "answer": 4}), r"jsonl:2\['answer'\]: 4 is not of type 'str"),
        (lines(GOOD[0], {"question": "x"}), "jsonl:2: 'answer' is a required property"),
        (lines(GOOD[0], GOOD[1], GOOD[0]), r"jsonl:3: task_id 'a' comes twice, first in .*:1"),
        (b"\xef\xbb\xbf" + lines(*GOOD), "jsonl:1: starts with a byte-order mark"),
        (lines(*GOOD)[:-30], "jsonl:2: is not JSON .* is the line cut off"),
        (lines(GOOD[0], [1]), "jsonl:2: must be a JSON object, got list"),
        (b"\xff\xfe\n", "jsonl:1: is not UTF-8"),
        (b"\n\n", "jsonl: there is no task in it"),
    ],
)
def test_a_fault_is_named_with_file_line_and_field(
    tmp_path: Path, data: bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_tasks(write(tmp_path, data), schema=TASK_SCHEMA)


def test_an_unknown_split_names_those_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path, lines(*GOOD))
    with pytest.raises(ValueError, match=r"no task has the split 'dev'; the splits are \['test', "):
        load_tasks(path, split="dev")
    path = write(tmp_path, lines(GOOD[0], {"question": "x", "answer": "y"}))
    with pytest.raises(ValueError, match=r"jsonl:2\['split'\]: must be a string, got None"):
        load_tasks(path, split="train")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tasks.csv: a task file ends in .jsonl or .parquet"):
        load_tasks(write(tmp_path, b"", "tasks.csv"))


def test_parquet_holds_the_same_tasks(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "tasks.parquet"
    parquet.write_table(pyarrow.Table.from_pylist([*GOOD, {"task_id": "c", "question": "?"}]), path)

    with pytest.raises(ValueError, match="parquet: row 2: 'answer' is a required property"):
        load_tasks(path, schema=TASK_SCHEMA)
    parquet.write_table(pyarrow.Table.from_pylist(GOOD), path)
    same = load_tasks(write(tmp_path, lines(*GOOD)), schema=TASK_SCHEMA)
    assert load_tasks(path, schema=TASK_SCHEMA).content_hash == same.content_hash


@pytest.mark.parametrize(
    ("row", "columns", "right"),
    [
        (
            {
                "question": "Natalia sold 48 clips in April and half as many in May. How many?",
                "answer": "In May she sold 48/2 = <<48/2=24>>24 clips.\n"
                "In all she sold 48+24 = <<48+24=72>>72 clips.\n#### 72",
            },
            None,
            "72",
        ),
        (
            {
                "problem": "What is $\\frac{1}{2} + \\frac{1}{4}$?",
                "solution": "It is $\\frac{2}{4} + \\frac{1}{4} = \\boxed{\\frac{3}{4}}$.",
                "level": "Level 1",
            },
            {"problem": "question", "solution": "answer"},
            r"\frac{3}{4}",
        ),
    ],
    ids=["like-gsm8k", "like-math"],
)
def test_rows_shaped_as_gsm8k_and_math_are_tasks(
    tmp_path: Path, row: dict[str, str], columns: dict[str, str] | None, right: str
) -> None:
    tasks = load_tasks(write(tmp_path, lines(row)), schema=TASK_SCHEMA, columns=columns)
    env = MathAnswerEnv(tasks=tasks)
    rewards = []
    for answer in (right, "71"):
        env.reset(seed=0)
        rewards.append(env.step(f"\\boxed{{{answer}}}")[1])

    assert rewards == [1.0, 0.0]


def test_a_row_that_is_nested_too_deep_is_named(tmp_path: Path) -> None:
    path = tmp_path / "deep.jsonl"
    path.write_text('{"a": ' + "[" * 50_000 + "]" * 50_000 + "}\n", encoding="utf-8")

    with pytest.raises(ValueError, match=r"deep\.jsonl:1: is nested too deep"):
        load_tasks(path)
