"""Files of other data sets become tasks that the oracle solves, and a bad one is named."""

import importlib.util
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmenvs import TaskSet, rollout
from llmenvs.envs.tool_call import ToolCallEnv
from llmenvs.envs.tool_call_bfcl import load_bfcl_tasks
from llmenvs.envs.tool_call_files import (
    load_hermes,
    load_tool_call_tasks,
    load_toolrl,
    load_xlam,
)

needs_bfcl = pytest.mark.skipif(
    importlib.util.find_spec("bfcl_eval") is None, reason="needs bfcl-eval (pip --no-deps)"
)

SYSTEM = """You are a helpful multi-turn dialogue assistant.

**Available Tools**
In your response, you can use the following tools:
1. Name: get_weather
Description: Return the weather.
It knows every city.
Parameters: {"city": {"description": "The city", "type": "string", "default": ""}, "days": \
{"description": "Days", "type": "int"}}
2. Name: ping
Description: Ping.
Parameters: {}

**Steps for Each Turn**
1. **Think:** Recall the context."""
CALL = {"name": "get_weather", "parameters": {"city": "Oslo", "days": 3}}
TRUTH = f"<think> I call. </think>\n<tool_call>\n{json.dumps(CALL)}\n</tool_call>"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Return the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def rlla(truth: str = TRUTH, *, request: str = "Oslo?") -> dict[str, Any]:
    return {
        "data_source": "rlla",
        "prompt": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": f"<user> {request} </user>"},
        ],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"split": "test", "index": 0},
    }


def xlam(**fields: Any) -> dict[str, Any]:
    tools = [
        {
            "name": "get_weather",
            "description": "Return the weather.",
            "parameters": {
                "city": {"description": "The city", "type": "str"},
                "hours": {"description": "Which", "type": "List[int], optional"},
            },
        }
    ]
    answers = [{"name": "get_weather", "arguments": {"city": "Oslo", "hours": [1, 2]}}]
    row = {"id": 7, "query": "Oslo?", "tools": json.dumps(tools), "answers": json.dumps(answers)}
    return {**row, **fields}


def hermes(**fields: Any) -> dict[str, Any]:
    call = '{"name": "get_weather", "arguments": {"city": "Oslo"}}'
    said = [
        ("system", "You are a function calling AI model. <tools> … </tools>"),
        ("human", "Oslo?"),
        ("gpt", f"<tool_call>\n{call}\n</tool_call>\n<tool_call>\n{call}\n</tool_call>"),
        ("tool", '<tool_response>\n{"rain": true}\n</tool_response>'),
        ("gpt", "It rains."),
    ]
    conversations = [{"from": source, "value": value} for source, value in said]
    return {"id": "h1", "conversations": conversations, "tools": json.dumps([TOOL]), **fields}


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def oracle_scores(tasks: TaskSet, reward: Any) -> list[float]:
    env = ToolCallEnv(tasks=tasks, reward=reward)
    ids = [task["task_id"] for task in tasks]
    oracle = env.scripted_policies()["oracle"]
    played = rollout([env], oracle, seeds=range(len(ids)), task_ids=ids)
    return [trajectory.info["verdict"].score for trajectory in played]


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "json"])
def test_toolrls_files_keep_their_prompt_and_their_ground_truth(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"test.{suffix}"
    answer = "<think> No tool. </think>\n<response> Which city? </response>"
    rows = [rlla(), rlla(answer, request="Weather?")]
    if suffix == "parquet":
        pa = pytest.importorskip("pyarrow")
        importlib.import_module("pyarrow.parquet").write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "jsonl":
        jsonl(path, *rows)
    else:
        sft = [
            {
                "instruction": SYSTEM,
                "input": row["prompt"][1]["content"],
                "output": row["reward_model"]["ground_truth"],
            }
            for row in rows
        ]
        path.write_text(json.dumps(sft), encoding="utf-8")
    tasks = load_toolrl(path)

    assert tasks[0]["system"] == SYSTEM
    assert tasks[0]["calls"] == [CALL]
    assert tasks[1]["response"] == "Which city?"
    assert [tool["name"] for tool in tasks[0]["tools"]] == ["get_weather", "ping"]
    assert tasks[0]["tools"][0]["description"] == "Return the weather.\nIt knows every city."
    assert tasks[0]["tools"][0]["parameters"]["required"] == ["days"]
    assert oracle_scores(tasks, "toolrl") == [4.0, 1.0]
    assert oracle_scores(tasks, "exact") == [1.0, 1.0]


def test_a_ground_truth_that_is_not_json_is_named_or_left_out_with_a_warning(
    tmp_path: Path,
) -> None:
    bad = "<think> a </think>\n<tool_call>\n{'name': 'ping'}\n</tool_call>"
    path = jsonl(tmp_path / "rlla.jsonl", rlla(), rlla(bad))

    with pytest.raises(
        ValueError, match=r"rlla.jsonl:2\['reward_model'\]\['ground_truth'\]: .*a line"
    ):
        load_toolrl(path)
    with pytest.warns(UserWarning, match=r"left out 1 rows that cannot be read, .*rlla.jsonl:2"):
        assert len(load_toolrl(path, skip_bad_rows=True)) == 1
    with (
        pytest.warns(UserWarning, match="left out 1 rows"),
        pytest.raises(ValueError, match="there is no task in it"),
    ):
        load_toolrl(jsonl(tmp_path / "all.jsonl", rlla(bad)), skip_bad_rows=True)


def test_xlams_types_become_a_json_schema(tmp_path: Path) -> None:
    [task] = load_xlam(jsonl(tmp_path / "xlam.jsonl", xlam()))

    assert task["task_id"] == "7"
    assert task["tools"][0]["parameters"] == {
        "type": "object",
        "properties": {
            "city": {"description": "The city", "type": "string"},
            "hours": {"description": "Which", "type": "array"},
        },
        "required": ["city"],
    }
    assert oracle_scores(TaskSet([task]), "exact") == [1.0]


def test_each_turn_of_a_hermes_dialogue_is_a_task(tmp_path: Path) -> None:
    tasks = load_hermes(jsonl(tmp_path / "hermes.jsonl", hermes()))

    assert [task["task_id"] for task in tasks] == ["h1/2", "h1/4"]
    assert [len(task["calls"]) for task in tasks] == [2, 0]
    assert tasks[1]["response"] == "It rains."
    assert [message["role"] for message in tasks[1]["messages"]] == ["user", "assistant", "tool"]
    assert oracle_scores(tasks, "exact") == [1.0, 1.0]


def test_rows_of_our_own_form_are_read(tmp_path: Path) -> None:
    row = {"request": "Hi", "tools": [], "calls": [], "response": "Hello"}

    assert oracle_scores(load_tool_call_tasks(jsonl(tmp_path / "own.jsonl", row)), "exact") == [1.0]


@pytest.mark.parametrize(
    ("load", "row", "message"),
    [
        (load_xlam, xlam(answers="[{"), r":1\['answers'\]: is not JSON"),
        (load_xlam, xlam(tools=3), r":1\['tools'\]: must be a list"),
        (load_xlam, xlam(query=None), r":1\['query'\]: must be a text"),
        (load_xlam, xlam(tools='[{"x": 1}]'), r":1\['tools'\]\[0\]\['name'\]: a tool needs a name"),
        (load_xlam, xlam(answers='["f"]'), r":1\['answers'\]\[0\]: a call needs a name"),
        (load_xlam, xlam(tools="[]"), r":1\['calls'\]\[0\]\['name'\]: there is no tool"),
        (load_hermes, hermes(conversations=[]), r":1\['conversations'\]: has no turn"),
        (
            load_hermes,
            hermes(conversations=[{"from": "bot", "value": ""}]),
            r":1\['conversations'\]\[0\]\['from'\]: must be one of",
        ),
        (
            load_hermes,
            hermes(
                conversations=[
                    {"from": "human", "value": "?"},
                    {"from": "gpt", "value": "<tool_call> ping </tool_call>"},
                ]
            ),
            r":1\['conversations'\]\[1\]\['value'\]: not JSON",
        ),
        (load_toolrl, {"prompt": [], "reward_model": {}}, r":1\['prompt'\]: must be a system and"),
        (load_toolrl, {"instruction": "a", "input": "b"}, r":1\['output'\]: must be ToolRL's"),
        (load_tool_call_tasks, {"request": "Hi"}, r":1: '\w+' is a required property"),
    ],
)
def test_a_bad_row_is_named_with_its_file_line_and_field(
    tmp_path: Path, load: Callable[[Path], TaskSet], row: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=r"bad\.jsonl" + message):
        load(jsonl(tmp_path / "bad.jsonl", row))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b'{"query": "\xff"}\n', r"a\.jsonl:1: is not UTF-8"),
        ("a.json", b'[\n{"query": "\xff"}]', r"a\.json:2: is not UTF-8"),
        ("a.json", b"[{", r"a\.json: is not JSON"),
        ("a.json", b"[" * 100_000, r"a\.json: is not JSON"),
        ("a.jsonl", b'{"tools": ' + b"[" * 100_000, r"a\.jsonl:1: is nested too deep"),
        ("a.json", b"{}", r"a\.json: must be a JSON list of rows, got dict"),
        ("a.json", b"[1]", r"a\.json: row 0: must be an object, got 1"),
        ("a.json", b"[]", r"a\.json: there is no task in it"),
        ("a.txt", b"", r"a\.txt: a task file ends in"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        load_xlam(path)


@needs_bfcl
def test_all_single_turn_cases_of_bfcl_load() -> None:
    tasks = load_bfcl_tasks()

    assert len(tasks) == 3_641
    assert Counter(task["category"] for task in tasks)["live_multiple"] == 1_053
    assert sum("wants_any_call" in task for task in tasks) == 16


@needs_bfcl
@pytest.mark.slow
def test_the_oracle_solves_bfcls_cases_but_for_those_that_contradict_themselves() -> None:
    """Nine are at fault: equal prompts with other answers, answers that their schemas refuse."""
    tasks = load_bfcl_tasks()
    env = ToolCallEnv(tasks=tasks)
    policies = env.scripted_policies()
    ids = [task["task_id"] for task in tasks]

    def solved(name: str) -> int:
        played = rollout([env], policies[name], seeds=range(len(ids)), task_ids=ids)
        return sum(trajectory.info["verdict"].score == 1.0 for trajectory in played)

    assert solved("oracle") >= len(tasks) - 9
    assert solved("noop") == 0
    assert solved("wrong_value") <= 2  # a year in a war that took five, and an equal prompt


@needs_bfcl
def test_a_case_that_wants_any_call_has_no_reward_of_toolrl() -> None:
    tasks = load_bfcl_tasks(categories=["live_simple", "live_relevance"])
    with pytest.raises(ValueError, match="'live_relevance_0-0-0' wants any call, which ToolRL's"):
        ToolCallEnv(tasks=tasks, reward="toolrl")

    kept = tasks.filter(lambda task: not task.get("wants_any_call"))
    assert oracle_scores(
        kept.filter(lambda task: task["task_id"] == "live_simple_0-0-0"), "toolrl"
    ) == [4.0]


@needs_bfcl
def test_an_unknown_category_is_named() -> None:
    with pytest.raises(ValueError, match="category must be one of"):
        load_bfcl_tasks(categories=["multi_turn_base"])
