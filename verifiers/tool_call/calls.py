"""What a tool call is, when two are the same, and how the wanted ones are given.

Values are compared as JSON values: true is not 1, "1" is not 1, 1 equals 1.0, and the order of keys
does not matter but that of lists does. An int equals a float only below 2^53, where a float still
tells neighbouring integers apart.
"""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmenvs.verifiers.tool_call.strict_json import NotJSONError, read_json

MAX_CALLS = 256
"""Most calls that are read out of a completion, and most that can be wanted of one."""
EXACT_FLOAT_LIMIT = 2**53
"""Below it in size every integer is a float of its own."""

_TRUE, _FALSE = ("bool", True), ("bool", False)


@dataclass(frozen=True, slots=True, eq=False)
class ToolCall:
    """One call: a tool's name and its parameters, which are JSON values.

    Two calls are equal if their names are and their parameters are as JSON.

    >>> ToolCall("f", {"x": 1}) == ToolCall("f", {"x": 1.0})
    True
    >>> ToolCall("f", {"x": 1}) == ToolCall("f", {"x": True})
    False
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ToolCall):
            return NotImplemented
        return self.name == other.name and _key_of(self) == _key_of(other)

    def __hash__(self) -> int:
        return hash((self.name, _key_of(self)))

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"name": …, "parameters": {…}}``."""
        return {"name": self.name, "parameters": dict(self.parameters)}


def json_key(value: Any) -> Hashable:
    """Return a key that two values share exactly if they are equal as JSON.

    Raises:
        TypeError: ``value`` is not made of what JSON has; a NaN or an infinity is not.
    """
    kind = type(value)
    if kind is str or value is None:
        return value  # type: ignore[no-any-return]  # a str or None
    if kind is bool:
        return _TRUE if value else _FALSE
    if kind is int:
        return value  # type: ignore[no-any-return]  # an int
    if kind is float:
        if not math.isfinite(value):
            raise TypeError(f"{value!r} is not JSON")
        exact = value.is_integer() and abs(value) < EXACT_FLOAT_LIMIT
        return int(value) if exact else ("float", value)
    if kind is list:
        return ("list", *map(json_key, value))
    if kind is dict:
        return frozenset(parameter_keys(value))
    raise TypeError(f"{value!r} is not JSON")


def parameter_keys(parameters: Mapping[str, Any]) -> list[tuple[str, Hashable]]:
    """Return each parameter's name with the key of its value.

    Raises:
        TypeError: a name is not a str, or a value is not JSON.
    """
    for name in parameters:
        if type(name) is not str:
            raise TypeError(f"the name {name!r} is not JSON")
    return [
        (name, value if type(value) is str else json_key(value))  # most are, and a call costs time
        for name, value in parameters.items()
    ]


def as_wanted_calls(target: Any) -> list[ToolCall]:
    """Return the wanted calls of a target.

    Args:
        target: a list of ``{"name": …, "parameters": {…}}`` or of `ToolCall`, one of them alone,
            None or an empty list where no call is wanted, or any of these as JSON text.

    Raises:
        ValueError: it is none of these, or a parameter is not JSON.

    >>> as_wanted_calls('[{"name": "ping", "parameters": {}}]')
    [ToolCall(name='ping', parameters={})]
    """
    if isinstance(target, str):
        try:
            target = read_json(target)
        except NotJSONError as error:
            raise ValueError(f"target must be a list of calls, got {target!r}: {error}") from error
    if target is None:
        return []
    if isinstance(target, (dict, ToolCall)):
        target = [target]
    if not isinstance(target, (list, tuple)):
        raise ValueError(f"target must be a list of calls, None or JSON text, got {target!r}")
    if len(target) > MAX_CALLS:
        raise ValueError(f"target must hold at most {MAX_CALLS} calls, got {len(target)}")
    return [_wanted_call(item, index) for index, item in enumerate(target)]


def _wanted_call(item: Any, index: int) -> ToolCall:
    if isinstance(item, dict) and len(item) == 2 and "name" in item and "parameters" in item:
        call = ToolCall(item["name"], item["parameters"])
    elif isinstance(item, ToolCall):
        call = item
    else:
        raise ValueError(
            f"target must hold calls with the keys 'name' and 'parameters', got {item!r} "
            f"at index {index}"
        )
    if not isinstance(call.name, str) or not call.name or not isinstance(call.parameters, dict):
        raise ValueError(
            f"a call in target needs a name and a dict of parameters, got {item!r} at index {index}"
        )
    return call


def _key_of(call: ToolCall) -> Hashable:
    return frozenset(parameter_keys(call.parameters))
