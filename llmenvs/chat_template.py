"""A Hugging Face chat template as text: messages in, the text of the conversation out, and its ids.

Text is kept apart from the template's own special tokens. Where a message spells one, such as
``<|im_end|>``, the spelling is replaced by a placeholder before the template runs and put back as
plain text when the result is encoded: nothing that an environment or a policy writes can end a turn
or open one. Where no message spells one, the ids are exactly those of ``apply_chat_template``.

Added tokens that the tokenizer does not call special (``<think>`` and ``<tool_call>`` of Qwen) are
tokens wherever they stand, as in `llmenvs.tokenizers.TransformersTokenizer`.
"""

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from llmenvs.policy import ToolSchema
from llmenvs.transcript import Message

# U+FDD0 and U+FDD1 are noncharacters, which no text interchanged has a use for; where one comes all
# the same, it is a spelling like any other.
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_PLACEHOLDER = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_DATE_CALL = re.compile(r"""strftime_now\s*\(\s*(?P<quote>["'])(?P<format>.*?)(?P=quote)\s*\)""")


class ChatTemplate:
    """Renders conversations with one template and one date.

    Args:
        tokenizer: a `transformers.PreTrainedTokenizerBase`.
        source: the template; None for the tokenizer's own.
        date: what the template may write as today.
        variables: more for the template to read, ``{"enable_thinking": False}`` for example.

    Raises:
        TypeError: the tokenizer has no chat templates at all.
        ValueError: no template, or one that reads the clock in a way that ``date`` cannot fix.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        source: str | None,
        date: datetime.date,
        variables: Mapping[str, Any],
    ) -> None:
        self._tokenizer = tokenizer
        self._source = with_date(own_source(tokenizer) if source is None else source, date)
        self._variables = dict(variables)
        special = {str(t): t for t in tokenizer.added_tokens_decoder.values() if t.special}
        spellings = {*special, *tokenizer.all_special_tokens}
        self._spellings = (*sorted(spellings, key=len, reverse=True), _OPEN)
        self._index = {spelling: index for index, spelling in enumerate(self._spellings)}
        self._spelled = re.compile("|".join(map(re.escape, self._spellings)))
        # An added token may swallow the white space beside it.
        patterns = [
            (r"\s*" if s in special and special[s].lstrip else "")
            + f"(?:{re.escape(s)})"
            + (r"\s*" if s in special and special[s].rstrip else "")
            for s in self._spellings[:-1]
        ]
        self._special = re.compile("|".join(patterns) or r"(?!)")

    def render(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSchema] = (),
        add_generation_prompt: bool = True,
    ) -> str:
        """Return the text of ``messages``, with placeholders for the special tokens they spell.

        Raises:
            ValueError: the template raised; the message says what and on which roles.
        """
        try:
            text: str = self._tokenizer.apply_chat_template(
                [self.protected(message) for message in messages],
                tools=[self.protected(_as_function(tool)) for tool in tools] or None,
                chat_template=self._source,
                add_generation_prompt=add_generation_prompt,
                tokenize=False,
                **self._variables,
            )
        except Exception as error:  # a template is a program of its own, which may raise anything
            roles = ", ".join(message["role"] for message in messages)
            raise ValueError(
                f"the chat template raised on messages of the roles {roles}: {error}"
            ) from error
        return text

    def protected(self, value: Any) -> Any:
        """Return ``value`` with a placeholder for each special token that its strings spell."""
        if isinstance(value, str):
            # Lone surrogates, which no Rust string can hold, become U+FFFD.
            clean = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return self._spelled.sub(lambda m: f"{_OPEN}{self._index[m[0]]}{_CLOSE}", clean)
        if isinstance(value, Mapping):
            return {key: self.protected(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.protected(item) for item in value]
        return value

    def encode(self, text: str) -> list[int]:
        """Return the ids of what `render` gave, or of a part of it."""
        if _OPEN not in text:
            return self._encode(text, split_special_tokens=False)
        ids: list[int] = []
        start = 0
        for match in self._special.finditer(text):
            ids += self._encode_plain(text[start : match.start()])
            ids.append(self._tokenizer.convert_tokens_to_ids(match[0].strip()))
            start = match.end()
        return ids + self._encode_plain(text[start:])

    def leading_special(self, text: str) -> tuple[str, int] | None:
        """Return the special token that ``text`` begins with and where it ends, or None."""
        start = len(text) - len(text.lstrip())
        match = self._special.match(text, start)
        if match is None:
            return None
        spelling = match[0].strip()
        return spelling, text.index(spelling, match.start()) + len(spelling)

    def token_id(self, spelling: str) -> int:
        """Return the id of a special token."""
        token_id: int = self._tokenizer.convert_tokens_to_ids(spelling)
        return token_id

    def shows(self, content: str, text: str) -> bool:
        """Say whether ``text`` holds ``content``, trimmed or not, as it is or as a JSON string."""
        wanted = self.protected(content).strip()
        return wanted in text or json.dumps(wanted, ensure_ascii=False)[1:-1] in text

    def _encode_plain(self, text: str) -> list[int]:
        literal = _PLACEHOLDER.sub(lambda m: self._spellings[int(m[1])], text)
        return self._encode(literal, split_special_tokens=True) if literal else []

    def _encode(self, text: str, *, split_special_tokens: bool) -> list[int]:
        ids: list[int] = self._tokenizer.encode(
            text, add_special_tokens=False, split_special_tokens=split_special_tokens
        )
        return ids


def own_source(tokenizer: Any) -> str:
    """Return the tokenizer's own template, the default one if it has several."""
    if not hasattr(tokenizer, "apply_chat_template"):
        raise TypeError(
            "tokenizer must be one of transformers, which have chat templates, "
            f"got {type(tokenizer).__name__}"
        )
    source = tokenizer.chat_template
    if isinstance(source, dict) and "default" in source:
        source = source["default"]
    if isinstance(source, str):
        return source
    known = f" named default, only {sorted(source)}" if isinstance(source, dict) else ""
    raise ValueError(
        f"the tokenizer has no chat template{known}: give chat_template=, or use RawRenderer"
    )


def with_date(source: str, date: datetime.date) -> str:
    """Return the template with ``date`` in place of the clock, which it calls ``strftime_now``."""
    fixed = _DATE_CALL.sub(lambda match: json.dumps(date.strftime(match["format"])), source)
    rest = re.search(r"strftime_now\s*\(.{0,40}", fixed)
    if rest is not None:
        raise ValueError(
            "the chat template reads the clock with a format that is not written out, "
            f"{rest[0]!r}: write the date into the template"
        )
    return fixed


def text_after(text: str, before: str, completion: str) -> str | None:
    """Return what follows ``before + completion`` in ``text``; None if it does not begin so.

    White space around the completion may differ: templates trim it, or put some in front of it.
    """
    if not text.startswith(before):
        return None
    rest = text[len(before) :]
    if rest.startswith(completion):
        return rest[len(completion) :]
    rest, trimmed = rest.lstrip(), completion.strip()
    return rest[len(trimmed) :] if rest.startswith(trimmed) else None


def _as_function(tool: ToolSchema) -> Mapping[str, Any]:
    """Return the schema in the form that templates expect."""
    return tool if "function" in tool else {"type": "function", "function": dict(tool)}
