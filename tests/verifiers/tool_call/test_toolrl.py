"""ToolRL's reward is reproduced to the last bit: its formulas, variants and faults."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.tool_call.toolrl import (
    Credit,
    ToolRLSettings,
    toolrl_reward,
    truth_calls,
)

FINE = ToolRLSettings()
PATTERNS = {
    (False, True): r"^<think>.*?</think>\n<response>.*?</response>$",
    (True, False): r"^<think>.*?</think>\n<tool_call>\n.*?\n</tool_call>$",
    (True, True): (
        r"^<think>.*?</think>\n<tool_call>\n.*?\n</tool_call>\n<response>.*?</response>$"
    ),
    (False, False): r"^<think>.*?</think>$",
}
PIECES = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "\n", "<tool_call>", "</tool_call>", "<response>", "</response>",
         "x"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


def call(name: str = "f", **parameters: Any) -> str:
    return json.dumps({"name": name, "parameters": parameters})


def block(*lines: str) -> str:
    return "<think> t </think>\n<tool_call>\n" + "\n".join(lines) + "\n</tool_call>"


def correctness(made: list[str], wanted: list[str], credit: Credit = "fine") -> float:
    settings = ToolRLSettings(credit=credit)
    return toolrl_reward(block(*made), block(*wanted), settings=settings).correctness


@pytest.mark.parametrize(("calls", "response"), PATTERNS)
@given(text=PIECES)
def test_the_format_is_what_the_published_expressions_find(
    calls: bool, response: bool, text: str
) -> None:
    truth = "<tool_call>\n" + call() + "\n</tool_call>" if calls else ""
    truth += "<response> r </response>" if response else ""
    text = text.strip()
    counted = [tag for tag, needed in (("tool_call>", calls), ("response>", response)) if needed]
    expected = re.search(PATTERNS[calls, response], text, re.DOTALL) is not None and all(
        text.count(opening + tag) == 1 for tag in counted for opening in ("<", "</")
    )

    assert toolrl_reward(text, truth, settings=FINE).format == expected


@pytest.mark.parametrize(
    ("made", "wanted", "credit", "expected"),
    [
        ([call(x=1)], [call(x=1)], "fine", 3.0),
        ([call(x=2)], [call(x=1)], "fine", 6 * (1.0 + 1.0) / 3 - 3),
        ([call("g", x=1)], [call(x=1)], "fine", -3.0),
        ([call(x=1), call("g")], [call(x=1)], "fine", 6 * (0.5 + 2.0) / 3 - 3),
        ([call(x=True)], [call(x=1)], "fine", 3.0),
        ([call(x=1, y=1)], [call(x=1)], "fine", 6 * (1.0 + 0.5 + 1.0) / 3 - 3),
        ([call("g"), call()], [call(), call("g")], "fine", 3.0),
        ([call("g"), call()], [call(), call("g")], "coarse", -3.0),
        ([call("g"), call()], [call(), call("g")], "refined", 6 * 2.0 / 3 - 3),
        ([call(x=2)], [call(x=1)], "intermediate", 6 * 1.0 / 2 - 3),
        (["3"], [call()], "fine", -3.0),
        (['{"name": "g"}'], [call()], "fine", -3.0),
        (['{"name": ["f"], "parameters": {}}'], [call()], "fine", -3.0),
    ],
)
def test_correctness_is_as_worked_by_hand(
    made: list[str], wanted: list[str], credit: Credit, expected: float
) -> None:
    assert correctness(made, wanted, credit) == expected


def test_the_greedy_matching_is_kept() -> None:
    made = [call(a=1, b=2), call(a=3, b=1)]

    assert correctness(made, [call(a=1, b=1), call(a=1, b=2)]) == 6 * (1 + (1 + 1) + 1.0) / 7 - 3


@pytest.mark.parametrize(
    ("settings", "step", "expected"),
    [
        (ToolRLSettings(correctness_max_one=True), 0, (1.0, 1.0, 0)),
        (ToolRLSettings(two_stage=True), 29, (1.0, 1.0, 0)),
        (ToolRLSettings(two_stage=True), 30, (0.5, 3.0, 0)),
        (ToolRLSettings(schedule=True), 0, (2.0, 2.0, 0)),
        (ToolRLSettings(schedule=True), 75, (1.5, 2.5, 0)),
        (ToolRLSettings(schedule=True), 300, (1.0, 3.0, 0)),
        (ToolRLSettings(length="fixed"), 0, (1.0, 3.0, 0.5)),
        (ToolRLSettings(length="dynamic"), 0, (1.0, 3.0, 0.67)),
        (ToolRLSettings(length="dynamic"), 105, (1.0, 3.0, 0.4)),
    ],
)
def test_the_variants_move_the_ranges(
    settings: ToolRLSettings, step: int, expected: tuple[float, ...]
) -> None:
    text = block(call(x=1)).replace(" t ", " w" * 256)

    reward = toolrl_reward(text, block(call(x=1)), settings=settings, step=step)

    assert tuple(reward) == expected
    assert reward.total == sum(expected)


def test_only_the_last_assistant_turn_is_read() -> None:
    prompt = "<|im_start|>user\n<tool_call>\n<|im_end|>\n<|im_start|>assistant\n"

    reward = toolrl_reward(f"{prompt}{block(call())}<|im_end|>\n", block(call()), settings=FINE)

    assert reward.total == 4.0


@pytest.mark.parametrize("line", ["", "bad", "[]", '{"name": "f"}', '{"parameters": {}}', "NaN"])
def test_a_bad_ground_truth_is_named(line: str) -> None:
    with pytest.raises(ValueError, match=r"in target|target must"):
        truth_calls(block(call(), line, call()))
    with pytest.raises(ValueError, match=r"in target|target must"):
        toolrl_reward("", block(call(), line, call()), settings=FINE)


@pytest.mark.parametrize(
    "text",
    ["<think>" + "</think>\n<tool_call>\n" * 5_000, block("[" * 100_000), block("9" * 10_000)],
    ids=["tags", "nesting", "digits"],
)
def test_hostile_completions_get_the_minimum(text: str) -> None:
    assert toolrl_reward(text, block(call()), settings=FINE).correctness == -3.0


SWITCHES: dict[str, tuple[str, Any]] = {
    "CORRECTMAX1": ("correctness_max_one", True),
    "MAX1STEP30MAX3": ("two_stage", True),
    "SCHEDULEREWARD": ("schedule", True),
    "COARSEREWARD": ("credit", "coarse"),
    "INTERMEDIATEREWARD": ("credit", "intermediate"),
    "REFINEDREWARD": ("credit", "refined"),
    "WITHLENGTH": ("length", "fixed"),
    "SCHEDULELENGTH": ("length", "dynamic"),
}


def test_the_shared_cases_have_the_published_scores(shared: Path) -> None:
    for line in (shared / "cases" / "toolcalls.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        settings = ToolRLSettings(
            **dict(SWITCHES[name] for name in sorted(case["env"], reverse=True))
        )
        reward = toolrl_reward(
            case["pred"], case["gold_text"], settings=settings, step=case["step"]
        )
        expected = [case[f"expected_{part}"] for part in ("format", "correctness", "length")]

        assert list(reward) == expected, case["id"]
        assert reward.total == case["expected_total"], case["id"]
