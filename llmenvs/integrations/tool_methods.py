"""A tool's JSON schema as a method with type hints and a Google docstring, and so as a function.

Frameworks that read a tool's schema from the signature of a function then read what the schema
says: its names, types, choices and descriptions, and which parameters may be left out.
"""

import inspect
import keyword
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from llmenvs.policy import ToolSchema

_TYPES: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
_TAKEN = ("reset", "get_reward")


def tool_method(
    schema: ToolSchema, call: Callable[[Any, str, Mapping[str, Any]], str]
) -> Callable[..., str]:
    """Return a method that hands its arguments to ``call(self, name, arguments)``.

    Parameters that are not required have the default None, and are left out of the arguments.

    Raises:
        ValueError: a name that cannot be a method's or an argument's.
    """
    name = str(schema["name"])
    properties: Mapping[str, Any] = schema["parameters"].get("properties", {})
    for word in (name, *properties):
        if not word.isidentifier() or keyword.iskeyword(word) or word in _TAKEN or word[0] == "_":
            raise ValueError(f"tool {name!r}: {word!r} cannot be the name of a method or argument")

    def method(self: Any, **arguments: Any) -> str:
        given = {key: value for key, value in arguments.items() if value is not None}
        return call(self, name, given)

    required = schema["parameters"].get("required", ())
    hints = {key: _hint(value, key in required) for key, value in properties.items()}
    method.__name__ = method.__qualname__ = name
    method.__doc__ = _docstring(schema)
    method.__annotations__ = {**hints, "return": str}
    method.__signature__ = _signature(hints, required)  # type: ignore[attr-defined]  # PEP 362
    return method


def _signature(hints: Mapping[str, Any], required: Any) -> inspect.Signature:
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for name, hint in hints.items():
        default = inspect.Parameter.empty if name in required else None
        parameters.append(inspect.Parameter(name, kind, default=default, annotation=hint))
    return inspect.Signature(parameters, return_annotation=str)


def _hint(schema: Mapping[str, Any], required: bool) -> Any:  # noqa: FBT001 (private)
    hint = _type(schema)
    return hint if required else hint | None


def _type(schema: Mapping[str, Any]) -> Any:
    choices = schema.get("enum")
    if choices and all(isinstance(choice, str | int | bool) for choice in choices):
        return Literal[tuple(choices)]
    kind = schema.get("type")
    if kind == "array" and "items" in schema:
        return list[_type(schema["items"])]  # type: ignore[misc]  # made at run time
    return _TYPES.get(kind, Any) if isinstance(kind, str) else Any


def _docstring(schema: ToolSchema) -> str:
    properties: Mapping[str, Any] = schema["parameters"].get("properties", {})
    lines = [_one_line(schema.get("description", "")) or str(schema["name"]), ""]
    if properties:
        lines.append("Args:")
        lines += [
            f"    {name}: {_one_line(value.get('description', '')) or name}"
            for name, value in properties.items()
        ]
        lines.append("")
    return "\n".join([*lines, "Returns:", "    What the tool answers."])


def _one_line(text: str) -> str:
    """Return the text on one line, without what a docstring parser takes for a section."""
    return re.sub(r"\b(Args|Returns|Raises):", r"\1 -", " ".join(text.split()))
