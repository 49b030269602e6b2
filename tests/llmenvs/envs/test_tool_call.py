"""The wanted calls score highest and nothing else does, whatever the notation and the order."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from llmenvs import Tokenizer, check_text_env, rollout
from llmenvs.chat_renderer import ChatRenderer
from llmenvs.envs.tool_call import ToolCallEnv
from llmenvs.envs.tool_call_tasks import BundledToolCalls, tool_call_tasks
from llmenvs.verifiers import Status
from llmenvs.verifiers.tool_call import ToolRLSettings, toolrl_reward

WEATHER = {
    "name": "get_weather",
    "description": "Return the weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}
CLOCK = {"name": "get_time", "parameters": {"type": "object", "properties": {}}}
DEEP: dict[str, Any] = {}
for _ in range(100_000):
    DEEP = {"items": DEEP}
OSLO = {"name": "get_weather", "parameters": {"city": "Oslo", "days": 3}}
TIME = {"name": "get_time", "parameters": {}}


def row(*calls: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    asked = {"request": "Weather in Oslo for 3 days?", "tools": [WEATHER, CLOCK]}
    return {**asked, "calls": list(calls), **fields}


def tagged(*calls: Mapping[str, Any], thoughts: str = "One call.") -> str:
    lines = "\n".join(map(json.dumps, calls))
    return f"<think> {thoughts} </think>\n<tool_call>\n{lines}\n</tool_call>"


def step(env: ToolCallEnv, action: str) -> tuple[float, dict[str, Any]]:
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(action)

    assert (terminated, truncated) == (True, False)
    return reward, info


def scores(env: ToolCallEnv, policy: str) -> list[float]:
    ids = [task["task_id"] for task in BundledToolCalls(env.tasks.split)]  # type: ignore[attr-defined]  # bundled
    played = rollout([env], env.scripted_policies()[policy], seeds=range(len(ids)), task_ids=ids)
    return [trajectory.info["verdict"].score for trajectory in played]


def test_the_contract_holds(any_tokenizer: Tokenizer) -> None:
    check_text_env(gym.make("llmenvs/ToolCall-v0", tokenizer=any_tokenizer))


@pytest.mark.parametrize("options", [{"protocol": "native"}, {"reward": "toolrl"}])
def test_the_contract_holds_in_other_shapes(options: dict[str, Any]) -> None:
    check_text_env(gym.make("llmenvs/ToolCall-v0", **options))


def test_gymnasium_finds_nothing_wrong() -> None:
    check_env(gym.make("llmenvs/ToolCall-v0").unwrapped, skip_render_check=True)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("protocol", ["tagged", "native"])
def test_the_scripted_policies_score_what_they_should(split: Any, protocol: Any) -> None:
    env = ToolCallEnv(tasks=BundledToolCalls(split), protocol=protocol)

    assert min(scores(env, "oracle")) == 1.0
    assert max(scores(env, "noop")) == 0.0
    assert max(scores(env, "wrong_value")) < 1.0
    assert np.mean(scores(env, "random")) < 0.3


def test_by_toolrl_the_oracle_gets_four_and_one_where_no_call_is_wanted() -> None:
    source = BundledToolCalls("test")
    env = ToolCallEnv(tasks=source, reward="toolrl")
    highest = [4.0 if task["calls"] else 1.0 for task in source]

    assert scores(env, "oracle") == highest
    assert all(
        score < most for score, most in zip(scores(env, "wrong_value"), highest, strict=True)
    )
    assert max(scores(env, "noop")) == 0.0
    assert min(scores(env, "noop")) == -3.0


@given(st.permutations([OSLO, TIME, {"name": "get_time", "parameters": {"zone": "UTC"}}]))
def test_the_order_of_calls_does_not_matter(calls: Sequence[Mapping[str, Any]]) -> None:
    wanted = sorted(calls, key=json.dumps)

    assert step(ToolCallEnv(tasks=[row(*wanted)]), tagged(*calls))[0] == 1.0


@given(st.text(max_size=300))
def test_no_text_raises_and_none_is_right_by_chance(text: str) -> None:
    reward, info = step(ToolCallEnv(tasks=[row(OSLO)]), text)

    assert reward == 0.0
    assert info["valid"]


@pytest.mark.parametrize(
    "action",
    [
        "",
        "<tool_call>",
        "<tool_call>\nnull\n</tool_call>",
        "<tool_call>" * 5_000,
        "<tool_call>\n"
        + '{"name": "get_weather", "parameters": '
        + "[" * 10_000
        + "\n</tool_call>",
        '<tool_call>{"name": "get_weather", "name": "f", "parameters": {}}</tool_call>',
        f"<think>{json.dumps(OSLO)} {tagged(OSLO).partition('</think>')[2]} </think>",
        f"<information>{tagged(OSLO)}</information>",
    ],
)
def test_what_cannot_be_read_or_is_not_the_policys_scores_nothing(action: str) -> None:
    reward, info = step(ToolCallEnv(tasks=[row(OSLO)]), action)

    assert reward < 1.0
    assert not info["verdict"].success


def test_one_value_off_is_a_near_miss_and_the_parts_say_where() -> None:
    off = {**OSLO, "parameters": {"city": "Oslo", "days": 4}}
    reward, info = step(ToolCallEnv(tasks=[row(OSLO)]), tagged(off))

    parts = info["verdict"].parts
    assert reward == pytest.approx((1 + 1 + 0.5) / 3)
    assert (parts["name"], parts["param_name"], parts["param_value"]) == (1.0, 1.0, 0.5)
    assert (parts["format"], info["verdict"].success) == (1.0, False)


def test_no_call_is_right_only_with_an_answer() -> None:
    env = ToolCallEnv(tasks=[row()])

    assert step(env, "<think> No. </think>\n<response>Where?</response>")[0] == 1.0
    for silent in ("", "<think> Hm. </think>", "<response> </response>", "Where?"):
        reward, info = step(env, silent)
        assert (reward, info["verdict"].status, info["action_valid"]) == (
            0.0,
            Status.NO_ANSWER,
            False,
        )
    assert step(env, tagged(TIME))[0] == 0.0
    native = ToolCallEnv(tasks=[row()], protocol="native")
    assert step(native, "Where?")[0] == 1.0
    assert step(native, "  ")[0] == 0.0


def test_silence_gets_the_lowest_of_the_range() -> None:
    env = ToolCallEnv(tasks=[row()], score_range=(-3.0, 3.0))

    assert step(env, "")[0] == -3.0
    assert step(env, "<response>Where?</response>")[0] == 3.0


def test_the_format_weighs_what_it_is_told_to() -> None:
    env = ToolCallEnv(tasks=[row(OSLO)], format_weight=0.25)

    assert step(env, tagged(OSLO))[0] == 1.0
    assert step(env, json.dumps(OSLO))[0] == 0.75
    assert step(env, "<think> So? </think>\n<response>No.</response>")[0] == 0.25


@pytest.mark.parametrize("credit", ["fine", "intermediate", "coarse", "refined"])
@pytest.mark.parametrize("variant", ["plain", "one", "two_stage", "schedule", "length"])
def test_each_variant_of_toolrl_is_its_published_reward(credit: Any, variant: str) -> None:
    variants: dict[str, dict[str, Any]] = {
        "plain": {},
        "one": {"correctness_max_one": True},
        "two_stage": {"two_stage": True},
        "schedule": {"schedule": True},
        "length": {"length": "dynamic"},
    }
    options = variants[variant]
    env = ToolCallEnv(tasks=[row(OSLO)], reward="toolrl", credit=credit, **options)
    settings = ToolRLSettings(credit=credit, **options)
    truth = f"<tool_call>\n{json.dumps(OSLO)}\n</tool_call>"
    off = {**OSLO, "parameters": {"city": "Oslo", "days": 4}}
    for training_step in (0, 29, 30, 100):
        env.training_step = training_step
        for action in (tagged(OSLO), tagged(off, thoughts="long " * 300), "nothing"):
            wanted = toolrl_reward(action, truth, settings=settings, step=training_step)
            assert step(env, action)[0] == wanted.total


def test_the_training_step_can_be_set_through_wrappers_and_vectors() -> None:
    env = gym.make("llmenvs/ToolCall-v0", reward="toolrl", two_stage=True, training_step=7)
    env.set_wrapper_attr("training_step", 40)
    assert env.unwrapped.training_step == 40  # type: ignore[attr-defined]  # a ToolCallEnv

    vector = gym.vector.SyncVectorEnv([lambda: gym.make("llmenvs/ToolCall-v0")] * 2)
    vector.set_attr("training_step", 50)
    assert vector.get_attr("training_step") == (50, 50)


def test_toolrls_own_ground_truth_decides_where_a_row_has_it() -> None:
    truth = f"<think> a </think>\n<tool_call>\n{json.dumps(OSLO)}\n</tool_call>"
    truth += "\n<response> Done. </response>"
    env = ToolCallEnv(tasks=[row(OSLO, ground_truth=truth)], reward="toolrl")

    assert step(env, truth)[0] == 4.0
    assert step(env, tagged(OSLO))[0] == 3.0  # its format wants a response too


def test_the_tagged_prompt_shows_the_tools_and_a_template_gets_them_otherwise() -> None:
    prompt, _ = ToolCallEnv(tasks=[row(OSLO)]).reset(seed=0)
    assert json.dumps(WEATHER) in prompt

    native = ToolCallEnv(tasks=[row(OSLO)], protocol="native")
    prompt, info = native.reset(seed=0)
    assert "Return the weather." not in prompt
    assert [tool["name"] for tool in native.tools] == ["get_weather", "get_time"]
    assert tuple(info["stop_strings"]) == ()


def test_tools_may_stand_as_openai_writes_them() -> None:
    wrapped = [{"type": "function", "function": tool} for tool in (WEATHER, CLOCK)]
    bare, given = ToolCallEnv(tasks=[row(OSLO)]), ToolCallEnv(tasks=[row(OSLO, tools=wrapped)])

    assert given.reset(seed=0)[0] == bare.reset(seed=0)[0]


def test_a_path_is_no_list_of_rows() -> None:
    with pytest.raises(ValueError, match=r"tasks must be rows, got 'a\.jsonl': read a file by"):
        ToolCallEnv(tasks="a.jsonl")  # type: ignore[arg-type]  # on purpose


def test_the_dialogue_before_the_request_is_in_the_prompt() -> None:
    messages = [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "calls": [OSLO]},
        {"role": "tool", "name": "get_weather", "content": '{"rain": true}'},
        {"role": "assistant", "content": "It rains."},
        {"role": "user", "content": "And the time?"},
    ]
    env = ToolCallEnv(tasks=[{"messages": messages, "tools": [WEATHER, CLOCK], "calls": [TIME]}])
    prompt, info = env.reset(seed=0)

    assert [message["role"] for message in env.transcript.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
    ]
    assert '<obs>\nget_weather: {"rain": true}\n</obs>' in prompt
    assert "<response>It rains.</response>" in prompt
    assert not np.asarray(info["generated_mask"]).any()


def test_a_task_may_bring_its_system_prompt_or_something_to_put_before_ours() -> None:
    own = ToolCallEnv(tasks=[row(OSLO, system="Only {this}.")]).reset(seed=0)[0]
    assert own == "Only {this}.Weather in Oslo for 3 days?\n"

    before = ToolCallEnv(tasks=[row(OSLO, context="Be {brief}.")]).reset(seed=0)[0]
    assert before.startswith("Be {brief}.\n\nYou are an assistant")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tools": [WEATHER, WEATHER]}, r"tasks\[0\]\['tools'\]\[1\]\['name'\]: two tools have"),
        (
            {"tools": [{"name": "f", "parameters": {"type": "dict"}}]},
            r"tasks\[0\]\['tools'\]\[0\]\['parameters'\]: the schema of tool 'f' is not valid",
        ),
        (
            {"tools": [{"name": "f", "parameters": {"$ref": "http://x/y.json"}}]},
            r"tasks\[0\]\['tools'\]\[0\]\['parameters'\]: .* outside itself",
        ),
        (
            {"tools": [{"name": "f", "parameters": {"$ref": "#"}}]},
            r"tasks\[0\]\['tools'\]\[0\]\['parameters'\]: ",
        ),
        ({"tools": [{"parameters": {}}]}, r"tasks\[0\]\['tools'\]\[0\]: 'name' is a required"),
        ({"tools": [CLOCK]}, r"\['calls'\]\[0\]\['name'\]: there is no tool 'get_weather'"),
        ({"calls": [{"name": "get_time"}]}, r"\['calls'\]\[0\]: 'parameters' is a required"),
        (
            {"calls": [{"name": "get_time", "parameters": {"x": float("nan")}}]},
            r"tasks\[0\]\['calls'\]",
        ),
        (
            {"messages": [{"role": "assistant", "content": "Hi"}]},
            r"\['messages'\]\[-1\]\['role'\]: must be user or tool",
        ),
        ({"tools": [{"name": "f", "parameters": DEEP}]}, r"tasks\[0\]: is nested too deep"),
        ({"tools": [{"name": "f", "parameters": {"x": {1}}}]}, r"tasks\[0\]: is not JSON"),
        ({"messages": []}, r"tasks\[0\]\['messages'\]"),
        ({"request": ""}, r"tasks\[0\]\['messages'\]\[0\]\['content'\]"),
    ],
)
def test_a_bad_row_is_named_with_its_field(fields: dict[str, Any], message: str) -> None:
    bad = {**row(OSLO), **fields}
    with pytest.raises(ValueError, match=message):
        tool_call_tasks([bad])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "openai"}, "protocol must be 'tagged' or 'native', got 'openai'"),
        ({"reward": "best"}, "reward must be 'exact' or 'toolrl', got 'best'"),
        ({"credit": "coarse"}, "credit, .* need reward='toolrl'"),
        ({"training_step": 3}, "training_step need reward='toolrl'"),
        ({"reward": "toolrl", "credit": "some"}, "credit must be one of"),
        ({"reward": "toolrl", "score_range": (-3, 3)}, "score_range needs reward='exact'"),
        ({"score_range": (1, 0)}, r"score_range must be \(lowest, highest\), got \(1, 0\)"),
        ({"format_weight": 1.0}, "format_weight must be at least 0 and below 1, got 1.0"),
        ({"format_weight": 0.5, "protocol": "native"}, "format_weight needs protocol='tagged'"),
        ({"prompt_template": "{tool}"}, "prompt_template may use the fields context, tools"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToolCallEnv(**options)


def test_a_negative_training_step_is_refused_and_changes_nothing() -> None:
    env = ToolCallEnv(reward="toolrl", schedule=True, training_step=4)
    with pytest.raises(ValueError, match="training_step must be at least 0, got -1"):
        env.training_step = -1

    assert env.training_step == 4


def test_the_scripted_policies_say_when_they_do_not_know_a_prompt() -> None:
    oracle = ToolCallEnv(tasks=[row(OSLO)]).scripted_policies()["oracle"]
    with pytest.raises(ValueError, match="no task of this environment has the prompt"):
        rollout([ToolCallEnv()], oracle, seeds=[0])


def test_a_real_chat_template_shows_the_tools_and_the_results_so_far() -> None:
    transformers = pytest.importorskip("transformers")
    trl = pytest.importorskip("trl")
    template = Path(trl.__file__).parent / "chat_templates" / "qwen2_5.jinja"
    renderer = ChatRenderer(
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=byte_level_bpe(), eos_token="<|im_end|>"
        ),
        chat_template=template.read_text(encoding="utf-8"),
    )
    source = BundledToolCalls("test").filter(kind="follow_up")
    env = ToolCallEnv(tasks=source, protocol="native", renderer=renderer)
    _, info = env.reset(options={"task_id": source[0]["task_id"]})
    prompt = renderer.tokenizer.decode(list(info["token_ids"]))

    assert json.dumps(source[0]["tools"][0]["name"]) in prompt
    assert f"<tool_response>\n{source[0]['messages'][2]['name']}: [" in prompt
    assert prompt.count("<tool_call>") == 3  # the template's instruction has two
    check_text_env(env)


def byte_level_bpe() -> Any:
    """Bytes, and the marks of Qwen's template."""
    from tokenizers import Tokenizer as Rust
    from tokenizers import decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    rust = Rust(models.BPE({char: index for index, char in enumerate(alphabet)}, []))
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    rust.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    return rust
