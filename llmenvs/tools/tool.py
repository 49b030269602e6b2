"""`Tool`, and `tool`, which makes one of a typed function with a docstring."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

from llmenvs.policy import ToolSchema

DEFAULT_TIMEOUT_S = 10.0
"""How long a tool may run, in seconds."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a policy may call by name.

    Attributes:
        name: in calls.
        description: what the policy reads about it.
        parameters: the JSON schema of an object with its arguments.
        function: takes the arguments as keywords.
        convert: makes Python values of JSON arguments that meet the schema; raises a `ValueError`
            that says what is wrong with them.
        timeout_s: how long it may run; None for one that is trusted to return at once, which is
            then run without a thread of its own.
        is_method: ``function`` takes its owner, such as a world, before the arguments.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    function: Callable[..., Any] = field(repr=False)
    convert: Callable[[Mapping[str, Any]], Mapping[str, Any]] = field(default=dict, repr=False)
    timeout_s: float | None = DEFAULT_TIMEOUT_S
    is_method: bool = False

    def __post_init__(self) -> None:
        if not self.name or not self.description:
            raise ValueError(f"a tool needs a name and a description, got {self!r}")
        if self.timeout_s is not None and not self.timeout_s > 0.0:
            raise ValueError(f"tool {self.name}: timeout_s must be above 0, got {self.timeout_s}")
        _check_schema(self.name, self.parameters)

    @property
    def schema(self) -> ToolSchema:
        """Name, description and parameters, as in an OpenAI ``function``."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the function as if it were not a tool."""
        return self.function(*arguments, **keywords)


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *, name: str | None = None, timeout_s: float | None = DEFAULT_TIMEOUT_S
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    timeout_s: float | None = DEFAULT_TIMEOUT_S,
) -> Any:
    """Make a tool of a function.

    The schema follows from the type hints: enums and `typing.Literal` list their values, a default
    makes a parameter optional, dataclasses and TypedDicts are objects. What the policy reads is the
    docstring. A function whose first parameter is ``self`` is a method.

    Args:
        function: to be made a tool; left out where the decorator has options.
        name: the function's by default.
        timeout_s: see `Tool`.

    Raises:
        TypeError: a parameter without a type hint, or one that cannot be named in a call.
        ValueError: no docstring, or a schema that is none.

    >>> from typing import Literal
    >>> @tool
    ... def convert(amount: float, unit: Literal["km", "mile"] = "km") -> float:
    ...     '''Convert an amount to metres.'''
    ...     return amount * {"km": 1000.0, "mile": 1609.344}[unit]
    >>> convert.schema["parameters"]["properties"]["unit"]
    {'enum': ['km', 'mile'], 'type': 'string', 'default': 'km'}
    """
    if function is None:
        return functools.partial(_tool_of, name=name, timeout_s=timeout_s)
    return _tool_of(function, name=name, timeout_s=timeout_s)


def _tool_of(function: Callable[..., Any], *, name: str | None, timeout_s: float | None) -> Tool:
    from llmenvs.tools.signature import signature_of  # pydantic, which only tools need

    is_method = list(inspect.signature(function).parameters)[:1] == ["self"]
    signature = signature_of(function, bound=is_method)

    def convert(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        from pydantic import ValidationError

        try:
            return signature.arguments.validate_python(arguments, strict=False)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(step) for step in first["loc"])
            raise ValueError(f"{place}: {first['msg']}") from error

    return Tool(
        name=name or function.__name__,
        description=signature.description,
        parameters=signature.schema,
        function=function,
        convert=convert,
        timeout_s=timeout_s,
        is_method=is_method,
    )


def _check_schema(name: str, schema: Mapping[str, Any]) -> None:
    import jsonschema

    try:
        jsonschema.Draft202012Validator.check_schema(dict(schema))
    except (jsonschema.SchemaError, RecursionError) as error:
        reason = getattr(error, "message", "it is nested too deep")
        raise ValueError(f"tool {name}: its parameters are not a JSON schema: {reason}") from error
    if schema.get("type") != "object":
        raise ValueError(
            f"tool {name}: its parameters must be a schema of type 'object', "
            f"got type {schema.get('type')!r}"
        )
