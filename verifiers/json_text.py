"""Parse JSON that a policy wrote: strictly, and within bounds that are checked before parsing."""

import json
import math
import re
from typing import Any

MAX_DIGITS = 400
"""Longest integer. Doubles end at 309 digits; Python refuses 4,300."""

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


class JSONTextError(ValueError):
    """The text is no JSON, or is out of bounds."""


def parse_json(text: str, *, max_depth: int = 64, max_chars: int = 1_000_000) -> Any:
    """Return the value that ``text`` writes.

    Stricter than `json.loads`: a key that comes twice, ``NaN``, ``Infinity`` and numbers beyond a
    double are refused.

    Args:
        text: the JSON, with white space around it at most.
        max_depth: of arrays and objects within each other.
        max_chars: longest text.

    Raises:
        JSONTextError: it is no JSON, or out of bounds; the message says where.

    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    llmenvs.verifiers.json_text.JSONTextError: key 'a' comes twice
    """
    if len(text) > max_chars:
        raise JSONTextError(f"{len(text)} characters, more than {max_chars}")
    depth = _depth(text)
    if depth > max_depth:
        raise JSONTextError(f"nested more than {max_depth} deep")
    try:
        return json.loads(
            text,
            object_pairs_hook=_distinct,
            parse_constant=_refused,
            parse_float=_finite,
            parse_int=_short,
        )
    except json.JSONDecodeError as error:
        raise JSONTextError(
            f"no JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from error


def _depth(text: str) -> int:
    depth = deepest = 0
    for token in _BRACKETS.finditer(text):
        bracket = token.group()
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                raise JSONTextError(f"key {key[:80]!r} comes twice")
            seen.add(key)
    return found


def _refused(constant: str) -> Any:
    raise JSONTextError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JSONTextError(f"number {text[:40]} is out of range")
    return value


def _short(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise JSONTextError(f"a number of {len(text)} digits, more than {MAX_DIGITS}")
    return int(text)
