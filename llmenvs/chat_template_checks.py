"""What a chat template does to a conversation, found out by trying, before any episode is played.

A trainer reads the tokens of an episode as one sequence. That is what the policy read only if the
template never changes what it wrote before: the *prefix property*. Many templates break it, most
often by dropping ``<think>`` from earlier turns.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmenvs.chat_template import ChatTemplate, text_after
from llmenvs.policy import ToolSchema
from llmenvs.transcript import Message

QUESTION = "Which number comes after Three?"
ANSWER = "Four, as I count."
_THOUGHT = f"<think>\nAfter three, count on.\n</think>\n\n{ANSWER}"
_CALL = '<tool_call>\n{"name": "look_up", "arguments": {"word": "four"}}\n</tool_call>'
TOOL: ToolSchema = {
    "name": "look_up",
    "description": "Look a word up.",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
}
_DATES = (datetime.date(2024, 1, 2), datetime.date(2025, 11, 30))
_SYSTEM: Message = {"role": "system", "content": "You count for children."}


def said(role: str, content: str) -> Message:
    """Return a message."""
    return {"role": role, "content": content}


_ASKED = (said("user", QUESTION), said("user", "And then?"), said("user", "Go on!"))
_TOOL_SAYS = said("tool", "four: 4, IV")


@dataclass(frozen=True, slots=True)
class _Case:
    """A conversation: what the environment says before each of the policy's turns."""

    name: str
    environment: Sequence[Sequence[Message]]
    completions: Sequence[str]
    tools: Sequence[ToolSchema] = ()


_PLAIN = _Case("over several turns", [[m] for m in (*_ASKED, *_ASKED)], [ANSWER] * 5)
_CASES = (
    _PLAIN,
    _Case("with <think> in earlier turns", [[m] for m in _ASKED], [_THOUGHT] * 2),
)
_SYSTEM_CASE = _Case("with a system message", [[_SYSTEM, _ASKED[0]], [_ASKED[1]]], [ANSWER])
_TOOL_MESSAGES_CASE = _Case(
    "with tool messages", [[_ASKED[0]], [_TOOL_SAYS], [_TOOL_SAYS], [_ASKED[1]]], [_CALL] * 3
)
_TOOLS_CASE = _Case(
    "with tool schemas", [[_ASKED[0]], [_ASKED[1]], [_ASKED[2]]], [ANSWER, ANSWER], [TOOL]
)


@dataclass(frozen=True, slots=True)
class PrefixBreak:
    """Where a template changed what was before.

    Attributes:
        case: in which conversation.
        expected: how the text went on, from shortly before the change.
        got: what it became.
    """

    case: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.case}, {self.expected!r} becomes {self.got!r}"


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What was found out.

    Attributes:
        end_of_turn: the special token with which the template closes the policy's turn, if any.
        trims_content: it removes white space around the content of messages.
        takes_system: it writes system messages.
        takes_tools: it writes tool schemas.
        takes_tool_messages: it writes messages of the role ``tool``.
        breaks: of the prefix property, one for each kind of conversation that has one.
    """

    end_of_turn: str | None
    trims_content: bool
    takes_system: bool
    takes_tools: bool
    takes_tool_messages: bool
    breaks: tuple[PrefixBreak, ...]


def examine(template: ChatTemplate) -> TemplateFacts:
    """Try the template on conversations of every kind.

    Raises:
        ValueError: it raises on a plain question, loses its content, gives other text each time, or
            has no generation prompt.
    """
    _check_question(template)
    _check_generation_prompt(template)
    takes = {case.name: _takes(template, case) for case in _OPTIONAL_CASES}
    cases = (*_CASES, *(case for case in _OPTIONAL_CASES if takes[case.name]))
    closed = template.render([_ASKED[0], said("assistant", ANSWER)], add_generation_prompt=False)
    end_of_turn = template.leading_special(closed[closed.rfind(ANSWER) + len(ANSWER) :])
    padded = template.render([said("user", f" \n{QUESTION}\n ")])
    return TemplateFacts(
        end_of_turn=None if end_of_turn is None else end_of_turn[0],
        trims_content=f" \n{QUESTION}\n " not in padded,
        takes_system=takes[_SYSTEM_CASE.name],
        takes_tools=takes[_TOOLS_CASE.name],
        takes_tool_messages=takes[_TOOL_MESSAGES_CASE.name],
        breaks=tuple(b for b in (_first_break(template, case) for case in cases) if b is not None),
    )


_OPTIONAL_CASES = (_SYSTEM_CASE, _TOOL_MESSAGES_CASE, _TOOLS_CASE)


def check_date(
    tokenizer: Any, source: str | None, variables: Mapping[str, Any], *, system: bool
) -> None:
    """Check that the template writes no date of its own.

    Raises:
        ValueError: it does.
    """
    opening = [_SYSTEM, _ASKED[0]] if system else [_ASKED[0]]
    one, two = (
        ChatTemplate(tokenizer, source=source, date=date, variables=variables).render(opening)
        for date in _DATES
    )
    if one != two:
        before, after = difference(one, two)
        raise ValueError(
            f"the chat template writes today's date, such as {before!r} or {after!r}, so that the "
            "same seed would give other tokens tomorrow: give date=datetime.date(…)"
        )


def deltas(template: ChatTemplate) -> Iterator[tuple[str, str, Sequence[Message]]]:
    """Yield a rendering, how its end goes after the last completion, and the messages there."""
    for before, case, turn in _turns(template, _PLAIN):
        messages = _messages(case, turn + 1)
        after = template.render(messages)
        rest = text_after(after, before, case.completions[turn])
        if rest is not None:
            yield after, rest, case.environment[turn + 1]


def difference(expected: str, got: str, *, num_chars: int = 50) -> tuple[str, str]:
    """Return where two texts part: some characters of each, with a few that both have."""
    pairs = zip(expected, got, strict=False)
    at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(got)))
    start = max(0, at - 20)
    return expected[start : start + num_chars], got[start : start + num_chars]


def _check_question(template: ChatTemplate) -> None:
    texts = {template.render([_ASKED[0]]) for _ in range(8)}
    if len(texts) > 1:
        one, two = difference(*sorted(texts)[:2])
        raise ValueError(
            f"the chat template gives other text each time, {one!r} and {two!r}: "
            "an episode would not follow from its seed"
        )
    if QUESTION not in texts.pop():
        raise ValueError(
            f"the chat template loses or changes the user's text: {QUESTION!r} becomes "
            f"{template.render([_ASKED[0]])!r}: use another template or RawRenderer"
        )


def _check_generation_prompt(template: ChatTemplate) -> None:
    asked = template.render([_ASKED[0]])
    if asked != template.render([_ASKED[0]], add_generation_prompt=False):
        return
    answered = template.render([_ASKED[0], said("assistant", ANSWER)])
    header, found, _ = answered.removeprefix(asked).partition(ANSWER)
    if not answered.startswith(asked) or not found or header.strip():
        raise ValueError(
            "the chat template has no generation prompt: a policy would have to write "
            f"{header[:40]!r} itself; add it under {{% if add_generation_prompt %}}, use another "
            "template, or RawRenderer"
        )


def _takes(template: ChatTemplate, case: _Case) -> bool:
    """Say whether the template writes the case's messages and tools at all."""
    messages = _messages(case, len(case.completions))
    try:
        text = template.render(messages, tools=case.tools)
    except ValueError:
        return False
    shown = [m["content"] for m in messages if m["role"] != "assistant"]
    shown += [str(tool["name"]) for tool in case.tools]
    return all(template.shows(content, text) for content in shown)


def _first_break(template: ChatTemplate, case: _Case) -> PrefixBreak | None:
    for before, _, turn in _turns(template, case):
        completion = case.completions[turn]
        after = template.render(_messages(case, turn + 1), tools=case.tools)
        if text_after(after, before, completion) is None:
            return PrefixBreak(case.name, *difference(before + completion, after))
    return None


def _turns(template: ChatTemplate, case: _Case) -> Iterator[tuple[str, _Case, int]]:
    for turn in range(len(case.completions)):
        yield template.render(_messages(case, turn), tools=case.tools), case, turn


def _messages(case: _Case, turn: int) -> list[Message]:
    """Return what stands before the policy's turn of that number."""
    messages = list(case.environment[0])
    for completion, answer in zip(case.completions[:turn], case.environment[1:], strict=False):
        messages += [said("assistant", completion), *answer]
    return messages
