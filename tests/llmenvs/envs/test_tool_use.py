"""Tools really run, what is true at the end counts, and nothing that a policy writes raises."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import Tokenizer, check_text_env, rollout
from llmenvs.envs.tool_use import ToolUseEnv
from llmenvs.tools import tool
from llmenvs.tools.mcp_server import MCPServer
from llmenvs.worlds.requests import ProceduralRequests


def call_text(*calls: dict[str, Any]) -> str:
    return "<tool_call>\n" + "\n".join(map(json.dumps, calls)) + "\n</tool_call>"


def started(task_id: str = "bank/block-card/train/0", **options: Any) -> ToolUseEnv:
    env = ToolUseEnv(**options)
    env.reset(seed=0, options={"task_id": task_id})
    return env


def cards(env: ToolUseEnv) -> list[dict[str, Any]]:
    observation = env.step(call_text({"name": "list_cards", "parameters": {}}))[0]
    found: list[dict[str, Any]] = json.loads(observation.split("list_cards: ")[1].split("\n")[0])[
        "cards"
    ]
    return found


def test_the_contract_holds(any_tokenizer: Tokenizer) -> None:
    check_text_env(gym.make("llmenvs/ToolUse-v0", tokenizer=any_tokenizer))


def test_gymnasium_finds_nothing_wrong() -> None:
    check_env(gym.make("llmenvs/ToolUse-v0").unwrapped, skip_render_check=True)


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_standard_task_is_solved_by_the_oracle_and_by_no_other_policy(split: str) -> None:
    source = ProceduralRequests(split)
    task_ids = source.standard_ids()
    env = ToolUseEnv(tasks=source)
    scores = {
        name: [
            t.info["verdict"].score
            for t in rollout([env], policy, seeds=range(len(task_ids)), task_ids=task_ids)
        ]
        for name, policy in env.scripted_policies().items()
    }

    assert min(scores["oracle"]) == 1.0
    assert max(scores["noop"]) == 0.0
    assert max(scores["wrong_value"]) < 0.5
    assert max(scores["side_effect"]) < 0.5
    assert np.mean(scores["random"]) < 0.05


@pytest.mark.parametrize("name", ["oracle", "noop", "wrong_value", "side_effect"])
def test_the_scripted_policies_score_what_they_should(name: str) -> None:
    env = ToolUseEnv(protocol="native")
    policy = env.scripted_policies()[name]
    scores = [t.info["verdict"].score for t in rollout([env], policy, seeds=range(60))]

    assert min(scores) == 1.0 if name == "oracle" else max(scores) < 0.5


def test_a_right_change_that_is_not_told_is_no_success_and_its_parts_say_so() -> None:
    env = started()
    wanted = env.scripted_policies()["oracle"]
    [trajectory] = rollout([ToolUseEnv()], wanted, seeds=[0], task_ids=["bank/block-card/train/0"])
    calls = [m["content"] for m in trajectory.messages if m["role"] == "assistant"][:-1]
    for action in calls:
        env.step(action)

    *_, info = env.step("<response>Done.</response>")

    verdict = info["verdict"]
    assert (verdict.success, verdict.parts["state"], verdict.parts["facts"]) == (False, 1.0, 0.0)
    assert verdict.score == pytest.approx(0.2)
    assert "was not told" in verdict.reason


def test_a_side_effect_costs_everything() -> None:
    env = started()
    mine = cards(env)
    for card in mine:
        block = {"card_id": card["card_id"], "status": "blocked"}
        env.step(call_text({"name": "set_card_status", "parameters": block}))

    *_, info = env.step(f"<response>Blocked {mine[0]['card_id']} and others.</response>")

    assert info["verdict"].score == 0.0
    assert info["verdict"].parts["side_effects"] == 2.0
    assert "nobody asked for" in info["verdict"].reason


def test_several_calls_of_a_turn_run_in_their_order() -> None:
    env = started("workbench/convert/train/0")
    log = {"name": "log_reading", "parameters": {"label": "a", "value": 1, "unit": "kg"}}
    read = {"name": "read_log", "parameters": {"label": "a"}}

    observation = env.step(call_text(read, log, read))[0]

    lines = [line.partition(": ")[2] for line in observation.strip().split("\n")[1:-1]]
    assert [json.loads(line).get("count") for line in lines] == [0, None, 1]


def test_what_a_tool_returns_is_masked_and_a_message_of_its_own() -> None:
    env = started()
    _, _, _, _, info = env.step(call_text({"name": "list_cards", "parameters": {}}))

    assert env.transcript.messages[-1]["role"] == "tool"
    assert not info["generated_mask"][-1]


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("hello", "Write tool calls within <tool_call>"),
        ("<tool_call>{</tool_call>", "Error: "),
        (call_text({"name": "nothing", "parameters": {}}), "there is no tool 'nothing'"),
        (call_text({"name": "list_transactions", "parameters": {}}), "'account_id' is a required"),
        ('<tool_call>{"name": "list_cards", "name": "x", "parameters": {}}</tool_call>', "Error: "),
        ("<tool_call>" + "[" * 10_000 + "</tool_call>", "Error: "),
    ],
)
def test_what_cannot_be_done_is_told_and_the_episode_goes_on(action: str, text: str) -> None:
    env = started()

    observation, reward, terminated, truncated, _ = env.step(action)

    assert text in observation
    assert (reward, terminated, truncated) == (0.0, False, False)


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_no_turn_raises(action: str) -> None:
    started().step(action)


def test_the_turns_run_out_and_the_world_as_it_is_then_is_scored() -> None:
    env = started(max_turns=2)
    env.step("hm")

    _, _, terminated, truncated, info = env.step("hm")

    assert (terminated, truncated) == (False, True)
    assert info["verdict"].reason.startswith("something that was asked for was not done")


def test_calls_beyond_the_limit_are_not_made() -> None:
    env = started(max_tool_calls=1)
    listing = {"name": "list_cards", "parameters": {}}

    observation = env.step(call_text(listing, listing))[0]

    assert observation.count("no more tool calls may be made") == 1


def test_dense_credit_adds_up_to_how_well_the_calls_agree_with_the_plan() -> None:
    env = ToolUseEnv(dense_credit=0.5)
    policy = env.scripted_policies()["oracle"]

    [trajectory] = rollout([env], policy, seeds=[0], task_ids=["bank/block-card/train/0"])

    assert trajectory.turn_rewards.tolist() == pytest.approx([0.25, 0.25, 1.0], abs=0.2)
    assert trajectory.total_reward == pytest.approx(1.5)


def test_a_long_result_is_cut_by_tokens_and_says_so() -> None:
    @tool
    def flood() -> str:
        """Return five megabytes."""
        return "x" * 5_000_000

    env = ToolUseEnv(tasks=[{"request": "Flood.", "facts": ["x"]}], tools=[flood])
    env.reset(seed=0)

    observation = env.step(call_text({"name": "flood", "parameters": {}}))[0]

    assert len(observation) < 1_200
    assert "[cut: 4998976 of 5000000 characters are left out]" in observation


ROWS = [
    {
        "task_id": "sum",
        "request": "What is 2 + 3?",
        "facts": ["5"],
        "calls": [{"name": "add", "parameters": {"a": 2, "b": 3}}],
    }
]


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@tool
def slow(n: int) -> int:
    """Wait a little."""
    time.sleep(0.2)
    return n


@pytest.mark.parametrize("protocol", ["tagged", "native"])
def test_tools_of_ones_own_are_shown_called_and_scored(protocol: Any) -> None:
    env = ToolUseEnv(tasks=ROWS, tools=[add], protocol=protocol)

    [trajectory] = rollout([env], env.scripted_policies()["oracle"], seeds=[0])

    assert trajectory.info["verdict"].success
    assert "add: 5" in trajectory.messages[3]["content"]
    assert trajectory.info["verdict"].parts["param_value"] == 1.0


def test_parallel_calls_keep_their_order() -> None:
    env = ToolUseEnv(tasks=ROWS, tools=[slow], parallel=True)
    env.reset(seed=0)
    calls = [{"name": "slow", "parameters": {"n": n}} for n in range(6)]
    begun = time.monotonic()

    observation = env.step(call_text(*calls))[0]

    assert [line for line in observation.split("\n") if line.startswith("slow")] == [
        f"slow: {n}" for n in range(6)
    ]
    assert time.monotonic() - begun < 6 * 0.2


def test_the_tools_of_an_mcp_server_are_tools() -> None:
    pytest.importorskip("mcp", reason="the package mcp is not installed")
    program = Path(__file__).parents[1] / "tools" / "mcp_weather.py"
    with MCPServer([sys.executable, str(program)]) as server:
        env = ToolUseEnv(tasks=ROWS, tools=server.tools)
        env.reset(seed=0)
        ask = {"name": "temperature", "parameters": {"city": "Oslo"}}
        assert "4 degrees in Oslo" in env.step(call_text(ask))[0]
        env.step(call_text({"name": "die", "parameters": {}}))
        assert "did not answer" in env.step(call_text(ask))[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "xml"}, "protocol must be 'tagged' or 'native', got 'xml'"),
        ({"max_turns": 0}, "max_turns must be at least 1, got 0"),
        ({"partial_credit": 0.5}, "partial_credit must be at least 0 and below 0.5"),
        ({"parallel": True}, "parallel needs tools of your own"),
        ({"tools": [add]}, "give tasks beside tools"),
        ({"tasks": ROWS}, "tasks must be ProceduralRequests or Tau2Requests, or come with tools"),
        ({"tools": [add], "tasks": [{"request": "?"}]}, r"tasks\[0\]: 'facts' is a required"),
        ({"prompt_template": "{tool}"}, "prompt_template may use the fields context, tools"),
    ],
)
def test_impossible_arguments_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToolUseEnv(**options)
