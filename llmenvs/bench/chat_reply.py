"""What a chat endpoint answers, read with the tolerance that the many kinds of them need.

A reply is one JSON object, or a stream of server-sent events with a piece in each. What is not a
reply raises `BadReplyError`; what the model wrote never does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmenvs.bench.chat_messages import NativeCall

_MAX_SHOWN = 200


class BadReplyError(ValueError):
    """An answer that is no reply of a chat endpoint; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """One reply.

    Attributes:
        content: what the model said; "" where it said nothing.
        calls: of tools.
        reasoning: its thoughts, where the endpoint gives them beside the content.
        finish_reason: as the endpoint says it, "" where it does not.
        stop_string: at which it stopped, where the endpoint says so.
        prompt_tokens: None where the endpoint does not tell.
        completion_tokens: likewise.
    """

    content: str
    calls: tuple[NativeCall, ...]
    reasoning: str | None
    finish_reason: str
    stop_string: str | None
    prompt_tokens: int | None
    completion_tokens: int | None


def read_reply(body: str) -> ChatReply:
    """Return the reply of a body that is not a stream.

    Raises:
        BadReplyError: it is not JSON, an error, or has no choice.
    """
    row = _object(body)
    pieces = ReplyPieces()
    pieces.add(row, key="message")
    if not pieces.has_choice:
        raise BadReplyError(f"the answer has no choices: {shown(body)}")
    return pieces.reply()


class ReplyPieces:
    """A reply of pieces as they come; mutable.

    Attributes:
        has_choice: whether a choice came.
        is_finished: whether the endpoint said why it ended.
    """

    def __init__(self) -> None:
        self.has_choice = False
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, tuple[list[str], list[str]]] = {}  # index: names, arguments
        self._finish_reason = ""
        self._stop_string: str | None = None
        self._usage: Mapping[str, Any] = {}

    @property
    def is_finished(self) -> bool:
        """Whether the endpoint said why it ended."""
        return bool(self._finish_reason)

    def add_event(self, data: str) -> None:
        """Take the data of one event.

        Raises:
            BadReplyError: it is not JSON, or an error.
        """
        self.add(_object(data), key="delta")

    def add(self, row: Mapping[str, Any], *, key: str) -> None:
        """Take one piece, whose choice has what was written under ``key``."""
        if row.get("error"):
            raise BadReplyError(f"the endpoint reports an error: {shown(json.dumps(row['error']))}")
        if isinstance(row.get("usage"), dict):
            self._usage = row["usage"]
        choices = row.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict) or not isinstance(choice.get(key), dict):
            return
        self.has_choice = True
        message = choice[key]
        self._texts.append(_text(message.get("content")) or _text(message.get("refusal")))
        for name in ("reasoning_content", "reasoning"):
            if isinstance(message.get(name), str):
                self._reasoning.append(message[name])
                break
        for position, call in enumerate(_list(message.get("tool_calls"))):
            self._add_call(call, position)
        if isinstance(choice.get("finish_reason"), str):
            self._finish_reason = choice["finish_reason"]
        if isinstance(choice.get("stop_reason"), str):  # of vLLM
            self._stop_string = choice["stop_reason"]

    def reply(self) -> ChatReply:
        """Return the whole."""
        return ChatReply(
            content="".join(self._texts),
            calls=tuple(
                NativeCall("".join(names), "".join(arguments))
                for _, (names, arguments) in sorted(self._calls.items())
            ),
            reasoning="".join(self._reasoning) or None,
            finish_reason=self._finish_reason,
            stop_string=self._stop_string,
            prompt_tokens=_count(self._usage.get("prompt_tokens")),
            completion_tokens=_count(self._usage.get("completion_tokens")),
        )

    def _add_call(self, call: Any, position: int) -> None:
        if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
            return
        index = call.get("index")
        names, arguments = self._calls.setdefault(
            index if isinstance(index, int) else position, ([], [])
        )
        name, given = call["function"].get("name"), call["function"].get("arguments")
        names.append(name if isinstance(name, str) else "")
        if given is not None:  # some servers give an object rather than its text
            arguments.append(given if isinstance(given, str) else json.dumps(given))


def shown(text: str) -> str:
    """Return the beginning of a text for a message, on one line."""
    line = " ".join(text.split())
    return repr(line if len(line) <= _MAX_SHOWN else line[:_MAX_SHOWN] + "…")


def _object(text: str) -> Mapping[str, Any]:
    if text.lstrip()[:1] == "<":
        raise BadReplyError(f"the answer is HTML, not JSON: {shown(text)}")
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadReplyError(f"the answer is not JSON ({error}): {shown(text)}") from None
    if not isinstance(row, dict):
        raise BadReplyError(f"the answer must be a JSON object, got {shown(text)}")
    return row


def _text(content: Any) -> str:
    """Return the text of a content, which may be a list of parts."""
    if isinstance(content, str):
        return content
    parts = (part.get("text") for part in _list(content) if isinstance(part, dict))
    return "".join(part for part in parts if isinstance(part, str))


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
