"""A method made of a schema reads as the schema: names, types, choices, what may be left out."""

import inspect
from collections.abc import Mapping
from typing import Any

import pytest

from llmenvs.integrations.tool_methods import tool_method

SCHEMA = {
    "name": "book",
    "description": "Book a room.\nArgs: none of your business.",
    "parameters": {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["red", "blue"], "description": "which."},
            "hours": {"type": "array", "items": {"type": "integer"}},
            "note": {"type": "string", "description": "kept."},
        },
        "required": ["room", "hours"],
    },
}


def call(self: Any, name: str, arguments: Mapping[str, Any]) -> str:
    return f"{name} {dict(arguments)}"


def test_the_signature_is_the_schemas() -> None:
    method = tool_method(SCHEMA, call)
    signature = inspect.signature(method)

    assert list(signature.parameters) == ["self", "room", "hours", "note"]
    assert signature.parameters["note"].default is None
    assert signature.parameters["room"].default is inspect.Parameter.empty
    assert signature.parameters["hours"].annotation == list[int]


def test_transformers_reads_the_schema_back() -> None:
    utils = pytest.importorskip("transformers.utils")
    got = utils.get_json_schema(tool_method(SCHEMA, call))["function"]["parameters"]

    assert got["required"] == ["room", "hours"]
    assert got["properties"]["room"]["enum"] == ["red", "blue"]
    assert got["properties"]["hours"]["items"] == {"type": "integer"}
    assert got["properties"]["note"]["description"] == "kept."


def test_what_is_left_out_is_not_handed_on() -> None:
    made = type("Box", (), {"book": tool_method(SCHEMA, call)})()

    assert made.book(room="red", hours=[1], note=None) == "book {'room': 'red', 'hours': [1]}"


@pytest.mark.parametrize("name", ["reset", "get_reward", "class", "_hidden", "two words"])
def test_a_name_that_no_method_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name!r} cannot be the name"):
        tool_method({**SCHEMA, "name": name}, call)
