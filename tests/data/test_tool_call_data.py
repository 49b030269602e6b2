"""The bundled tool-call tasks are made again to the byte, are well-formed, and share no call."""

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from llmenvs.data.tool_call import load_tasks
from llmenvs.data.tool_call.drawing import KINDS, split_of
from llmenvs.data.tool_call.generate import DOMAINS, PER_KIND, write
from llmenvs.data.tool_call.grammar import tool
from llmenvs.envs.tool_call_tasks import BundledToolCalls, tool_call_tasks
from llmenvs.verifiers.tool_call import ToolCall
from llmenvs.verifiers.tool_call.tool_schemas import ToolSchemas

TRAIN, TEST = load_tasks("train"), load_tasks("test")


def calls_in(task: dict[str, Any]) -> list[dict[str, Any]]:
    said = [call for message in task["messages"] for call in message.get("calls", ())]
    return [*said, *task["calls"]]


def test_the_files_are_what_the_script_makes(tmp_path: Path) -> None:
    write(tmp_path)
    for path in tmp_path.iterdir():
        bundled = (files("llmenvs.data.tool_call") / path.name).read_bytes()
        assert path.read_bytes() == bundled


def test_every_kind_is_there_and_every_row_is_a_task() -> None:
    for split, rows in (("train", TRAIN), ("test", TEST)):
        assert Counter(row["kind"] for row in rows) == dict.fromkeys(KINDS, PER_KIND[split])
        assert len(tool_call_tasks(rows)) == len(rows)
    assert len(TRAIN) + len(TEST) >= 300
    assert {row["difficulty"] for row in TRAIN} == {1, 2, 3, 4, 5}


def test_train_and_test_share_no_call_and_no_dialogue() -> None:
    calls = {
        split: {json.dumps(call, sort_keys=True) for row in rows for call in calls_in(row)}
        for split, rows in (("train", TRAIN), ("test", TEST))
    }
    dialogues = [json.dumps(row["messages"]) for row in TRAIN + TEST]

    assert not calls["train"] & calls["test"]
    assert len(set(dialogues)) == len(dialogues)
    assert all(split_of(json.loads(call)) == "test" for call in calls["test"])


def test_the_unseen_tools_are_in_test_alone() -> None:
    unseen = {tool["name"] for domain in DOMAINS if domain.test_only for tool in domain.tools}
    used = {tool["name"] for row in TRAIN for tool in row["tools"]}

    assert unseen
    assert not unseen & used
    assert unseen & {call["name"] for row in TEST for call in row["calls"]}


def test_every_wanted_call_is_valid_by_the_schema_of_its_tool() -> None:
    for row in TRAIN + TEST:
        schemas = ToolSchemas(row["tools"])
        for call in calls_in(row):
            assert schemas.problem(ToolCall(call["name"], call["parameters"])) is None, row


def test_each_kind_is_what_it_says() -> None:
    for row in TRAIN + TEST:
        names = [call["name"] for call in row["calls"]]
        count = {"no_tool": [0], "clarify": [0], "already_known": [0], "parallel": [2, 3]}
        count["several"] = [2, 3]
        assert len(names) in count.get(row["kind"], [1]), row
        assert len(set(names)) == (len(names) if row["kind"] == "several" else min(1, len(names)))
        assert bool(row.get("response")) == (not names)
        assert len(row["tools"]) == 1 if row["kind"] == "single" else len(row["tools"]) > 1


def test_a_followed_up_result_stands_in_the_dialogue() -> None:
    for row in TRAIN + TEST:
        if row["kind"] == "follow_up":
            [value] = row["calls"][0]["parameters"].values()
            assert value in row["messages"][2]["content"]


def test_a_split_and_a_notation_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="split must be one of"):
        load_tasks("dev")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match="split must be one of"):
        BundledToolCalls("dev")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match="parameter 'x' of 'f' must be as"):
        tool("f", "F.", x="integer")


def test_bundled_tasks_can_be_chosen_by_their_fields() -> None:
    chosen = BundledToolCalls("test").filter(kind="clarify", domain="money")

    assert {task["kind"] for task in chosen} == {"clarify"}
