"""What a policy reads and writes in ``ToolCall-v0``: the system prompt and the dialogue so far."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from llmenvs.envs.tool_text import Protocol, call_text, observation_of, response_text
from llmenvs.policy import ToolSchema
from llmenvs.tasks import Task
from llmenvs.transcript import Message

SYSTEM_TEMPLATE = """{context}You are an assistant who may call these tools:
{tools}

Write your thoughts within <think> and </think>, and after them one of two things:
- tool calls, one JSON object a line, within <tool_call> and </tool_call>, such as
<tool_call>
{{"name": "a_tool", "parameters": {{"a_parameter": "a value"}}}}
</tool_call>
Make all the calls that the request needs; their order does not matter.
- your answer to the user within <response> and </response>, where no tool is needed, none fits, or
something that a tool requires is missing; then ask for it. Never guess a value.
"""
"""The default system prompt of the protocol ``tagged``; after ToolRL's (Qian et al., 2025)."""

NATIVE_TEMPLATE = """{context}Call the tools that the request needs, all of them in one turn.
Answer without a call where no tool is needed, none fits, or something that a tool requires is
missing; then ask for it. Never guess a value.
"""
"""The default system prompt of the protocol ``native``; the chat template shows the tools."""


def system_text(task: Task, *, template: str, protocol: Protocol) -> str:
    """Return the system prompt; a task that brings its own, in the field ``system``, keeps it."""
    if "system" in task:
        return str(task["system"])
    context = task.get("context", "")
    return template.format(
        context=f"{context}\n\n" if context else "",
        tools=tools_text(task["tools"]) if protocol == "tagged" else "",
    )


def opening(task: Task, *, system: str, protocol: Protocol) -> list[Message]:
    """Return the system prompt and the dialogue, the user's request last."""
    said = [_said(message, protocol) for message in task["messages"]]
    return [{"role": "system", "content": system}, *said]


def tools_text(tools: Sequence[ToolSchema]) -> str:
    """Return the tools' schemas, one JSON object a line, or that there is none."""
    lines = [json.dumps(tool, ensure_ascii=False) for tool in tools]
    return "\n".join(lines) if lines else "(there is none)"


def _said(message: Mapping[str, Any], protocol: Protocol) -> Message:
    """Return a message of a task's dialogue as the policy reads it.

    In raw text nothing but a line break parts the messages.
    """
    role, text = message["role"], message.get("content", "")
    end = "\n" if protocol == "tagged" else ""
    if role == "assistant":
        said = [call_text(message["calls"], protocol)] if message.get("calls") else []
        said += [response_text(text, protocol)] if text else []
        return {"role": role, "content": "\n".join(said) + end}
    if role == "tool" and "name" in message:
        result = observation_of([(message["name"], text)], protocol=protocol)
        return {"role": role, "content": result}
    return {"role": role, "content": text + end}
