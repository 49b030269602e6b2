r"""Find the final answer in what a policy wrote.

Sources, in the default order of priority:

1. the last closed ``\boxed{…}`` or ``\fbox{…}``;
2. the last ``<answer>…</answer>``;
3. the last statement such as "the answer is …", "Final Answer: …" or ``#### …``;
4. the last formula or number.

What stands in ``<think>`` does not count where an answer stands after it, and ``<information>``,
which the environment wrote, never counts. Every step is one pass, so the time is linear.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from llmenvs.verifiers.math.boxes import Box, closing_boxes, joint
from llmenvs.verifiers.math.limits import MAX_WORK_CHARS
from llmenvs.verifiers.math.prose import is_wordy

Span: TypeAlias = tuple[int, int]


class Source(StrEnum):
    """Where an answer can stand."""

    BOXED = "boxed"
    ANSWER_TAG = "answer_tag"
    STATEMENT = "statement"
    DISPLAY_MATH = "display_math"
    LAST_EXPRESSION = "last_expression"


DEFAULT_PRIORITIES = (
    Source.BOXED,
    Source.ANSWER_TAG,
    Source.STATEMENT,
    Source.LAST_EXPRESSION,
)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found.

    Attributes:
        source: where.
        candidates: readings of it from best to worst; the first that can be parsed is the answer.
        boxes: the boxes of the closing statement in order, where the answer stands in boxes.
        hedged: those boxes are joined by "or".
    """

    source: Source
    candidates: tuple[str, ...]
    boxes: tuple[str, ...] = ()
    hedged: bool = False


def extract(
    text: str, priorities: tuple[Source, ...] = DEFAULT_PRIORITIES, *, unclosed: bool = False
) -> Extraction | None:
    r"""Return the final answer of ``text``, or None where there is none.

    Args:
        text: what the policy wrote.
        priorities: which sources count, the most trusted first.
        unclosed: read a box that is never closed to the end of the text. Off for completions,
            where it means that the generation was cut off within the answer.

    >>> extract(r"<think>\boxed{1}?</think> So \boxed{\frac{1}{2}}.").candidates
    ('\\frac{1}{2}',)
    """
    text = text[-MAX_WORK_CHARS:]
    for part in _parts(text):
        opened = r"\boxed" in part or r"\fbox" in part
        for source in priorities:
            found = _FINDERS[source](part) if source is not Source.BOXED else _boxed(part, unclosed)
            if found is not None:
                return found
            if source is Source.BOXED and opened and _never_closed(part):
                break
    return None


_INFORMATION = re.compile(r"</?information>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--|-->")
_TURN = re.compile(r"<\|(?:im_start|im_end|endoftext|eot_id|end_of_text|start_header_id)\|>")
_ANSWER_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)


def _parts(text: str) -> Iterator[str]:
    """Yield what the policy said after its reasoning, then, if need be, everything it said."""
    if "<" in text:
        text = _without(_COMMENT, "<!--", _without(_INFORMATION, "<information>", text))
        turn = _TURN.search(text)
        if turn is not None and text[: turn.start()].strip():
            text = text[: turn.start()]
        end = text.rfind("</think>")
        if end >= 0:
            after = text[end + len("</think>") :]
            if after.strip():
                yield after
    yield text


def _without(pattern: re.Pattern[str], opening: str, text: str) -> str:
    """Return ``text`` without its spans between an opening and a closing mark."""
    kept: list[str] = []
    start = 0
    inside = False
    for match in pattern.finditer(text):
        opens = match.group().lower() == opening
        if opens and not inside:
            kept.append(text[start : match.start()])
            inside = True
        elif not opens and inside:
            inside = False
            start = match.end()
    if not kept:
        return text
    return "".join(kept) + ("" if inside else text[start:])


def _boxed(text: str, unclosed: bool) -> Extraction | None:  # noqa: FBT001
    boxes, hedged = closing_boxes(text, unclosed=unclosed)
    if not boxes:
        return None
    contents = tuple(_with_percent(text, box) for box in boxes)
    return Extraction(Source.BOXED, (contents[-1],), contents, hedged)


_PERCENT_AFTER = re.compile(r"[\s$.)\]\\]{0,4}(?:\\?%|per ?cent\b|pct\b)")


def _with_percent(text: str, box: Box) -> str:
    r"""Return the content of a box, with the percent sign that may stand behind it."""
    if "%" not in box.content and _PERCENT_AFTER.match(text, box.end):
        return box.content + r"\%"
    return box.content


def _never_closed(text: str) -> bool:
    return not closing_boxes(text, unclosed=False)[0]


def _tagged(text: str) -> Extraction | None:
    opened: int | None = None
    content: str | None = None
    for match in _ANSWER_TAG.finditer(text):
        if not match.group(1):
            opened = match.end()
        elif opened is not None:
            content = text[opened : match.start()]
            opened = None
    if content is None and opened is not None:
        content = text[opened:]
    if content is None or not content.strip():
        return None
    return Extraction(Source.ANSWER_TAG, tuple(sentence_candidates(content.strip())))


_STATEMENT = re.compile(
    r"(?:\banswers?\b(?:\s{1,3}(?:to|for)\s[^.\n:]{0,80}?)?[*_\s]{0,4}"
    r"(?:\bis\b|\bare\b|[=:]|\bwould be\b|\bshould be\b|\bmust be\b)[*_\s:]{0,6}"
    r"|\bfinal answer[*_]{0,2}\s*\n|\#{4}\s?)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"\n\s*\n|\n(?=[A-Z*#])|[.!?](?=\s|$|\"|\*)")
_OPENING_MATH = re.compile(r"[\s*_:]*(\$\$|\$|\\\[|\\\()")
_CLOSING_MATH = {"$$": "$$", "$": "$", r"\[": r"\]", r"\(": r"\)"}


def _statement(text: str) -> Extraction | None:
    last = None
    for match in _STATEMENT.finditer(text):
        last = match
    if last is None:
        return None
    sentence = _sentence(text, last.end())
    if not sentence.strip():
        return None
    return Extraction(Source.STATEMENT, tuple(sentence_candidates(sentence)))


def _sentence(text: str, start: int) -> str:
    """Return the sentence at ``start``; a formula that opens it is not cut at its full stops."""
    from_ = start
    opening = _OPENING_MATH.match(text, start)
    if opening is not None:
        close = _CLOSING_MATH[opening.group(1)]
        closed = text.find(close, opening.end())
        from_ = closed + len(close) if closed >= 0 else start
    else:
        while from_ < len(text) and text[from_].isspace():
            from_ += 1
    end = _SENTENCE_END.search(text, from_, from_ + 2_000)
    return text[start : end.start() if end is not None else from_ + 2_000]


_VERB = re.compile(r".*(?:\b(?:is|are|equals|be|was|of)\b|[:=])(?P<rest>.*)", re.DOTALL)
_NUMBER = re.compile(
    r"(?<![A-Za-z\d_.,])-?(?:\\?\$|€|£)?\d[\d,]*(?:\.\d+)?(?:\s?/\s?\d+)?(?:\s?\\?%|\s?percent\b)?"
    r"(?!\d)|(?<![\w.])-?\.\d+"
)


def sentence_candidates(sentence: str) -> Iterator[str]:
    """Yield what may be the answer in a sentence, from best to worst."""
    sentence = sentence.strip().strip("*").strip()
    if sentence.startswith("}"):  # the statement stands in a text command
        sentence = sentence[1:].strip()
    if not is_wordy(sentence):
        yield sentence
        return
    formulas = list(formula_spans(sentence))
    opening = _opening(sentence, formulas)
    if opening is not None:
        yield opening
    verb = _VERB.fullmatch(sentence[-400:])
    if verb is not None and not is_wordy(verb["rest"]) and verb["rest"].strip(" .*"):
        yield verb["rest"].strip(" *")
    numbers = [match.span() for match in _NUMBER.finditer(sentence)]
    if formulas or numbers:
        yield _widest(_by_end(formulas, numbers), formulas, sentence)
    yield sentence


_OPENING_NUMBER = re.compile(
    r"[-+]?\\?\$?\d[\d,./]*(?=\s*[,;(]?\s*(?:\(|since\b|because\b|as\b|not\b))"
)


def _opening(sentence: str, formulas: list[Span]) -> str | None:
    """Return the formula or the number that opens a sentence which then goes on in words."""
    if formulas and formulas[0][0] <= 2:
        content = sentence[slice(*formulas[0])]
        return content if any(char.isdigit() for char in content) else None
    number = _OPENING_NUMBER.match(sentence)
    return number.group() if number is not None else None


def _by_end(formulas: list[Span], numbers: list[Span]) -> list[Span]:
    """Return all spans by their ends; of two that end together the formula is the later one."""
    ranked = [(end, 1, start) for start, end in formulas] + [(e, 0, s) for s, e in numbers]
    return [(start, end) for end, _, start in sorted(ranked)]


def _widest(spans: list[Span], formulas: list[Span], text: str) -> str:
    """Return the last span, or the formula around it."""
    start, end = spans[-1]
    for left, right in formulas:
        if left <= start and end <= right:
            start, end = left, right
    tail = _PERCENT_AFTER.match(text, end)
    return text[start:end] + (r"\%" if tail is not None and "%" not in text[start:end] else "")


_DELIMITER = re.compile(r"\\[()\[\]]|\\.|\$\$?|\n\s*\n")


def formula_spans(text: str) -> Iterator[Span]:
    """Yield where the formulas between math delimiters stand, without the delimiters."""
    opened: tuple[str, int] | None = None
    for match in _DELIMITER.finditer(text):
        mark = match.group()
        if opened is not None and mark == _CLOSING_MATH[opened[0]]:
            if text[opened[1] : match.start()].strip():
                yield opened[1], match.start()
            opened = None
        elif mark in {r"\[", r"\("} or (opened is None and mark in {"$", "$$"}):
            opened = (mark, match.end())
        elif opened is not None and opened[0] == "$" and mark.startswith("\n"):
            opened = None


def _display(text: str) -> Extraction | None:
    spans = [
        (start, end)
        for start, end in formula_spans(text)
        if text[max(0, start - 2) : start] in {"$$", r"\["}
    ]
    if not spans:
        return None
    start, end = spans[-1]
    return Extraction(Source.DISPLAY_MATH, (text[start:end],))


_MAX_WHOLE_CHARS = 400
_TAIL_CHARS = 4_000
_MAX_RUN = 32


def _last_expression(text: str) -> Extraction | None:
    whole = text.strip()
    if not whole:
        return None
    if len(whole) <= _MAX_WHOLE_CHARS and not is_wordy(whole):
        return Extraction(Source.LAST_EXPRESSION, (whole,))
    formulas = [
        (start, end)
        for start, end in formula_spans(text)
        if end - start > 2 or any(c.isdigit() for c in text[start:end])
    ]
    offset = max(0, len(text) - _TAIL_CHARS)
    numbers = [match.span() for match in _NUMBER.finditer(text, offset)]
    spans = _by_end(formulas[-1:], numbers[-1:])
    if not spans:
        return None
    within = bool(formulas) and spans[-1][1] <= formulas[-1][1]
    if within:
        last = _widest(spans, formulas[-1:], text)
        return Extraction(Source.LAST_EXPRESSION, (last,), _formula_run(text, formulas))
    sentence = _sentence_around(text, spans[-1])
    verb = _VERB.fullmatch(sentence)
    rest = verb["rest"].strip(" .*") if verb is not None else ""
    said = (rest,) if _COMPOUND.search(rest) and not is_wordy(rest) else ()
    return Extraction(Source.LAST_EXPRESSION, (*said, _widest(spans, [], text)))


_SENTENCE_CHARS = 400
_COMPOUND = re.compile(r"[√π\\(\[{^]|sqrt|\band\b")
"""What shows that a plain sentence ends in more than a number."""


def _sentence_around(text: str, span: Span) -> str:
    """Return the sentence that holds the number at ``span``."""
    first = max(0, span[0] - _SENTENCE_CHARS)
    start = first
    for match in _SENTENCE_END.finditer(text, first, span[0]):
        start = match.end()
    end = _SENTENCE_END.search(text, span[1], span[1] + _SENTENCE_CHARS)
    return text[start : end.start() if end is not None else span[1] + _SENTENCE_CHARS]


def _formula_run(text: str, formulas: list[Span]) -> tuple[str, ...]:
    """Return the formulas that belong together at the end: ``$x = 3$ and $x = 5$``."""
    run = [formulas[-1]]
    for span in reversed(formulas[-_MAX_RUN:-1]):
        if joint(text[span[1] : run[0][0]]) is None:
            break
        run.insert(0, span)
    return tuple(text[start:end] for start, end in run)


_FINDERS: dict[Source, Callable[[str], Extraction | None]] = {
    Source.ANSWER_TAG: _tagged,
    Source.STATEMENT: _statement,
    Source.DISPLAY_MATH: _display,
    Source.LAST_EXPRESSION: _last_expression,
}
