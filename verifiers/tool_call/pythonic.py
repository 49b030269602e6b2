"""Read calls in Python's notation, ``[f(a=1), g(b="x")]``, without Python's parser.

BFCL and Llama write calls so. ``ast.parse`` would read them too, but it warns about escapes that
models do write, so that a verdict would depend on the warning filters, and how deep it can go
depends on the caller's stack. The notation needed here is small: names, keyword arguments and
literals of what JSON has. Nothing is evaluated: ``1 + 1`` is not a literal and is refused.
"""

import math
import re
from typing import Any

from llmenvs.verifiers.tool_call.calls import MAX_CALLS, ToolCall
from llmenvs.verifiers.tool_call.strict_json import MAX_DEPTH, MAX_DIGITS

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    |(?P<string>[rRuU]?(?:\"{3}(?:[^\\]|\\.)*?\"{3}|'{3}(?:[^\\]|\\.)*?'{3}
        |(?!\"{3})\"(?:[^\"\\\n]|\\.)*\"|(?!'{3})'(?:[^'\\\n]|\\.)*'))
    |(?P<number>[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9][0-9_]*)?)
    |(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    |(?P<mark>[\[\](){}=:,])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))", re.DOTALL
)
_PLAIN_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "\n": "",
    "a": "\a", "b": "\b", "f": "\f", "v": "\v",
}  # fmt: skip
_CONSTANTS = {"True": True, "False": False, "None": None}
_CLOSING = {"[": "]", "(": ")", "{": "}"}


class NotCallsError(ValueError):
    """A text is not calls in Python's notation. The message says why, on one line."""


def read_pythonic_calls(text: str) -> list[ToolCall]:
    """Return the calls of ``f(a=1)``, ``f(a=1), g()`` or a list of such.

    Raises:
        NotCallsError: ``text`` is anything else, or beyond `MAX_CALLS` or `MAX_DEPTH`.

    >>> read_pythonic_calls("[math.area(base=10, height=-2.5)]")
    [ToolCall(name='math.area', parameters={'base': 10, 'height': -2.5})]
    """
    parser = _Parser(text)
    listed = parser.take("[")
    calls = []
    while parser.kind == "name":
        calls.append(parser.call())
        if len(calls) > MAX_CALLS:
            raise NotCallsError(f"more than {MAX_CALLS} calls")
        if not parser.take(","):
            break
    if listed:
        parser.expect("]")
    if parser.kind != "end" or not (calls or listed):
        raise parser.error("a call")
    return calls


class _Parser:
    """Recursive descent over the tokens of a text; it stands before the token of ``kind``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0
        self.kind, self.token = "", ""
        self.advance()

    def advance(self) -> None:
        while True:
            found = _TOKEN.match(self.text, self.position)
            if found is None:
                self.kind = "end" if self.position == len(self.text) else "other"
                self.token = self.text[self.position : self.position + 20]
                return
            self.kind, self.token = found.lastgroup or "", found[0]
            self.position = found.end()
            if self.kind != "space":
                return

    def take(self, mark: str) -> bool:
        if self.kind != "mark" or self.token != mark:
            return False
        self.advance()
        return True

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            raise self.error(repr(mark))

    def error(self, expected: str) -> NotCallsError:
        found = "the end" if self.kind == "end" else repr(self.token[:20])
        return NotCallsError(f"expected {expected} near character {self.position}, got {found}")

    def call(self) -> ToolCall:
        name = self.token
        self.advance()
        self.expect("(")
        parameters: dict[str, Any] = {}
        while self.kind == "name" and "." not in self.token:
            parameter = self.token
            if parameter in parameters:
                raise NotCallsError(f"the argument {parameter[:80]!r} of {name[:80]!r} twice")
            self.advance()
            self.expect("=")
            parameters[parameter] = self.value()
            if not self.take(","):
                break
        self.expect(")")
        return ToolCall(name, parameters)

    def value(self) -> Any:
        kind, token = self.kind, self.token
        if kind == "string":
            return self.strings()
        if kind == "number":
            self.advance()
            return _number(token)
        if kind == "name" and token in _CONSTANTS:
            self.advance()
            return _CONSTANTS[token]
        if kind == "mark" and token in _CLOSING:
            return self.container(token)
        raise self.error("a literal")

    def strings(self) -> str:
        parts = []
        while self.kind == "string":  # neighbours are one string
            parts.append(_string(self.token))
            self.advance()
        return "".join(parts)

    def container(self, opening: str) -> Any:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotCallsError(f"nested more than {MAX_DEPTH} deep")
        self.advance()
        value = self.mapping() if opening == "{" else self.items(opening)
        self.depth -= 1
        return value

    def items(self, opening: str) -> Any:
        """Read a list or a tuple, which JSON has only as a list; ``(1)`` is just 1."""
        values = []
        closing = _CLOSING[opening]
        comma = False
        while not self.take(closing):
            values.append(self.value())
            comma = self.take(",")
            if not comma:
                self.expect(closing)
                break
        return values[0] if opening == "(" and len(values) == 1 and not comma else values

    def mapping(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not self.take("}"):
            if self.kind != "string":
                raise self.error("a string as key")
            key = self.strings()
            if key in values:
                raise NotCallsError(f"the key {key[:80]!r} stands twice in a dict")
            self.expect(":")
            values[key] = self.value()
            if not self.take(","):
                self.expect("}")
                break
        return values


def _number(token: str) -> int | float:
    digits = token.lstrip("+-")
    if len(digits) > MAX_DIGITS:
        raise NotCallsError(f"a number of {len(digits)} characters")
    try:
        value: int | float = float(token) if set(token) & set(".eE") else int(token)
    except ValueError as error:
        raise NotCallsError(f"not a number: {token[:80]!r}") from error
    if digits[0] == "0" and digits.strip("0_") and isinstance(value, int):
        raise NotCallsError(f"leading zeros in {token[:80]!r}")
    if math.isinf(value):
        raise NotCallsError(f"the number {token[:80]} is beyond what a float holds")
    return value


def _string(token: str) -> str:
    raw = token[0] in "rR"
    body = token.lstrip("rRuU")
    quotes = 3 if body[:3] in ('"""', "'''") and len(body) >= 6 else 1
    body = body[quotes:-quotes]
    return body if raw or "\\" not in body else _ESCAPE.sub(_unescape, body)


def _unescape(found: re.Match[str]) -> str:
    if found[5] and found[5] in "xuUN":
        raise NotCallsError(f"the escape {found[0]!r} is not one that is read")
    hexadecimal = found[1] or found[2] or found[3]
    if hexadecimal or found[4]:
        code = int(hexadecimal, 16) if hexadecimal else int(found[4], 8)
        if code > 0x10FFFF:
            raise NotCallsError(f"no character {found[0]}")
        return chr(code)
    return _PLAIN_ESCAPES.get(found[5], found[0])  # an unknown escape stays, as in Python
