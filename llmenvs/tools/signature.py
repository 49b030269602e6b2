"""The JSON schema of a function's parameters, from its type hints and its docstring."""

import inspect
import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NotRequired

from pydantic import ConfigDict, TypeAdapter, with_config
from pydantic_core import to_jsonable_python
from typing_extensions import TypedDict

_NO_DEFAULT = inspect.Parameter.empty
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Signature:
    """A function as a tool.

    Attributes:
        description: the docstring without its sections.
        schema: the JSON schema of an object with the parameters, for draft 2020-12.
        arguments: turns a JSON object into Python values: enums, dates, dataclasses.
    """

    description: str
    schema: Mapping[str, Any]
    arguments: TypeAdapter[Mapping[str, Any]]


def signature_of(function: Callable[..., Any], *, bound: bool = False) -> Signature:
    """Return the schema of ``function``.

    Args:
        function: every parameter has a type hint and a name, and it has a docstring; a Google,
            reST or NumPy section about the parameters gives their descriptions.
        bound: leave out the first parameter, which is ``self``.

    Raises:
        TypeError: a parameter without a type hint, or one that cannot be named in a call.
        ValueError: no docstring, or one that describes a parameter that there is not.

    >>> def convert(amount: float, unit: str = "km") -> float:
    ...     '''Convert an amount.
    ...
    ...     Args:
    ...         amount: what to convert.
    ...     '''
    >>> signature_of(convert).schema["required"]
    ['amount']
    """
    name = function.__name__
    parameters = list(inspect.signature(function).parameters.values())[int(bound) :]
    hints = typing.get_type_hints(function, include_extras=True)
    for parameter in parameters:
        if parameter.kind not in _NAMED:
            raise TypeError(f"tool {name}: parameter {parameter} cannot be named in a call")
        if parameter.name not in hints:
            raise TypeError(f"tool {name}: parameter {parameter.name!r} needs a type hint")
    description, texts = _docstring(function)
    unknown = set(texts) - {parameter.name for parameter in parameters}
    if unknown:
        raise ValueError(f"tool {name}: the docstring describes {sorted(unknown)}, not parameters")
    fields = {
        p.name: hints[p.name] if p.default is _NO_DEFAULT else NotRequired[hints[p.name]]
        for p in parameters
    }
    adapter = _adapter_of(name, fields)
    schema = _without_titles(adapter.json_schema())
    for parameter in parameters:
        _describe(schema["properties"][parameter.name], parameter, texts.get(parameter.name), name)
    return Signature(description, {"type": "object", "properties": {}, **schema}, adapter)


def _adapter_of(name: str, fields: Mapping[str, Any]) -> TypeAdapter[Mapping[str, Any]]:
    arguments = TypedDict(name, dict(fields))  # type: ignore[misc]  # noqa: UP013 (made of hints)
    return TypeAdapter(with_config(ConfigDict(extra="forbid"))(arguments))


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    import docstring_parser

    parsed = docstring_parser.parse(inspect.getdoc(function) or "")
    description = parsed.description
    if not description:
        raise ValueError(f"tool {function.__name__} needs a docstring: the policy reads it")
    texts = {p.arg_name: " ".join((p.description or "").split()) for p in parsed.params}
    return description, texts


def _describe(
    schema: dict[str, Any], parameter: inspect.Parameter, text: str | None, name: str
) -> None:
    if text:
        schema["description"] = text
    if parameter.default is _NO_DEFAULT:
        return
    try:
        schema["default"] = json.loads(json.dumps(to_jsonable_python(parameter.default)))
    except ValueError as error:
        raise TypeError(
            f"tool {name}: the default of {parameter.name!r} must have a JSON form, "
            f"got {parameter.default!r}"
        ) from error


def _without_titles(schema: Any, *, names: bool = False) -> Any:
    """Drop pydantic's titles, which say no more than the names; with ``names`` keys are names."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value, names=not names and key in ("properties", "$defs"))
        for key, value in schema.items()
        if names or key != "title"
    }
