"""How calls, results and answers are written where tools are called, in two protocols."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from llmenvs.transcript import Message

Protocol = Literal["tagged", "native"]
"""``tagged``: ToolRL's tags in text. ``native``: the tools and calls of a chat template."""

STOP_STRINGS = ("</tool_call>", "</response>")
_RESULT = "{name}: {text}"


def call_text(calls: Sequence[Mapping[str, Any]], protocol: Protocol) -> str:
    r"""Return calls as a policy writes them; chat templates say ``arguments``.

    >>> call_text([{"name": "ping", "parameters": {}}], "tagged")
    '<tool_call>\n{"name": "ping", "parameters": {}}\n</tool_call>'
    """
    key = "parameters" if protocol == "tagged" else "arguments"
    rows = [
        json.dumps({"name": call["name"], key: call["parameters"]}, ensure_ascii=False)
        for call in calls
    ]
    return "\n".join(["<tool_call>", *rows, "</tool_call>"])


def response_text(text: str, protocol: Protocol) -> str:
    """Return an answer to the user as a policy writes it."""
    return f"<response>{text}</response>" if protocol == "tagged" else text


def observation_of(results: Sequence[tuple[str, str]], *, protocol: Protocol) -> str:
    r"""Return what the policy reads of (tool, text) results, in their order.

    >>> observation_of([("add", "3"), ("add", "4")], protocol="tagged")
    '\n<obs>\nadd: 3\nadd: 4\n</obs>\n'
    """
    text = "\n".join(_RESULT.format(name=name, text=text) for name, text in results)
    return f"\n<obs>\n{text}\n</obs>\n" if protocol == "tagged" else text


def results_in(messages: Sequence[Message]) -> list[str]:
    """Return the texts of the results in a conversation of one call a turn, in their order."""
    texts = [message["content"] for message in messages if message["role"] == "tool"]
    lines = [text.removeprefix("\n<obs>\n").removesuffix("\n</obs>\n") for text in texts]
    return [line.partition(": ")[2] for line in lines]
