r"""Read the text of an answer as a typed tree.

What cannot be read as mathematics is plain text, which is compared as such.
"""

import re
from dataclasses import dataclass

from llmenvs.verifiers.math import vocabulary as words
from llmenvs.verifiers.math.brackets import parse_tokens
from llmenvs.verifiers.math.builder import Builder
from llmenvs.verifiers.math.dates import read_date
from llmenvs.verifiers.math.items import ParseError
from llmenvs.verifiers.math.lexer import DEFAULT_READING, Reading, tokenize
from llmenvs.verifiers.math.limits import MAX_ANSWER_CHARS, Meter, OverBudgetError
from llmenvs.verifiers.math.literals import NUMBER_WORDS, in_base, read_number
from llmenvs.verifiers.math.nodes import EMPTY_SET, Constant, LongInteger, Node, Text
from llmenvs.verifiers.math.normalize import normalize


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer means.

    Attributes:
        text: the answer as it was cleaned up for reading.
        node: its tree.
        computed: whether arithmetic was needed to read it as one value.
    """

    text: str
    node: Node
    computed: bool = False


_PLAIN_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+|\d{1,3}(?:,\d{3})+)", re.ASCII)
_LONG_NUMBER = re.compile(r"[+-]?[\d,]+", re.ASCII)
_WRAPPED = re.compile(r"\s*\\(?:boxed|fbox|text|mathrm|textbf|mathbf)\s*\{(.*)\}\s*", re.DOTALL)
_DOLLARS = re.compile(r"(?<!\\)\$")
_BASED = re.compile(
    r"\(?([0-9A-Fa-f]+)\)?\s*(?:_\s*\{?\s*(?:\\text\s*\{)?\s*(?:base\s*\}?\s*)?(\w+)\s*\}?\s*\}?|"
    r"(?:\\text\s*\{)?\s*\(?\s*(?:in )?base[ -]*(?:\})?\s*(\w+)\)?\}?)"
)
_WORD = re.compile(r"[A-Za-z]{2,}")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_TEXT_COMMAND = re.compile(r"\\text\s*\{([^{}]*)\}")
_INTRODUCTION = re.compile(
    r"(?:(?:so|thus|hence|therefore),?\s+)?(?:the|our|my|its|a)?\s*(?:[a-z]+\s+){0,6}?"
    r"(?:is|are|equals)(?:\s+equal\s+to)?:?\s+(?=\S)",
    re.IGNORECASE,
)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FENCE = re.compile(r"^```\w*\n|\n```$")
_EDGES = " \t\r\n.,;:"


def read_answer(
    text: str, reading: Reading = DEFAULT_READING, meter: Meter | None = None
) -> Answer:
    r"""Return what ``text`` means.

    Raises:
        OverBudgetError: reading it takes more than it may.

    >>> read_answer(r"2\frac{3}{4}").node
    Number(value=Fraction(11, 4), digits=0, exponent=0, truncated=False)
    """
    stripped = text.strip()
    if len(stripped) > MAX_ANSWER_CHARS:
        return _read_long(stripped)
    if _PLAIN_NUMBER.fullmatch(stripped) and reading is DEFAULT_READING:
        return Answer(stripped, _signed_number(stripped))
    cleaned = _clean(normalize(stripped))
    phrase = _read_phrase(cleaned)
    if phrase is not None:
        return Answer(cleaned, phrase)
    builder = Builder(meter or Meter())
    introduction = _INTRODUCTION.match(cleaned)
    for candidate in (cleaned[introduction.end() :], cleaned) if introduction else (cleaned,):
        try:
            node = parse_tokens(tokenize(candidate, reading), builder)
        except ParseError:
            continue
        return Answer(candidate, node, builder.computed)
    return Answer(cleaned, Text(squash(cleaned)))


def _signed_number(text: str) -> Node:
    number = read_number(text.lstrip("+-"))
    return Builder(Meter()).negate(number) if text[0] == "-" else number


def _read_long(text: str) -> Answer:
    if _LONG_NUMBER.fullmatch(text):
        digits = text.lstrip("+-").replace(",", "").lstrip("0")
        return Answer(text, LongInteger(text[0] == "-", digits))
    raise OverBudgetError(f"an answer of more than {MAX_ANSWER_CHARS} characters")


def _clean(text: str) -> str:
    """Return ``text`` without math delimiters, emphasis and surrounding punctuation."""
    text = re.sub(r"\\[()\[\]]", " ", text) if re.search(r"\\[()\[\]]", text) else text
    if "$" in text:
        only = text.strip().startswith("$") and len(_DOLLARS.findall(text)) == 1
        text = _DOLLARS.sub(r"\\$" if only else " ", text)
    text = text.replace("**", "") if text.count("**") > 1 and text.startswith("**") else text
    text = _FENCE.sub("", text).strip("`") if "`" in text else text
    text = text.strip(_EDGES) if not text.endswith("...") else text.strip(" \n\t")
    for _ in range(4):
        wrapped = _WRAPPED.fullmatch(text)
        if wrapped is None or not _balanced(wrapped.group(1)):
            break
        if _WORD.fullmatch(wrapped.group(1).strip()):
            break  # a word that is marked as text is no product of variables
        text = wrapped.group(1).strip(_EDGES)
    return text


def _balanced(text: str) -> bool:
    depth = 0
    for match in re.finditer(r"\\.|[{}]", text):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth < 0:
            return False
    return depth == 0


def _read_phrase(text: str) -> Node | None:
    """Return the node of an answer in words, a date, or a number in another base."""
    based = _BASED.fullmatch(text)
    if based is not None:
        base = words.BASES.get((based.group(2) or based.group(3)).lower())
        number = in_base(based.group(1), base) if base else None
        if number is not None:
            return number
    if _ISO_DATE.fullmatch(text):
        return read_date(text)
    if not _WORD.search(text):
        return None
    plain = squash(text)
    if plain in NUMBER_WORDS:
        return NUMBER_WORDS[plain]
    if plain in words.EMPTY_PHRASES:
        return EMPTY_SET
    if plain in words.REAL_PHRASES:
        return Constant("reals")
    if plain in words.UNDEFINED_PHRASES:
        return Text("undefined")
    date = read_date(plain)
    if date is not None:
        return date
    return Text(plain) if _is_prose(text) else None


def _is_prose(text: str) -> bool:
    """Return whether ``text`` is words alone: no digits, no operators, no names that we know."""
    bare = _TEXT_COMMAND.sub(r" \1 ", text)
    if _COMMAND.search(bare) or re.search(r"[\d=<>+*/^_|{}\\]", bare):
        return False
    found = _WORD.findall(bare)
    if any(word in words.FUNCTIONS or word in words.CONSTANTS for word in found):
        return False
    if any(word.lower() in words.AND_WORDS | words.OR_WORDS for word in found):
        return all(len(word) > 3 or word.lower() in {"and", "or"} for word in found) and (
            len(found) > 1
        )
    if "," in bare and all(len(word) < 3 for word in found):
        return False
    # Up to three bare letters are a product of variables.
    return bare != text or len(found) > 1 or any(len(word) > 3 for word in found)


def squash(text: str) -> str:
    r"""Return ``text`` for comparison as words: no ``\text``, no case, single spaces."""
    bare = _TEXT_COMMAND.sub(r"\1", text).replace("**", "")
    if _COMMAND.search(bare) or re.search(r"[=<>^_\\]", bare):
        return "".join(bare.split())
    bare = re.sub(r"[\s\-_]+", " ", bare).strip(" .,;:!?\"'()[]").casefold()
    return bare.removeprefix("the ").removeprefix("a ").removeprefix("an ")
