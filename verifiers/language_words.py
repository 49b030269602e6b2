r"""The words of a text by script, without what belongs to no language: code, formulas, digits.

How words are counted where a script does not part them by spaces is `CHARS_PER_WORD`: so many
characters count as one word.

What is left out, and what is not:

- of code and of formulas only the ASCII part goes. A Chinese comment in a code fence, or Chinese
  between dollar signs, is still Chinese: to hide a language in there does not pay;
- digits, links, tags, ``\commands``, names such as ``total_sum``, ``x1`` or ``getName``, single
  Latin or Greek letters, and Latin capitals up to five in a row (``ABC``, ``GCD``).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

CHARS_PER_WORD: Mapping[str, float] = {
    "Han": 1.5,
    "Kana": 2.0,
    "Thai": 4.0,
    "Lao": 4.0,
    "Khmer": 4.0,
    "Myanmar": 4.0,
}
"""Script -> characters that count as one word; in the others a run of letters is a word."""

_RANGES: Mapping[str, str] = {
    "Latin": "A-Za-zªºÀ-ÖØ-öø-ʯḀ-ỿⱠ-Ɀ꜠-ꟿ\ufb00-\ufb06\uff21-\uff3a\uff41-\uff5a",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
    "Armenian": "\u0531-\u058f",
    "Hebrew": "\u0590-\u05ff\ufb1d-\ufb4f",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefe",
    "Devanagari": "\u0900-\u097f\ua8e0-\ua8ff",
    "Bengali": "\u0980-\u09ff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Gujarati": "\u0a80-\u0aff",
    "Oriya": "\u0b00-\u0b7f",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Kannada": "\u0c80-\u0cff",
    "Malayalam": "\u0d00-\u0d7f",
    "Sinhala": "\u0d80-\u0dff",
    "Thai": "\u0e00-\u0e7f",
    "Lao": "\u0e80-\u0eff",
    "Myanmar": "\u1000-\u109f",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf",
    "Ethiopic": "\u1200-\u139f",
    "Khmer": "\u1780-\u17ff",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff",
    "Kana": "\u3041-\u309f\u30a1-\u30ff\uff66-\uff9f",
    "Han": "\u2e80-\u2fd5\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
}
"""Script -> its letters and the marks that stand on them."""

_JOINERS = "\u0300-\u036f\u200c\u200d"
_MAX_RUN = 40
"""Longest run of letters that is one `Word` in a script that does not part words."""
_APOSTROPHES = "'\u2019"
_SENTENCE_ENDS = ".!?;:\u2026\u3002\uff01\uff1f\uff1b\uff1a\u0964\u061f\u06d4"


def _word_pattern() -> re.Pattern[str]:
    ways = []
    for script, letters in _RANGES.items():
        most = _MAX_RUN - 1 if script in CHARS_PER_WORD else ""
        way = f"[{letters}][{letters}{_JOINERS}]{{0,{most}}}"
        if script == "Latin":
            way += f"(?:[{_APOSTROPHES}][{letters}]+)*"
        ways.append(f"(?P<{script}>{way})")
    others = rf"(?P<Other>[^\W\d_]{{2,}})|(?P<End>[{_SENTENCE_ENDS}](?!\w)|\n)"
    return re.compile("|".join([*ways, others]))


_WORD = _word_pattern()
_OPENING = re.compile(r"```|`|\$\$|\$|\\\[|\\\(")
_CLOSINGS: Mapping[str, str] = {r"\[": r"\]", r"\(": r"\)"}
_MAX_SPAN_CHARS: Mapping[str, int] = {"`": 500, "$": 500, "```": 1_000_000}
_MAX_DISPLAY_CHARS = 5_000
_ONE_LINE = frozenset({"`", "$"})
_NO_LANGUAGE = re.compile(
    r"(?:https?://|www\.)[!-;=?-~]+"  # links
    r"|</?[A-Za-z][^<>\n]{0,200}>"  # tags
    r"|\\[A-Za-z]+"  # commands of LaTeX
)
_IDENTIFIER = re.compile(r"(?<![A-Za-z0-9_À-ɏ])[A-Za-z0-9_]++(?![À-ɏ'\u2019])")
_CAMEL_CASE = re.compile(r"[a-z]+[A-Z][A-Za-z]*")
_ASCII = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or a run of letters in a script that does not part words.

    Attributes:
        text: as it was written.
        script: of `_RANGES`, or "Other".
        weight: how many words it counts as.
        sentence: the number of its sentence, from 0.
    """

    text: str
    script: str
    weight: float
    sentence: int


def words_of(text: str) -> list[Word]:
    """Return the words of ``text`` in order; the time is linear.

    >>> [(word.text, word.script, word.weight) for word in words_of("Add $x$ to `y`: 一共三")]
    [('Add', 'Latin', 1.0), ('to', 'Latin', 1.0), ('一共三', 'Han', 2.0)]
    """
    text = _NO_LANGUAGE.sub(" ", _without_code_and_formulas(text))
    text = _IDENTIFIER.sub(lambda name: " " if _is_name(name.group()) else name.group(), text)
    words = []
    sentence = 0
    for match in _WORD.finditer(text):
        script = match.lastgroup or "Other"
        if script == "End":
            sentence += 1
            continue
        word = match.group()
        if len(word) == 1 and script in ("Latin", "Greek"):
            continue
        per_word = CHARS_PER_WORD.get(script)
        weight = 1.0 if per_word is None else len(word) / per_word
        words.append(Word(word, script, weight, sentence))
    return words


def _is_name(word: str) -> bool:
    """Return whether ``word`` is the name of a variable, or an abbreviation."""
    if not word.isalpha():
        return True
    if word.isupper():
        return 2 <= len(word) <= 5
    return _CAMEL_CASE.fullmatch(word) is not None


def _without_code_and_formulas(text: str) -> str:
    """Return ``text`` without the ASCII part of its code and formulas, in one pass."""
    kept = []
    start = 0
    closing_at: dict[
        str, int
    ] = {}  # where each closing mark comes next, so that none is sought twice
    while (opening := _OPENING.search(text, start)) is not None:
        mark = opening.group()
        closing = _CLOSINGS.get(mark, mark)
        inside = opening.end()
        if closing_at.get(closing, -1) < inside:
            found = text.find(closing, inside)
            closing_at[closing] = found if found >= 0 else len(text)
        end = closing_at[closing]
        kept.append(text[start : opening.start()])
        if end - inside > _MAX_SPAN_CHARS.get(mark, _MAX_DISPLAY_CHARS) or (
            end == len(text) and mark != "```"
        ):
            start = inside
            continue
        span = text[inside:end]
        if mark in _ONE_LINE and "\n" in span:
            start = inside
            continue
        kept.append(_ASCII.sub(" ", span))
        start = end + len(closing)
    return " ".join([*kept, text[start:]])
