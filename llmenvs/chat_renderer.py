"""`ChatRenderer`: episodes as the chat template of a model writes them.

What the policy sampled is never encoded again. What stands between two completions is the
difference of two renderings of a short conversation that is always the same, so that a turn costs
time in its own tokens, and an episode is linear in its length. That is right for templates that
never change what they wrote before; at construction the template is tried, and refused if it does.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from llmenvs.chat_template import ChatTemplate, text_after
from llmenvs.chat_template_checks import (
    QUESTION,
    TemplateFacts,
    check_date,
    deltas,
    difference,
    examine,
    example_answer,
    said,
)
from llmenvs.policy import ToolSchema
from llmenvs.renderers import NewContext
from llmenvs.tokenizers import TransformersTokenizer
from llmenvs.transcript import Message, Transcript

_QUESTION = said("user", QUESTION)
_ANY_DATE = datetime.date(2024, 7, 26)


class ChatRenderer:
    """Renders through a Hugging Face chat template.

    The end-of-turn token counts as generated if the policy sampled it; if not, the template's is
    added as the environment's, as are its line breaks, the header of the next message and the next
    generation prompt. A default system message that the template has of its own stands in the
    prompt. Text that spells a special token stays text; see `llmenvs.chat_template`.

    Attributes:
        tokenizer: the tokenizer, whose ``end_of_turn_id`` is the one that the template writes.
        facts: what the template knows and does: whether it trims white space around messages, takes
            a system message, tool schemas and tool messages. Tool schemas are left out where it
            does not take them; then the prompt has to describe the tools.

    Args:
        tokenizer: a `transformers.PreTrainedTokenizerBase`.
        chat_template: the source of a template in place of the tokenizer's own.
        on_prefix_break: what to do about a template that changes what it wrote before, for example
            one that drops ``<think>`` from earlier turns. ``"refuse"`` raises at construction.
            ``"split"`` goes on from a new context where that happens: an episode is then several
            trajectories (see `Trajectory`), and each turn costs the template two
            renderings of the whole history.
        date: what the template may write as today, where it writes a date.
        variables: more for the template to read, ``{"enable_thinking": False}`` for example.

    Raises:
        TypeError: a tokenizer without chat templates.
        ValueError: there is no template, or one that cannot be used; the message says what broke
            and what to do.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        chat_template: str | None = None,
        on_prefix_break: Literal["refuse", "split"] = "refuse",
        date: datetime.date | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        if on_prefix_break not in ("refuse", "split"):
            raise ValueError(
                f"on_prefix_break must be 'refuse' or 'split', got {on_prefix_break!r}"
            )
        self._template = ChatTemplate(
            tokenizer, source=chat_template, date=date or _ANY_DATE, variables=variables or {}
        )
        self.facts: TemplateFacts = examine(self._template)
        if date is None:
            for system in {False, self.facts.takes_system}:
                check_date(tokenizer, chat_template, variables or {}, system=system)
        self._splits = on_prefix_break == "split"
        self._base_prompt = self._template.render([_QUESTION])
        self._base_answer = example_answer(self._template)
        self._anchor: str = self.facts.end_of_turn or tokenizer.eos_token or ""
        self.tokenizer = TransformersTokenizer(tokenizer)
        if self.facts.end_of_turn is not None:
            self.tokenizer.end_of_turn_id = self._template.token_id(self.facts.end_of_turn)
        if not self._splits:
            _refuse_breaks(self.facts)
            self._check_agreement()

    def render_prompt(
        self, messages: Sequence[Message], *, tools: Sequence[ToolSchema]
    ) -> list[int]:
        """Return the tokens of the opening and of the generation prompt.

        Raises:
            ValueError: the template raises on these messages, or does not show one of them.
        """
        text = self._template.render(messages, tools=tools)
        self._check_shown(messages, text)
        return self._template.encode(text)

    def render_observation(
        self,
        messages: Sequence[Message],
        *,
        completion_ids: Sequence[int],
        transcript: Transcript,
        tools: Sequence[ToolSchema],
    ) -> list[int] | NewContext:
        """Return the tokens from the end of the completion to the next generation prompt.

        Raises:
            ValueError: the template raises on these messages, or does not show one of them.
        """
        if not self._splits:
            rest = self._after_base(messages)
            self._check_shown(messages, rest)
            return self._encode_rest(rest, completion_ids)
        history = transcript.messages
        before = self._template.render(history[:-1], tools=tools)
        whole = self._template.render([*history, *messages], tools=tools)
        self._check_shown(messages, whole)
        unbroken = text_after(whole, before, self._template.protected(history[-1]["content"]))
        if unbroken is None:
            return NewContext(self._template.encode(whole))
        return self._encode_rest(unbroken, completion_ids)

    def _after_base(self, messages: Sequence[Message]) -> str:
        base = (_QUESTION, said("assistant", self._base_answer))
        whole = self._template.render([*base, *messages])
        rest = text_after(whole, self._base_prompt, self._base_answer)
        if rest is None:
            roles = ", ".join(message["role"] for message in messages)
            expected, got = difference(self._base_prompt + self._base_answer, whole)
            raise ValueError(
                "the chat template changes what it wrote before when messages of the roles "
                f"{roles} follow, {expected!r} becomes {got!r}: {_ADVICE}"
            )
        return rest

    def _encode_rest(self, rest: str, completion_ids: Sequence[int]) -> list[int]:
        """Encode what follows a completion, less the end-of-turn token if it was sampled."""
        special = self._template.leading_special(rest)
        if special is None:
            # Some tokenizers put a space before text that starts a sequence; this does not.
            ids = self._template.encode(self._anchor + rest)
            return ids[1:] if self._anchor else ids
        spelling, end = special
        if not completion_ids or completion_ids[-1] != self._template.token_id(spelling):
            return self._template.encode(rest)
        return self._template.encode(spelling + rest[end:])[1:]

    def _check_shown(self, messages: Sequence[Message], text: str) -> None:
        for message in messages:
            if not self._template.shows(message["content"], text):
                raise ValueError(
                    f"the chat template does not show the message of the role {message['role']!r} "
                    f"as it is, {message['content'][:60]!r}: it drops or changes it; use another "
                    "template, another role, or RawRenderer"
                )

    def _check_agreement(self) -> None:
        """Check that the pieces are what the whole rendering has in their place."""
        for delta in deltas(self._template, self.facts):
            piece = self._after_base(delta.messages)
            if piece != delta.text:
                expected, got = difference(piece, delta.text)
                raise ValueError(
                    "the chat template writes a message in another way later in a conversation: "
                    f"{delta.case}, {expected!r} becomes {got!r}: {_ADVICE}"
                )
            ids = self._encode_rest(piece, ())
            if self._template.encode(delta.whole)[-len(ids) :] != ids:
                raise ValueError(
                    f"{piece[:60]!r} has other tokens alone than after a completion, because the "
                    "template puts no special token between them: use another template, or "
                    "RawRenderer"
                )


_ADVICE = (
    'use another template (chat_template=…), on_prefix_break="split", which gives one trajectory '
    "for each unbroken run of turns, or RawRenderer"
)


def _refuse_breaks(facts: TemplateFacts) -> None:
    if facts.breaks:
        lines = "".join(f"\n  - {found}" for found in facts.breaks)
        raise ValueError(
            "the chat template changes what it wrote before, so that the tokens of an episode are "
            f"not those that the policy read:{lines}\n{_ADVICE}"
        )
