r"""Cut a normalised answer into tokens.

>>> [token.text for token in tokenize(r"2\frac{1}{2}, 1,000")]
['2', '\\frac', '{', '1', '}', '{', '2', '}', ',', '1000']
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from llmenvs.verifiers.math.limits import MAX_TOKENS, OverBudgetError


class TokenKind(StrEnum):
    """What a token is."""

    NUMBER = "number"
    COMMAND = "command"
    WORD = "word"
    TEXT = "text"
    SIGN = "sign"
    BEGIN = "begin"
    END = "end"


class Token(NamedTuple):
    """One token; ``spaced`` tells whether white space stands before it."""

    kind: TokenKind
    text: str
    spaced: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """How the ambiguous notations are read.

    Attributes:
        grouping: ``1,234`` and ``1 234`` are one number.
        decimal_comma: ``1,5`` is one and a half.
        scientific: ``2e-1`` is 0.2 (True) or twice Euler's number less one (False); None decides
            by how the number looks.
    """

    grouping: bool = True
    decimal_comma: bool = False
    scientific: bool | None = None


DEFAULT_READING = Reading()

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>
        (?:\d{1,3}(?:\.\d{3})+,\d+                # 1.234,5
          |\d{1,3}(?:,\d{3})+(?![\d])(?:\.\d+)?   # 1,234.5
          |\d{1,3}(?:[ ]\d{3})+(?!\d)(?:\.\d+)?   # 1 234.5
          |\d+,\d+(?![\d,]|\.\d)                       # 1,5 or a pair
          |\d+(?:\.\d+|\.(?!\d|\.))?|\.\d+)
        (?:[eE][+-]?\d+(?![\d.]|\s*[\^!]))?)
  | \\text\s*\{(?P<text>[^{}]*)\}
  | \\begin\s*\{(?P<begin>[A-Za-z]+)\*?\}(?:\s*\{[^{}]*\}(?<=[lcr|\s]\}))?
  | \\end\s*\{(?P<end>[A-Za-z]+)\*?\}
  | (?P<command>\\[A-Za-z]+|\\.)
  | (?P<word>[A-Za-z]+)
  | (?P<sign><=|>=|==|:=|\*\*|\.\.\.+|\S)
    """,
    re.VERBOSE | re.DOTALL,
)
_EXPONENT = re.compile(r"(\d+)[eE]([+-]\d)")
_EUROPEAN = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+")
_OPENING = frozenset({"(", "[", r"\{"})
_CLOSING = frozenset({")", "]", r"\}"})


def tokenize(text: str, reading: Reading = DEFAULT_READING) -> list[Token]:
    """Return the tokens of ``text``.

    Raises:
        OverBudgetError: there are too many.
    """
    tokens: list[Token] = []
    spaced = False
    nested = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "space":
            spaced = True
            continue
        if len(tokens) > MAX_TOKENS:
            raise OverBudgetError(f"an answer of more than {MAX_TOKENS} tokens")
        body = match.group(kind or 0)
        if kind == "number" and not body.isdecimal():
            tokens.extend(_number_tokens(body, spaced=spaced, nested=nested > 0, reading=reading))
        else:
            tokens.append(Token(TokenKind(kind or "sign"), body, spaced))
            nested += (body in _OPENING) - (body in _CLOSING)
        spaced = False
    return tokens


def _number_tokens(body: str, *, spaced: bool, nested: bool, reading: Reading) -> list[Token]:
    exponent = _EXPONENT.fullmatch(body)
    if exponent is not None or reading.scientific is False:
        scientific = reading.scientific
        if scientific is None and exponent is not None:
            # Nobody writes 0.2 as 2e-1, but twice Euler's number less one comes up in integrals.
            scientific = exponent.group(1) == "1" or abs(int(exponent.group(2))) > 2
        if not scientific and re.search("[eE]", body):
            return _euler_tokens(body, spaced=spaced)
    if "," in body and not _EUROPEAN.fullmatch(body) and not reading.decimal_comma:
        pair = re.fullmatch(r"\d+,\d+", body) and not re.fullmatch(r"\d{1,3},\d{3}", body)
        if pair or nested or not reading.grouping:
            return _split(body, spaced=spaced)
        body = body.replace(",", "")
    elif "," in body:
        head, _, tail = body.rpartition(",")
        body = f"{re.sub('[.,]', '', head)}.{tail}"
    elif " " in body and not reading.grouping:
        return _split(body, spaced=spaced)
    return [Token(TokenKind.NUMBER, body.replace(" ", ""), spaced)]


def _split(body: str, *, spaced: bool) -> list[Token]:
    tokens: list[Token] = []
    for part in re.split("([, ])", body):
        if part == ",":
            tokens.append(Token(TokenKind.SIGN, ",", False))  # noqa: FBT003
        elif part != " ":
            tokens.append(Token(TokenKind.NUMBER, part, spaced or bool(tokens)))
    return tokens


def _euler_tokens(body: str, *, spaced: bool) -> list[Token]:
    mantissa, power = re.split("[eE]", body, maxsplit=1)
    tokens = [Token(TokenKind.NUMBER, mantissa, spaced), Token(TokenKind.WORD, "e", spaced=False)]
    if power[0] in "+-":
        tokens.append(Token(TokenKind.SIGN, power[0], spaced=False))
    return [*tokens, Token(TokenKind.NUMBER, power.lstrip("+-"), spaced=False)]
