"""Calls are checked against the tools' schemas, and the reason names the parameter."""

from typing import Any

import pytest

from llmenvs.verifiers.tool_call.calls import ToolCall
from llmenvs.verifiers.tool_call.tool_schemas import ToolSchemas

BOOK = {
    "name": "book",
    "parameters": {
        "type": "object",
        "properties": {
            "seats": {"type": "integer", "minimum": 1},
            "names": {"type": "array", "items": {"$ref": "#/$defs/name"}},
            "cabin": {"enum": ["economy", "business"]},
        },
        "required": ["seats"],
        "additionalProperties": False,
        "$defs": {"name": {"type": "string"}},
    },
}


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"seats": 2, "names": ["Ada"], "cabin": "business"}, None),
        ({"seats": 2.0}, None),
        ({"seats": "2"}, "parameter 'seats' of 'book': '2' is not of type 'integer'"),
        ({"seats": True}, "parameter 'seats' of 'book': True is not of type 'integer'"),
        ({"seats": 0}, "parameter 'seats' of 'book': 0 is less than the minimum of 1"),
        ({"seats": 1, "names": ["Ada", 3]}, "parameter 'names'[1] of 'book': 3 is not of type"),
        ({"seats": 1, "cabin": "first"}, "parameter 'cabin' of 'book': 'first' is not one of"),
        ({}, "parameters of 'book': 'seats' is a required property"),
        ({"seats": 1, "meal": 1}, "parameters of 'book': Additional properties are not allowed"),
    ],
)
def test_the_problem_names_the_parameter(parameters: dict[str, Any], problem: str | None) -> None:
    for tool in (BOOK, {"type": "function", "function": BOOK}):
        found = ToolSchemas([tool]).problem(ToolCall("book", parameters))

        assert found is None if problem is None else problem in str(found)


def test_a_tool_that_does_not_exist_is_a_problem_and_one_without_a_schema_takes_all() -> None:
    schemas = ToolSchemas([{"name": "any"}])

    assert schemas.problem(ToolCall("none", {})) == "no tool 'none'"
    assert schemas.problem(ToolCall("any", {"x": 1})) is None


def test_a_long_value_does_not_make_a_long_reason() -> None:
    problem = ToolSchemas([BOOK]).problem(ToolCall("book", {"seats": "9" * 100_000}))

    assert problem is not None
    assert len(problem) < 300
    assert problem.endswith("is not of type 'integer'")


def of_x(schema: Any) -> list[dict[str, Any]]:
    return [{"name": "f", "parameters": {"properties": {"x": schema}}}]


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ([{}], "a tool needs a name, got {}"),
        ([BOOK, BOOK], "two tools have the name 'book'"),
        (of_x({"type": "text"}), "the schema of tool 'f' is not valid"),
        (of_x({"$ref": "http://localhost/x.json"}), "'http://localhost/x.json' outside itself"),
        ([{"name": "f", "parameters": {"$ref": "#/$defs/none"}}], "'f' is not valid"),
        ([{"name": "f", "parameters": {"$ref": "#"}}], "'f' is not valid"),
    ],
)
def test_a_bad_schema_is_named_at_once(tools: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("$", r"\$")):
        ToolSchemas(tools)
