"""Inspect plays our environments and scores with our verifiers; what is undecided is no score."""

import gc
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmenvs.env_making import make_text_env
from llmenvs.verifiers import AnswerVerifier, MathVerifier, Status, Verdict
from llmenvs.worlds.requests import ProceduralRequests

inspect_ai = pytest.importorskip("inspect_ai")

from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402 (it is there)
from inspect_ai.model import (  # noqa: E402
    ChatMessageAssistant,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.tool import ToolCall  # noqa: E402

from llmenvs.integrations.inspect_ai import inspect_scorer, inspect_task  # noqa: E402

GRID = "llmenvs/GridWorld-v0"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Inspect's dependencies


def says(*outputs: str | ChatMessageAssistant) -> Model:
    """Return a model that says the outputs one by one, and counts no tokens over the network."""
    made = []
    for said in outputs:
        output = ModelOutput.from_content("mockllm", said if isinstance(said, str) else "")
        if not isinstance(said, str):
            output.choices[0].message = said
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        made.append(output)
    return get_model("mockllm/model", custom_outputs=made)


def calls(*made: tuple[str, dict[str, Any]]) -> ChatMessageAssistant:
    """Return a message that calls tools."""
    listed = [
        ToolCall(id=f"call-{i}", function=name, arguments=arguments)
        for i, (name, arguments) in enumerate(made)
    ]
    return ChatMessageAssistant(content="", tool_calls=listed)


def run(task: Any, model: Model, folder: Path) -> Any:
    with warnings.catch_warnings():  # Inspect does not close its memory streams
        warnings.simplefilter("ignore", ResourceWarning)
        (log,) = inspect_ai.eval(
            task, model=model, log_dir=str(folder), display="none", max_samples=1, log_format="json"
        )
        gc.collect()
    assert log.status == "success", log.error
    return log


def test_an_episode_is_played_turn_by_turn(tmp_path: Path) -> None:
    moves = [f"I go <action>{m}</action> and then" for m in ("right", "up", "right", "right")]
    log = run(inspect_task(GRID, num_tasks=1), says(*moves), tmp_path)
    (sample,) = log.samples
    (score,) = sample.scores.values()

    assert score.value == 2.0
    assert score.metadata["success"] is True
    assert (score.metadata["turns"], score.metadata["terminated"]) == (4, True)
    assert [m.role for m in sample.messages] == ["user", "assistant"] * 4
    assert sample.messages[1].text == "I go <action>right</action>"  # cut after the stop string
    assert "You are at (1, 0)" in sample.messages[2].text


def test_tools_are_called_natively(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"tasks": ProceduralRequests(worlds=["workbench"]), "protocol": "native"}
    env = make_text_env("llmenvs/ToolUse-v0", **options)
    task = inspect_task("llmenvs/ToolUse-v0", num_tasks=1, env_options=options)
    episode = task.dataset[0].metadata or {}
    _, info = env.reset(
        seed=episode["seed"],
        options={"task_id": episode["task_id"]},
    )
    seen: list[Any] = []
    two = calls(("add", {"values": [1, 2]}), ("add", {"values": [3, 4]}))
    model = says(two, calls(("add", {"values": [5]})), "It is 7.")
    generate = model.api.generate

    async def spy(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs.get("tools", args[1] if len(args) > 1 else None))
        return await generate(*args, **kwargs)

    monkeypatch.setattr(model.api, "generate", spy)
    (sample,) = run(task, model, tmp_path).samples
    answers = [m for m in sample.messages if m.role == "tool"]

    assert info["task_id"] == sample.metadata["task_id"]
    assert {tool.name for tool in seen[0]} == {schema["name"] for schema in env.tools}
    assert [m.tool_call_id for m in answers] == ["call-0", "call-1", "call-0"]
    assert ["3" in answers[0].text, "7" in answers[1].text, "5" in answers[2].text] == [True] * 3
    (score,) = sample.scores.values()
    assert score.metadata["terminated"] is True
    assert score.value < 0.5  # what was asked for was not done


def test_an_undecided_episode_is_not_scored(tmp_path: Path) -> None:
    task = inspect_task("llmenvs/MathAnswer-v0", num_tasks=1, env_options={"verifier": lost})
    log = run(task, says("5"), tmp_path)
    (score,) = log.samples[0].scores.values()

    assert math.isnan(score.value)
    assert "the worker was lost" in score.explanation


def test_undecided_samples_do_not_count_in_the_mean(tmp_path: Path) -> None:
    def sometimes(completion: str, target: str) -> Verdict:
        return lost(completion, target) if completion == "?" else MathVerifier()(completion, target)

    samples = [Sample(input="2 + 3?", target="5"), Sample(input="2 + 3?", target="5")]
    task = inspect_ai.Task(dataset=MemoryDataset(samples), scorer=inspect_scorer(sometimes))
    log = run(task, says("5", "?"), tmp_path)

    assert log.results.scores[0].metrics["mean"].value == 1.0


@pytest.mark.parametrize(
    ("verifier", "target_of", "target", "said", "expected"),
    [
        (MathVerifier(), None, "5", r"It is \boxed{5}", 1.0),
        (MathVerifier(), None, "5", r"It is \boxed{6}", 0.0),
        (
            AnswerVerifier(),
            lambda state, target: list(target),
            ["Paris", "paris"],
            "<answer>Paris</answer>",
            1.0,
        ),
    ],
)
def test_a_verifier_scores(
    verifier: Any,
    target_of: Callable[..., Any] | None,
    target: Any,
    said: str,
    expected: float,
    tmp_path: Path,
) -> None:
    options = {} if target_of is None else {"target_of": target_of}
    samples = [Sample(input="?", target=target)]
    task = inspect_ai.Task(
        dataset=MemoryDataset(samples), scorer=inspect_scorer(verifier, **options)
    )
    (score,) = run(task, says(said), tmp_path).samples[0].scores.values()

    assert score.value == expected


def test_an_answer_that_only_the_environment_wrote_earns_nothing(tmp_path: Path) -> None:
    task = {"question": "Say the number 7.", "answer": "7"}
    made = inspect_task("llmenvs/MathAnswer-v0", num_tasks=1, env_options={"tasks": [task]})
    (score,) = run(made, says("I do not know"), tmp_path).samples[0].scores.values()

    assert "7" in str(made.dataset[0].input)
    assert score.value == 0.0


def test_an_episode_that_is_left_early_is_truncated(tmp_path: Path) -> None:
    made = inspect_task(GRID, num_tasks=1, max_turns=2)
    log = run(made, says(*["<action>left</action>"] * 3), tmp_path)
    (score,) = log.samples[0].scores.values()

    assert (score.value, score.metadata["truncated"]) == (-2.0, True)


def test_wrong_input_says_what_to_change() -> None:
    with pytest.raises(ValueError, match="'llmenvs/GridWold-v0' cannot be made"):
        inspect_task("llmenvs/GridWold-v0")
    with pytest.raises(ValueError, match="num_tasks and max_turns must be at least 1, got 0"):
        inspect_task(GRID, num_tasks=0)


def lost(completion: str, target: object) -> Verdict:
    return Verdict.undecided(Status.ERROR, reason="the worker was lost")
