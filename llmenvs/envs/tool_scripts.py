"""What scripted policies write where tools are called: calls at random, and values that are off."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from llmenvs.policy import ToolSchema


def random_call(tools: Sequence[ToolSchema], rng: np.random.Generator) -> dict[str, Any]:
    """Draw one of ``tools``, and a value of the right type for each of its required parameters."""
    tool = tools[int(rng.integers(len(tools)))]
    schema = tool.get("parameters") or {}
    properties = schema.get("properties", {})
    parameters = {
        name: _random_value(properties.get(name, {}), rng) for name in schema.get("required", ())
    }
    return {"name": tool["name"], "parameters": parameters}


def value_off(value: Any) -> Any:
    """Return a value of the same type that looks like ``value`` and is not.

    >>> value_off(7), value_off("A-19"), value_off("level")
    (8, 'A-20', 'levelx')
    """
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return [*value, "x"]
    if isinstance(value, dict):
        return {**value, "x": 0}
    text = str(value)
    changed = re.sub(r"[0-9]", lambda digit: str((int(digit[0]) + 1) % 10), text)
    return changed if changed != text else f"{text[::-1]}x"


def _random_value(schema: Mapping[str, Any], rng: np.random.Generator) -> Any:
    if schema.get("enum"):
        return schema["enum"][int(rng.integers(len(schema["enum"])))]
    number = int(rng.integers(100))
    of_type: Mapping[str, Any] = {
        "integer": number,
        "number": number / 2,
        "boolean": number < 50,
        "array": [],
        "object": {},
    }
    kind = schema.get("type", "string")
    return of_type.get(kind, f"A-{number}") if isinstance(kind, str) else f"A-{number}"
