"""TRL calls the tools of an environment, and nothing else of it, and gets its reward."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmenvs.integrations.trl import tool_dataset, tool_environment
from llmenvs.integrations.trl_tools import ANSWER_TOOL
from llmenvs.worlds.requests import ProceduralRequests

trl = pytest.importorskip("trl")

ENV_ID = "llmenvs/ToolUse-v0"
OPTIONS = {"tasks": ProceduralRequests(worlds=["workbench"])}
TASK = "workbench/convert/train/0"  # What is 63.8 lb in g?
pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using 'environment_factory'"),
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning"),
]


def public_methods(environment: Any) -> set[str]:
    """Return what TRL takes for tools, as it looks for them."""
    members = inspect.getmembers(type(environment), predicate=inspect.isfunction)
    return {n for n, _ in members if n not in ("reset", "get_reward") and not n.startswith("_")}


def test_only_tools_are_public_and_their_schemas_are_the_environments() -> None:
    get_json_schema = pytest.importorskip("transformers.utils").get_json_schema
    environment = tool_environment(ENV_ID, env_options=OPTIONS)()
    environment.reset(task_id=TASK, seed=0)
    schemas = {str(tool["name"]): tool for tool in environment._env.tools}

    assert public_methods(environment) == {*schemas, ANSWER_TOOL}
    for name, expected in schemas.items():
        got = get_json_schema(getattr(environment, name))["function"]
        assert set(got["parameters"]["properties"]) == set(expected["parameters"]["properties"])
        assert got["parameters"].get("required", []) == expected["parameters"].get("required", [])
        for parameter, schema in expected["parameters"]["properties"].items():
            said = got["parameters"]["properties"][parameter]
            assert said.get("enum") == schema.get("enum")
            assert said["type"] == schema["type"]
        assert got["description"].split() == expected["description"].split()


def test_an_episode_earns_its_reward_and_a_reset_clears_it() -> None:
    environment = tool_environment(ENV_ID, env_options=OPTIONS)()
    environment.reset(task_id=TASK, seed=0, prompt="ignored", answer="ignored")
    result = environment.convert_unit(value=63.8, unit="lb", to="g")
    environment.respond_to_user(text="28939.1932 g")

    assert result == '{"value":28939.1932,"unit":"g"}'
    assert environment.get_reward() == 1.0
    assert "has ended" in environment.convert_unit(value=1, unit="lb", to="g")
    environment.reset(task_id=TASK, seed=0)
    assert environment.get_reward() < 0.5  # nothing was done, and nothing is left of before


def test_an_answer_that_only_a_tool_told_earns_nothing() -> None:
    environment = tool_environment(ENV_ID, env_options=OPTIONS)()
    environment.reset(task_id=TASK, seed=0)
    environment.convert_unit(value=63.8, unit="lb", to="g")  # its result is the answer

    assert environment.get_reward() < 0.5


def test_an_episode_whose_tool_broke_is_not_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = tool_environment(ENV_ID, env_options=OPTIONS)()
    environment.reset(task_id=TASK, seed=0)

    def broken(action: str) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(environment._env, "step", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        environment.convert_unit(value=1, unit="lb", to="g")
    assert environment.get_reward() is None


def test_trl_calls_the_tools_and_masks_what_they_return(
    tmp_path: Path,
    byte_tokenizer: Callable[[str], Any],
    tiny_model: Callable[[Any], Any],
    tool_template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokenizer = byte_tokenizer(tool_template)
    dataset = tool_dataset(ENV_ID, num_prompts=4, env_options=OPTIONS)
    trainer = trl.GRPOTrainer(
        tiny_model(tokenizer),
        args=trl.GRPOConfig(
            output_dir=str(tmp_path),
            per_device_train_batch_size=4,
            num_generations=2,
            max_completion_length=600,
            max_tool_calling_iterations=2,
            report_to=[],
            use_cpu=True,
        ),
        train_dataset=dataset,
        processing_class=tokenizer,
        environment_factory=tool_environment(ENV_ID, tokenizer=tokenizer, env_options=OPTIONS),
    )
    said = iter(
        [
            '<tool_call>\n{"name": "add", "arguments": {"values": [1, 2]}}\n</tool_call>',
            '<tool_call>\n{"name": "respond_to_user", "arguments": {"text": "3"}}\n</tool_call>',
            "done",
        ]
    )

    def scripted(prompt_ids: list[Any], *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        ids = [*tokenizer.encode(next(said), add_special_tokens=False), tokenizer.eos_token_id]
        return [ids for _ in prompt_ids], None

    monkeypatch.setattr(trainer, "_generate_single_turn", scripted)  # weights cannot call tools
    rows = [dict(dataset[i // 2]) for i in range(4)]
    batch = trainer._generate_and_score_completions(rows)
    loss_mask = (batch["completion_mask"] * batch["tool_mask"]).bool()
    trained = tokenizer.decode(batch["completion_ids"][0][loss_mask[0]])
    read = tokenizer.decode(batch["completion_ids"][0])

    assert "tool_response" in read
    assert "tool_response" not in trained
    assert "respond_to_user" in trained
    assert "reward" not in trained
    assert trainer.reward_func_names == ["ToolUse"]
    assert all(environment._ended for environment in trainer.environments)


def test_wrong_input_says_what_to_change(byte_tokenizer: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="'llmenvs/ToolUs-v0' cannot be made"):
        tool_environment("llmenvs/ToolUs-v0")
    with pytest.raises(ValueError, match=r"has no tools .* use rollout_function"):
        tool_environment("llmenvs/GridWorld-v0")
    with pytest.raises(ValueError, match=r"differ between its tasks.*worlds=\['shop'\]"):
        tool_environment(ENV_ID)
    with pytest.raises(ValueError, match="cannot write tool calls and their results: set"):
        tool_environment(ENV_ID, tokenizer=byte_tokenizer(), env_options=OPTIONS)
    environment = tool_environment(ENV_ID, env_options=OPTIONS)()
    with pytest.raises(ValueError, match=r"columns task_id and seed.* got \['prompt'\]"):
        environment.reset(prompt="a")
    with pytest.raises(ValueError, match="call reset before get_reward"):
        environment.get_reward()
