"""Inspect AI 0.3: any of our environments as a `Task`, and any verifier as a `Scorer`.

The environment is stepped by the solver; the scorer only reads what it said. An undecided score is
an unscored sample, which Inspect's metrics leave out. Where the environment calls tools natively,
the model is given their schemas and its calls are run by the environment. Stop strings are not sent
to the model, since an API drops them from the text: what follows the first is cut off here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
import numpy as np
from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    get_model,
)
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolCall, ToolInfo

from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env
from llmenvs.envs.tool_text import call_text
from llmenvs.integrations.versions import check_version
from llmenvs.policy import ToolSchema
from llmenvs.stop_strings import end_of_first_stop
from llmenvs.verifiers.verdict import Verdict, Verifier

TESTED = "0.3.285"
_OUTCOME = "llmenvs_outcome"


def inspect_task(
    env_id: str,
    *,
    num_tasks: int = 100,
    seed: int = 0,
    max_turns: int = 100,
    env_options: Mapping[str, Any] | None = None,
) -> Task:
    """Return an Inspect task of episodes of an environment, for ``inspect_ai.eval``.

    The score is the return of the episode (the sum over turns); its metadata hold ``success``,
    ``turns``, ``terminated``, ``truncated`` and the verdict's parts.

    Args:
        env_id: of a `TextEnv`. One with a ``protocol``, such as ``ToolUse-v0``, calls its tools
            natively with ``env_options={"protocol": "native"}``.
        num_tasks: episodes, at least 1.
        seed: another seed draws other episodes.
        max_turns: after which an episode is left as it is, at least 1.
        env_options: of the environment's constructor.

    Raises:
        ValueError: there is no such environment, or a number is out of its range.
    """
    check_version("inspect-ai", tested=TESTED, extra="inspect")
    if num_tasks < 1 or max_turns < 1:
        raise ValueError(
            f"num_tasks and max_turns must be at least 1, got {num_tasks} and {max_turns}"
        )
    options = dict(env_options or {})
    env = make_text_env(env_id, **options)
    return Task(
        dataset=MemoryDataset([_sample(env, seed, index) for index in range(num_tasks)]),
        solver=episode(env_id, options, max_turns=max_turns),
        scorer=environment_scorer(),
        name=env_id.rpartition("/")[2],
    )


@solver
def episode(env_id: str, env_options: dict[str, Any], *, max_turns: int = 100) -> Solver:
    """Return a solver that plays the episode which a sample of `inspect_task` names."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        env = make_text_env(env_id, **env_options)
        options = {"task_id": state.metadata["task_id"]}
        _, info = await _in_thread(lambda: env.reset(seed=state.metadata["seed"], options=options))
        state.messages = [_message(m["role"], m["content"]) for m in env.transcript.messages]
        terminated = truncated = False
        while not (terminated or truncated or len(env.turn_rewards) >= max_turns):
            tools = [_tool_info(schema) for schema in env.tools]
            state.output = await get_model().generate(state.messages, tools=tools)
            action = _cut(state, env.stop_strings)
            calls = state.output.message.tool_calls or []
            action = call_text([_call(call) for call in calls], "native") if calls else action
            observation, _, terminated, truncated, info = await _in_thread(
                lambda action=action: env.step(action)  # type: ignore[misc]  # bound here
            )
            if not (terminated or truncated) or calls:
                state.messages += _answers(env.transcript.messages[-1]["role"], observation, calls)
        state.metadata[_OUTCOME] = {
            "reward": float(np.sum(env.turn_rewards)),
            "turns": len(env.turn_rewards),
            "terminated": terminated,
            "truncated": truncated or not terminated,
            "valid": info["valid"],
            "verdict": _verdict_dict(info),
        }
        env.close()
        return state

    return solve


@scorer(metrics=[mean(), stderr()])
def environment_scorer() -> Scorer:
    """Return a scorer that gives the return of the episode that `episode` played."""

    async def score(state: TaskState, target: Target) -> Score:
        del target  # the environment knows it
        outcome = state.metadata.get(_OUTCOME)
        if outcome is None:
            return Score.unscored(explanation="the solver `episode` has not played this sample")
        verdict = outcome["verdict"] or {}
        metadata = {key: outcome[key] for key in ("turns", "terminated", "truncated")}
        metadata |= {"success": verdict.get("success"), **verdict.get("parts", {})}
        explanation, answer = verdict.get("reason"), verdict.get("extracted")
        if not outcome["valid"]:
            return Score.unscored(answer=answer, explanation=explanation, metadata=metadata)
        return Score(
            value=outcome["reward"], answer=answer, explanation=explanation, metadata=metadata
        )

    return score


def target_text(state: TaskState, target: Target) -> str:
    """Return the target of a sample as one text."""
    del state
    return target.text


@scorer(metrics=[mean(), stderr()])
def inspect_scorer(
    verifier: Verifier, *, target_of: Callable[[TaskState, Target], Any] = target_text
) -> Scorer:
    """Return a scorer of a verifier, which judges the model's last message.

    Args:
        verifier: any `Verifier`; it is called in a thread.
        target_of: reads its target out of a sample; a text by default. For a verifier that takes a
            list of answers ``lambda state, target: list(target)``, for one that takes a dict
            ``lambda state, target: state.metadata["target"]``.
    """

    async def score(state: TaskState, target: Target) -> Score:
        wanted = target_of(state, target)
        completion = state.output.completion
        verdict = await _in_thread(lambda: verifier(completion, wanted))
        if verdict.score is None:
            return Score.unscored(answer=verdict.extracted, explanation=verdict.reason)
        return Score(
            value=verdict.score,
            answer=verdict.extracted,
            explanation=verdict.reason,
            metadata={"success": verdict.success, **verdict.parts},
        )

    return score


async def _in_thread(function: Callable[[], Any]) -> Any:
    return await anyio.to_thread.run_sync(function)


def _sample(env: TextEnv[Any], seed: int, index: int) -> Sample:
    episode_seed = int(np.random.default_rng([seed, index]).integers(2**31))
    _, info = env.reset(seed=episode_seed)
    return Sample(
        id=f"{index}-{info['task_id']}",
        input=[_message(m["role"], m["content"]) for m in env.transcript.messages],
        metadata={"task_id": info["task_id"], "seed": episode_seed},
    )


def _message(role: str, content: str) -> ChatMessage:
    if role == "system":
        return ChatMessageSystem(content=content)
    if role == "assistant":
        return ChatMessageAssistant(content=content)
    return ChatMessageUser(content=content)  # a tool's text that answers no call of Inspect's


def _cut(state: TaskState, stop_strings: Sequence[str]) -> str:
    """Put the model's message on record up to its first stop string, and return its text."""
    message = state.output.message
    end = end_of_first_stop(message.text, stop_strings)
    if end is not None and end < len(message.text):
        message = message.model_copy(update={"content": message.text[:end]})
        state.output.choices[0].message = message
        state.output.completion = message.text
    state.messages.append(message)
    return message.text


def _answers(role: str, observation: str, calls: Sequence[ToolCall]) -> list[ChatMessage]:
    """Return what the environment said, as the answers of the calls where there were any."""
    if not calls:
        return [_message(role, observation)]
    lines = observation.split("\n")
    if len(calls) == 1:
        lines = [observation]
    if len(lines) != len(calls):  # results of several lines: nobody can tell whose they are
        lines = [observation, *["(see the first result)"] * (len(calls) - 1)]
    return [
        ChatMessageTool(
            content=line.removeprefix(f"{call.function}: "),
            tool_call_id=call.id,
            function=call.function,
        )
        for call, line in zip(calls, lines, strict=True)
    ]


def _call(call: ToolCall) -> dict[str, Any]:
    return {"name": call.function, "parameters": call.arguments}


def _tool_info(schema: ToolSchema) -> ToolInfo:
    return ToolInfo.model_validate(
        {
            "name": schema["name"],
            "description": schema.get("description", ""),
            "parameters": schema["parameters"],
        }
    )


def _verdict_dict(info: Mapping[str, Any]) -> dict[str, Any] | None:
    verdict: Verdict | None = info.get("verdict")
    return None if verdict is None else verdict.to_dict()
