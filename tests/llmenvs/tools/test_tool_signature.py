"""A tool's schema follows from its type hints and its docstring."""

import enum
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import Field

from llmenvs.tools import Tool, tool


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Address:
    street: str
    number: int = 1


@tool
def everything(
    text: str,
    count: int,
    colour: Colour,
    unit: Literal["km", "mile"],
    address: Address,
    day: date,
    tags: list[str],
    share: Annotated[float, Field(ge=0, le=1)] = 0.5,
    note: str | None = None,
    *,
    loud: bool = False,
) -> str:
    """Do everything.

    It takes long.

    Args:
        text: what to say,
            in several lines.
        count: how often.
    """
    return f"{text} {count} {colour} {unit} {address} {day} {tags} {share} {note} {loud}"


PROPERTIES = everything.parameters["properties"]


def test_the_description_is_the_docstring_without_its_sections() -> None:
    assert everything.description == "Do everything.\n\nIt takes long."
    assert PROPERTIES["text"] == {
        "type": "string",
        "description": "what to say, in several lines.",
    }


def test_only_what_has_no_default_is_required_and_nothing_else_is_allowed() -> None:
    required = ["text", "count", "colour", "unit", "address", "day", "tags"]
    assert everything.parameters["required"] == required
    assert everything.parameters["additionalProperties"] is False
    assert (PROPERTIES["share"]["default"], PROPERTIES["loud"]["default"]) == (0.5, False)
    assert PROPERTIES["note"]["default"] is None


def test_enums_literals_bounds_and_dataclasses_are_in_the_schema() -> None:
    assert PROPERTIES["unit"]["enum"] == ["km", "mile"]
    assert everything.parameters["$defs"]["Colour"]["enum"] == ["red", "blue"]
    assert (PROPERTIES["share"]["minimum"], PROPERTIES["share"]["maximum"]) == (0, 1)
    assert everything.parameters["$defs"]["Address"]["required"] == ["street"]
    jsonschema.Draft202012Validator.check_schema(dict(everything.parameters))


def test_json_arguments_become_python_values() -> None:
    given = {"text": "a", "count": 2, "colour": "blue", "unit": "km", "day": "2026-03-01"}
    got = everything.convert({**given, "address": {"street": "Quay"}, "tags": []})

    assert got["colour"] is Colour.BLUE
    assert got["address"] == Address("Quay", 1)
    assert got["day"] == date(2026, 3, 1)


def test_a_tool_can_still_be_called_as_a_function() -> None:
    @tool(name="plus", timeout_s=2.0)
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    assert add(1, b=2) == 3
    assert (add.name, add.timeout_s) == ("plus", 2.0)


def no_hint(a) -> int:  # type: ignore[no-untyped-def]
    """Lack a hint."""
    return int(a)


def many(*values: int) -> int:
    """Take many."""
    return sum(values)


def silent(a: int) -> int:
    return a


def wrong_name(a: int) -> int:
    """Describe what there is not.

    Args:
        b: not there.
    """
    return a


def odd_default(a: Any = object()) -> int:  # noqa: B008 (the fault under test)
    """Have a default that is no JSON."""
    return int(a)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (no_hint, TypeError, "tool no_hint: parameter 'a' needs a type hint"),
        (many, TypeError, r"tool many: parameter \*values: int cannot be named in a call"),
        (silent, ValueError, "tool silent needs a docstring"),
        (wrong_name, ValueError, r"tool wrong_name: the docstring describes \['b'\]"),
        (odd_default, TypeError, "the default of 'a' must have a JSON form"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_by_name(
    function: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        tool(function)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "objekt"}, "its parameters are not a JSON schema: 'objekt' is not valid"),
        ({"type": "string"}, "must be a schema of type 'object', got type 'string'"),
        ({"type": "object", "properties": []}, "not a JSON schema"),
    ],
)
def test_a_bad_schema_is_refused_when_the_tool_is_made(schema: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tool("t", "A tool.", schema, function=print)


def test_a_tool_without_a_name_or_with_a_time_limit_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a name and a description"):
        Tool("", "A tool.", {"type": "object"}, function=print)
    with pytest.raises(ValueError, match="timeout_s must be above 0, got 0"):
        Tool("t", "A tool.", {"type": "object"}, function=print, timeout_s=0)
