"""Read JSON that a model wrote: strictly, and within bounds whatever it is.

The parser is the standard library's. What it lets pass beside JSON is refused here: duplicate keys
(the last one would win), NaN and infinities, numbers too long to be converted in linear time, and
nesting so deep that whether it can be read would depend on the caller's stack.
"""

import json
import math
import re
from typing import Any

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects."""
MAX_DIGITS = 4_300
"""Longest number in characters; Python converts longer ones in quadratic time."""

_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*")


class NotJSONError(ValueError):
    """A text is not JSON, or is beyond the bounds. The message says why, on one line."""


class JSONReader:
    """Reads JSON values out of a text, one after the other.

    >>> reader = JSONReader('{"a": 1} [2]')
    >>> reader.read(0), reader.read(9)
    (({'a': 1}, 8), ([2], 12))
    """

    __slots__ = ("_may_be_deep", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._may_be_deep = text.count("{") + text.count("[") > MAX_DEPTH

    def read(self, start: int) -> tuple[Any, int]:
        """Return the value that begins at ``start`` and where it ends.

        Raises:
            NotJSONError: there is none.
        """
        if self._may_be_deep:
            check_depth(self.text, start)
        try:
            return _DECODER.raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            raise NotJSONError(f"not JSON: {error.msg} at character {error.pos}") from error
        except NotJSONError:
            raise
        except (ValueError, RecursionError) as error:  # limits that the process has set lower
            raise NotJSONError(f"not readable as JSON: {error}") from error


def check_depth(text: str, start: int = 0, *, limit: int = MAX_DEPTH) -> None:
    """Raise where the value at ``start`` is nested more than ``limit`` deep.

    Raises:
        NotJSONError: it is.
    """
    depth = 0
    for mark in _NESTING.finditer(text, start):
        char = mark[0]
        if char in "[{":
            depth += 1
            if depth > limit:
                raise NotJSONError(f"nested more than {limit} deep")
        elif char in "]}":
            depth -= 1
        if depth <= 0:
            return


def read_json(text: str) -> Any:
    """Return the one value that ``text`` is.

    Raises:
        NotJSONError: it is not, or something else follows.
    """
    reader = JSONReader(text)
    value, end = reader.read(_skip_space(text, 0))
    end = _skip_space(text, end)
    if end != len(text):
        raise NotJSONError(f"not JSON: more text at character {end}")
    return value


def _skip_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return start if found is None else found.end()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for index, key in enumerate(keys) if key in keys[:index])
        raise NotJSONError(f"the key {twice[:80]!r} stands twice in an object")
    return value


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise NotJSONError(f"a number of {len(digits)} digits")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise NotJSONError(f"the number {digits[:80]} is beyond what a float holds")
    return value


def _constant(name: str) -> Any:
    raise NotJSONError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_number,
    parse_constant=_constant,
)
