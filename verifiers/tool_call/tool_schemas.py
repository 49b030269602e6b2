"""Check calls against the JSON Schemas of the tools that there are.

The library is ``jsonschema``. References are resolved within the schema only, never over the
network. The schemas are the caller's and trusted: a ``pattern`` in one runs with Python's ``re``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from llmenvs.verifiers.tool_call.calls import ToolCall

_MAX_MESSAGE_CHARS = 200


class ToolSchemas:
    """The schemas of the tools that a policy may call.

    Args:
        tools: each with a ``name`` and its ``parameters`` as a JSON Schema (none: no parameters are
            checked), as such or as OpenAI's ``{"type": "function", "function": {…}}``.

    Raises:
        ValueError: a tool has no name, two have the same, or a schema is not valid or refers to
            something outside itself.

    >>> weather = {"type": "object", "properties": {"city": {"type": "string"}}}
    >>> schemas = ToolSchemas([{"name": "weather", "parameters": weather}])
    >>> schemas.problem(ToolCall("weather", {"city": 3}))
    "parameter 'city' of 'weather': 3 is not of type 'string'"
    """

    def __init__(self, tools: Sequence[Mapping[str, Any]]) -> None:
        self._tools = list(tools)
        self._validators: dict[str, Validator] = {}
        for tool in tools:
            function = tool.get("function", tool)
            name = function.get("name") if isinstance(function, Mapping) else None
            if not isinstance(name, str) or not name:
                raise ValueError(f"a tool needs a name, got {tool!r}")
            if name in self._validators:
                raise ValueError(f"two tools have the name {name!r}")
            self._validators[name] = _validator(name, function.get("parameters") or {})

    def __reduce__(self) -> tuple[type["ToolSchemas"], tuple[list[Mapping[str, Any]]]]:
        # Validators do not pickle, and verifiers travel to worker processes.
        return (type(self), (self._tools,))

    def problem(self, call: ToolCall) -> str | None:
        """Return what is wrong with ``call``, naming the parameter, or None if nothing is."""
        validator = self._validators.get(call.name)
        if validator is None:
            return f"no tool {call.name[:80]!r}"
        error = next(iter(validator.iter_errors(dict(call.parameters))), None)
        if error is None:
            return None
        message = error.message
        if len(message) > _MAX_MESSAGE_CHARS:  # it holds the value
            message = (
                f"{message[: _MAX_MESSAGE_CHARS // 2]} … {message[-_MAX_MESSAGE_CHARS // 2 :]}"
            )
        where = "".join(f"[{step!r}]" for step in list(error.absolute_path)[1:])
        if not error.absolute_path:
            return f"parameters of {call.name!r}: {message}"
        return f"parameter {error.absolute_path[0]!r}{where} of {call.name!r}: {message}"


def _validator(name: str, schema: Any) -> Validator:
    for reference in _references(schema):
        if not reference.startswith("#"):
            raise ValueError(f"the schema of tool {name!r} refers to {reference!r} outside itself")
    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        validator: Validator = kind(schema, registry=Registry())
        next(iter(validator.iter_errors({})), None)  # a reference to itself would not end
    except (jsonschema.SchemaError, Unresolvable, RecursionError) as error:
        why = getattr(error, "message", str(error))
        raise ValueError(f"the schema of tool {name!r} is not valid: {why[:200]}") from error
    return validator


def _references(schema: Any) -> Iterator[str]:
    """Yield what is referred to, anywhere in a schema."""
    left = [schema]
    while left:
        part = left.pop()
        if isinstance(part, Mapping):
            for key in ("$ref", "$dynamicRef", "$recursiveRef"):
                if isinstance(part.get(key), str):
                    yield part[key]
            left += part.values()
        elif isinstance(part, list):
            left += part
