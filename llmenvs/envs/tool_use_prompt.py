"""What a policy reads first in ``ToolUse-v0``: the prompt, which names the session."""

import re
from collections.abc import Sequence
from datetime import date

from llmenvs.envs.tool_text import Protocol
from llmenvs.transcript import Message
from llmenvs.worlds.world import World

SYSTEM_TEMPLATE = """{context}

You may call these tools:
{tools}

Write your thoughts within <think> and </think>, and after them one of two things:
- tool calls, one JSON object a line, within <tool_call> and </tool_call>, such as
<tool_call>
{{"name": "a_tool", "parameters": {{"a_parameter": "a value"}}}}
</tool_call>
Their results follow, and you go on.
- your answer to the user within <response> and </response>. It ends the conversation.
"""
"""The default system prompt of the protocol ``tagged``; after ToolRL's (Qian et al., 2025)."""

NATIVE_TEMPLATE = """{context}
Call the tools as you need them. An answer without a call ends the conversation.
"""
"""The default system prompt of the protocol ``native``; the chat template shows the tools."""

UNREADABLE = (
    "Error: nothing was done. Write tool calls within <tool_call> and </tool_call>, one JSON "
    "object with name and parameters a line, or your answer within <response> and </response>."
)

_SESSION = re.compile(r"This is session ([^\n]+)\.")


def opening(
    world: World, request: str, *, session: str, template: str, protocol: Protocol
) -> list[Message]:
    """Return the system prompt and the user's request."""
    has_date = world.RULES and world.today > date.min
    today = f"Today is {world.today:%A}, {world.today}. " if has_date else ""
    rules = f"{world.RULES}\n" if world.RULES else ""
    tools = world.toolbox().text if protocol == "tagged" else ""
    system = template.format(
        context=f"{rules}{today}This is session {session}.",
        tools=tools,
    )
    return [{"role": "system", "content": system}, {"role": "user", "content": request}]


def session_in(messages: Sequence[Message]) -> str:
    """Return the session that a conversation's system prompt names.

    Raises:
        ValueError: it names none.
    """
    found = _SESSION.search(messages[0]["content"])
    if found is None:
        raise ValueError(f"the prompt names no session: {messages[0]['content'][:200]!r}")
    return found[1]
