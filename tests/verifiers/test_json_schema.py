"""JSON is read strictly, schemas are checked and never fetched, and no document takes long."""

import json
import socket
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.json_schema import JSONSchemaVerifier, first_fault, validator_of
from llmenvs.verifiers.json_text import JSONTextError, parse_json
from llmenvs.verifiers.verdict import Status

ITEM = {
    "type": "object",
    "properties": {"price": {"type": "number"}, "tags": {"uniqueItems": True}},
    "required": ["price"],
    "additionalProperties": False,
}
SCHEMA = {"type": "object", "properties": {"items": {"type": "array", "items": ITEM}}}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from("abc"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)
SCHEMAS: list[dict[str, Any]] = [
    {"type": "array", "uniqueItems": True},
    {"patternProperties": {"^[ab]$": {"type": "integer"}}, "additionalProperties": False},
    {"properties": {"a": {}}, "additionalProperties": {"type": ["string", "number"]}},
    {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"required": ["a"]}]},
    {"type": "string", "pattern": "^[ab]"},
]


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ('{"items": [{"price": 1}, {"price": "1"}]}', "$.items[1].price: '1' is not of type"),
        ('{"items": [{}]}', "$.items[0]: 'price' is a required property"),
        ('{"items": [{"price": 1, "x": 2}]}', "$.items[0]: 'x' is not one of its properties"),
        ('{"items": [{"price": 1, "tags": [1, 2, 1.0]}]}', "item 2 came before"),
        ("Here it is: {}", "no JSON: Expecting value at line 1 column 1"),
        ('{"items": 1, "items": []}', "key 'items' comes twice"),
        ('{"items": NaN}', "NaN is no JSON"),
        ('{"items": -Infinity}', "-Infinity is no JSON"),
        ('{"items": 1e999}', "number 1e999 is out of range"),
        ('{"items": ' + "9" * 5000 + "}", "a number of 5000 digits"),
        ("[" * 100_000, "nested more than 64 deep"),
        ("{'items': []}", "no JSON"),
        ('{"items": [1,]}', "no JSON"),
    ],
)
def test_the_reason_names_the_path(completion: str, reason: str) -> None:
    verdict = JSONSchemaVerifier(SCHEMA)(completion)

    assert verdict.score == 0.0
    assert reason in verdict.reason


@pytest.mark.parametrize(
    "completion",
    ['{"items": []}', '```json\n{"items": [{"price": 1.5}]}\n```', "<think>{</think>\n{}", "{}\n"],
)
def test_honest_answers_pass(completion: str) -> None:
    verdict = JSONSchemaVerifier(SCHEMA)(completion)

    assert verdict.score == 1.0, verdict.reason
    assert verdict.parts == {"json": 1.0, "schema": 1.0}


@given(VALUES, st.sampled_from(SCHEMAS))
def test_it_agrees_with_jsonschema(value: Any, schema: dict[str, Any]) -> None:
    ours = first_fault(validator_of(schema), value, max_steps=100_000) == ""

    assert ours is jsonschema.Draft202012Validator(schema).is_valid(value)


def test_true_is_not_1_and_1_is_the_same_as_a_float() -> None:
    verifier = JSONSchemaVerifier({"uniqueItems": True})

    assert verifier("[1, true, 0, false, [1], [true], {}, []]").success
    assert not verifier("[[1], [1.0]]").success


@given(st.text())
def test_every_text_has_a_score(text: str) -> None:
    assert JSONSchemaVerifier({"type": "object"})(text).score in (0.0, 1.0)


@given(VALUES)
def test_what_python_writes_is_read_back(value: Any) -> None:
    assert parse_json(json.dumps(value)) == value


def test_a_schema_can_be_the_target_of_its_row() -> None:
    verifier = JSONSchemaVerifier()

    assert verifier("1", {"type": "integer"}).success
    assert not verifier('"1"', {"type": "integer"}).success
    with pytest.raises(ValueError, match="target must be a schema exactly where"):
        verifier("1", None)
    with pytest.raises(ValueError, match="target must be a schema exactly where"):
        JSONSchemaVerifier({})("1", {})


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "strin"}, r"no schema: \$\.type"),
        ({"$ref": "https://example.com/a.json"}, "refers to 'https://example.com/a.json'.*fetched"),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, "refers to '#/\\$defs/none'"),
        ({"$schema": "https://example.com/draft"}, r"\$schema must be one of .*got 'https"),
        ({"pattern": "(?=a)b"}, r"RE2 does not take the pattern '\(\?=a\)b'"),
        ({"$ref": "#"}, "refers to itself without end"),
        ("{}", "a schema must be a dict, got '{}'"),
        ({"const": {1, 2}}, "a schema must be JSON"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, "is not supported"),
    ],
)
def test_a_bad_schema_is_refused_at_once(schema: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JSONSchemaVerifier(schema)


def test_nothing_is_ever_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    hidden = {"$id": "https://a.example/", "items": {"$id": "b", "$ref": "https://c.example/d"}}
    with pytest.raises(ValueError, match=r"refers to 'https://c\.example/d'"):
        JSONSchemaVerifier(hidden)("[1]")


def test_a_reference_within_the_schema_and_to_a_draft_is_followed() -> None:
    tree = {"$defs": {"t": {"items": {"$ref": "#/$defs/t"}, "type": "array"}}, "$ref": "#/$defs/t"}
    draft = {"$ref": "https://json-schema.org/draft/2020-12/schema"}

    assert JSONSchemaVerifier(tree)("[[], [[]]]").success
    assert not JSONSchemaVerifier(tree)("[[], [1]]").success
    assert JSONSchemaVerifier(draft)('{"type": "object"}').success
    assert not JSONSchemaVerifier(draft)('{"type": 3}').success


@pytest.mark.parametrize(
    ("schema", "completion"),
    [
        (  # two alternatives that both look into what is nested: 2 ** 60 ways
            {
                "anyOf": [
                    {"type": "array", "items": {"$ref": "#"}},
                    {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
                ]
            },
            "[" * 60 + "1" + "]" * 60,
        ),
        (  # unique objects, which cannot be sorted
            {"uniqueItems": True, "items": {"type": "object"}},
            "[" + ",".join(f'{{"x": {i}}}' for i in range(20_000)) + ",1]",
        ),
        (  # a pattern that backtracks
            {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False},
            '{"' + "a" * 500_000 + 'b": 1}',
        ),
        ({"type": "array"}, '"' * 1_000_000),
    ],
)
def test_no_document_takes_long(schema: dict[str, Any], completion: str) -> None:
    assert JSONSchemaVerifier(schema)(completion).score == 0.0


def test_the_answer_can_stand_in_a_block() -> None:
    verifier = JSONSchemaVerifier({"type": "array"}, block="answer")

    assert verifier("Sure. <answer>[1]</answer> Done.").success
    assert verifier("[1]").status is Status.NO_ANSWER


def test_bounds_of_the_text_are_kept() -> None:
    with pytest.raises(JSONTextError, match="3 characters, more than 2"):
        parse_json("[1]", max_chars=2)
    with pytest.raises(ValueError, match=r"max_depth=0"):
        JSONSchemaVerifier({}, max_depth=0)
