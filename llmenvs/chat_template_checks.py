"""What a chat template does to a conversation, found out by trying, before any episode is played.

A trainer reads the tokens of an episode as one sequence. That is what the policy read only if the
template never changes what it wrote before: the *prefix property*. Many templates break it, most
often by dropping ``<think>`` from earlier turns.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from llmenvs.chat_template import ChatTemplate, text_after
from llmenvs.policy import ToolSchema
from llmenvs.transcript import Message

QUESTION = "Which number comes after Three?"
ANSWER = "Four, as I count."
_THOUGHT = "After three, count on.\n</think>\n\n"
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
_THINK_CASE = _Case(
    "with <think> in earlier turns", [[m] for m in _ASKED], [f"<think>\n{_THOUGHT}{ANSWER}"] * 2
)
_SYSTEM_CASE = _Case("with a system message", [[_SYSTEM, _ASKED[0]], [_ASKED[1]]], [ANSWER])
_TOOL_MESSAGES_CASE = _Case(
    "with tool messages", [[_ASKED[0]], [_TOOL_SAYS], [_TOOL_SAYS], [_ASKED[1]]], [_CALL] * 3
)
_TOOLS_CASE = _Case(
    "with tool schemas", [[_ASKED[0]], [_ASKED[1]], [_ASKED[2]]], [ANSWER, ANSWER], [TOOL]
)
_TOOL_USE_CASE = replace(
    _TOOL_MESSAGES_CASE, name="with tool schemas and tool messages", tools=[TOOL]
)
_OPTIONAL_CASES = (_SYSTEM_CASE, _TOOL_MESSAGES_CASE, _TOOLS_CASE, _TOOL_USE_CASE)


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
        taken: the kinds of conversation beyond questions and answers that it writes.
        breaks: of the prefix property, one for each kind of conversation that has one.
    """

    end_of_turn: str | None
    trims_content: bool
    taken: frozenset[str]
    breaks: tuple[PrefixBreak, ...]

    @property
    def takes_system(self) -> bool:
        """It writes system messages."""
        return _SYSTEM_CASE.name in self.taken

    @property
    def takes_tools(self) -> bool:
        """It writes tool schemas."""
        return _TOOLS_CASE.name in self.taken

    @property
    def takes_tool_messages(self) -> bool:
        """It writes messages of the role ``tool``."""
        return _TOOL_MESSAGES_CASE.name in self.taken


def examine(template: ChatTemplate) -> TemplateFacts:
    """Try the template on conversations of every kind.

    Raises:
        ValueError: it raises on a plain question, loses its content, gives other text each time, or
            has no generation prompt.
    """
    _check_question(template)
    _check_generation_prompt(template)
    taken = frozenset(case.name for case in _OPTIONAL_CASES if _takes(template, case))
    breaks = (_first_break(template, case) for case in _cases(template, taken))
    closed = template.render([_ASKED[0], said("assistant", ANSWER)], add_generation_prompt=False)
    _, _, tail = closed.rpartition(ANSWER)  # all of it, if the template changes the answer
    end_of_turn = None if tail == closed else template.leading_special(tail)
    padded = template.render([said("user", f" \n{QUESTION}\n ")])
    return TemplateFacts(
        end_of_turn=None if end_of_turn is None else end_of_turn[0],
        trims_content=f" \n{QUESTION}\n " not in padded,
        taken=taken,
        breaks=tuple(found for found in breaks if found is not None),
    )


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


def example_answer(template: ChatTemplate) -> str:
    """Return an answer as a policy gives it: after a thought, where the prompt opens one."""
    return _opening(template) + ANSWER


class Delta(NamedTuple):
    """What a template writes from the end of a completion on, somewhere in a conversation.

    Attributes:
        case: in which conversation.
        messages: what it writes there.
        text: as what.
        whole: the conversation until there.
    """

    case: str
    messages: Sequence[Message]
    text: str
    whole: str


def deltas(template: ChatTemplate, facts: TemplateFacts) -> Iterator[Delta]:
    """Yield what stands after each completion in conversations of all kinds."""
    for case in _cases(template, facts.taken):
        for turn, text in enumerate(case.completions):
            before = template.render(_messages(case, turn, template), tools=case.tools)
            whole = template.render(_messages(case, turn + 1, template), tools=case.tools)
            rest = text_after(whole, before, _opening(template) + text)
            if rest is not None:
                yield Delta(case.name, case.environment[turn + 1], rest, whole)


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
    messages = _messages(case, len(case.completions), template)
    try:
        text = template.render(messages, tools=case.tools)
    except ValueError:
        return False
    shown = [m["content"] for m in messages if m["role"] != "assistant"]
    shown += [str(tool["name"]) for tool in case.tools]
    return all(template.shows(content, text) for content in shown)


def _first_break(template: ChatTemplate, case: _Case) -> PrefixBreak | None:
    for turn, text in enumerate(case.completions):
        completion = _opening(template) + text
        before = template.render(_messages(case, turn, template), tools=case.tools)
        after = template.render(_messages(case, turn + 1, template), tools=case.tools)
        if text_after(after, before, completion) is None:
            return PrefixBreak(case.name, *difference(before + completion, after))
    return None


def _cases(template: ChatTemplate, taken: frozenset[str]) -> Iterator[_Case]:
    yield _PLAIN
    if not template.render([_ASKED[0]]).rstrip().endswith(("<think>", "</think>")):
        yield _THINK_CASE  # else the generation prompt decides whether it thinks
    yield from (case for case in _OPTIONAL_CASES if case.name in taken)


def _opening(template: ChatTemplate) -> str:
    """Return the rest of the thought that the generation prompt opens, or nothing."""
    opens = template.render([_ASKED[0]]).rstrip().endswith("<think>")
    return _THOUGHT if opens else ""


def _messages(case: _Case, turn: int, template: ChatTemplate) -> list[Message]:
    """Return what stands before the policy's turn of that number."""
    opening = _opening(template)
    messages = list(case.environment[0])
    for completion, answer in zip(case.completions[:turn], case.environment[1:], strict=False):
        messages += [said("assistant", opening + completion), *answer]
    return messages
