"""Which values a possible answer of BFCL allows for a parameter.

Types are exact, but an integer may stand for a float, and a value may have the type of the first
allowed one. In Java and JavaScript every value is a string that holds a literal, which BFCL's own
converters read (from ``bfcl-eval``).

Where this differs from BFCL's ``ast_checker`` (2026.3.23), on purpose:

- Strings are compared without case, spaces and the marks ``,./-_``, but not between digits or
  before a number: for BFCL "1.5" equals "15", "-5" equals "5" and 2024-1-11 equals 2024-11-1. ``*``
  and ``^`` are never dropped (x*2 is not x^2), but ``**`` is ``^``.
- true is not 1, also inside dicts and lists.
- Strings inside nested lists are compared as loosely as others, and numbers in lists may be
  integers where floats are asked for.
"""

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from llmenvs.verifiers.tool_call.calls import json_key

_MAX_LITERAL_CHARS = 1_000
"""Longest literal of Java or JavaScript: the converters' expressions are not linear."""

_PYTHON_TYPES: Mapping[str, frozenset[type]] = {
    "string": frozenset({str}),
    "any": frozenset({str}),
    "integer": frozenset({int}),
    "float": frozenset({int, float}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
    "array": frozenset({list}),
    "tuple": frozenset({list}),
    "dict": frozenset({dict}),
    "object": frozenset({dict}),
}


def allows_value(
    value: Any, schema: Mapping[str, Any], allowed: Sequence[Any], category: str
) -> bool:
    """Return whether ``value`` has the right type and equals one of the ``allowed``.

    Args:
        value: of a parameter, as called.
        schema: of the parameter, in BFCL's form.
        allowed: its allowed values; "" where it may be left out.
        category: of the case, which says in what language a value is written.

    Raises:
        ModuleNotFoundError: the category is Java or JavaScript and ``bfcl-eval`` is not installed.
    """
    if category in ("simple_java", "simple_javascript"):
        if not isinstance(value, str) or len(value) > _MAX_LITERAL_CHARS:
            return False
        value = _converted(value, schema, category)
        return any(_same(value, one) for one in allowed)
    return _has_type(value, schema, allowed) and any(_same(value, one) for one in allowed)


def _has_type(value: Any, schema: Mapping[str, Any], allowed: Sequence[Any]) -> bool:
    first = next((type(one) for one in allowed if one != ""), None)
    if type(value) not in _PYTHON_TYPES.get(schema.get("type", ""), frozenset()) | {first}:
        return False
    if type(value) is not list or "items" not in schema:
        return True
    lists = [one for one in allowed if isinstance(one, list)]
    return not lists or any(
        all(_has_type(item, schema["items"], one) for item in value) for one in lists
    )


def _same(value: Any, allowed: Any) -> bool:
    """Return whether two values are equal, strings loosely."""
    if isinstance(value, str) and isinstance(allowed, str):
        return loose_string(value) == loose_string(allowed)
    if isinstance(value, list) and isinstance(allowed, list):
        return len(value) == len(allowed) and all(map(_same, value, allowed))
    if isinstance(value, dict) and isinstance(allowed, dict):
        return json_key(value) == json_key(allowed) or _is_one_of(value, allowed)
    return type(value) is not str and json_key(value) == json_key(allowed)


def _is_one_of(value: Mapping[str, Any], allowed: Mapping[str, Any]) -> bool:
    """Return the same for a dict whose allowed one lists the allowed values of each key."""
    if any(not isinstance(values, list) for values in allowed.values()):
        return False
    return all(
        key in allowed and any(_same(item, one) for one in allowed[key])
        for key, item in value.items()
    ) and all(key in value or "" in values for key, values in allowed.items())


_DROPPED = re.compile(r"[ ,./_-](?!\d)|(?<=[^\W\d])[ ,./_-](?=\d)|(?<!\d)[ ,/_](?=\d)")


def loose_string(text: str) -> str:
    """Return ``text`` without case and without the marks that do not change what it means.

    >>> loose_string("April 1, 2024") == loose_string("april 1 2024")
    True
    >>> loose_string("1.5") == loose_string("15"), loose_string("x ** 2")
    (False, 'x^2')
    """
    text = text.lower().replace("'", '"').replace("**", "^").replace(", ", " ")
    return _DROPPED.sub("", text)


def _converted(literal: str, schema: Mapping[str, Any], category: str) -> Any:
    """Return what a literal of Java or JavaScript stands for, itself if that is not known."""
    language = "java" if category == "simple_java" else "js"
    path = f"bfcl_eval.eval_checker.ast_eval.type_convertor.{language}_type_converter"
    convert = getattr(importlib.import_module(path), f"{language}_type_converter")
    kind, nested = schema["type"], schema.get("items", {}).get("type")
    try:
        if kind in ("Array", "ArrayList", "array"):
            return convert(literal, kind, nested)
        return convert(literal, kind)
    except (ValueError, TypeError, IndexError, NotImplementedError):
        return literal
