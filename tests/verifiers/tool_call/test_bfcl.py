"""BFCL's cases are judged as its own checker does, but for the differences that are stated."""

import importlib
import importlib.util
import json
import sys
import types
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from llmenvs.verifiers.tool_call.bfcl import (
    CATEGORIES,
    BFCLCase,
    BFCLVerifier,
    as_tools,
    check_bfcl_calls,
    load_bfcl,
)
from llmenvs.verifiers.tool_call.bfcl_values import allows_value, loose_string
from llmenvs.verifiers.tool_call.calls import ToolCall
from llmenvs.verifiers.tool_call.tool_schemas import ToolSchemas

needs_bfcl = pytest.mark.skipif(
    importlib.util.find_spec("bfcl_eval") is None, reason="needs bfcl-eval (pip --no-deps)"
)
ANSWERED = [category for category in CATEGORIES if "relevance" not in category]


@pytest.fixture
def ast_checker(monkeypatch: pytest.MonkeyPatch) -> Any:
    """BFCL's own checker, without the table of models that would import every vendor's client."""
    table = types.ModuleType("bfcl_eval.constants.model_config")
    table.MODEL_CONFIG_MAPPING = {  # type: ignore[attr-defined]  # a module made here
        "any": types.SimpleNamespace(underscore_to_dot=False)
    }
    monkeypatch.setitem(sys.modules, table.__name__, table)
    checker = importlib.import_module("bfcl_eval.eval_checker.ast_eval.ast_checker").ast_checker
    language = importlib.import_module("bfcl_eval.constants.enums").Language
    languages = {"simple_java": language.JAVA, "simple_javascript": language.JAVASCRIPT}

    def check(case: BFCLCase, calls: list[ToolCall]) -> bool:
        made = [{call.name: dict(call.parameters)} for call in calls]
        spoken = languages.get(case.category, language.PYTHON)
        answer = case.possible_answer
        return bool(checker(case.functions, made, answer, spoken, case.category, "any")["valid"])

    return check


def pick(allowed: Sequence[Any], index: int) -> Any:
    """Pick one of the allowed values; of a dict each key's."""
    values = [value for value in allowed if value != ""] or [""]
    value = values[index % len(values)]
    if isinstance(value, dict) and all(isinstance(inner, list) for inner in value.values()):
        return {key: pick(inner, index) for key, inner in value.items() if inner != [""]}
    if value and isinstance(value, list) and isinstance(value[0], dict):
        return [pick([item], index) for item in value]
    return value


def literal(value: Any, kind: str) -> Any:
    """Write a value as Java or JavaScript does."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value) + {"long": "L", "Bigint": "n", "float": "f"}.get(kind, "")
    return json.dumps(value) if isinstance(value, list | dict) else value


def as_pythonic(call: ToolCall) -> str:
    arguments = ", ".join(f"{key}={value!r}" for key, value in call.parameters.items())
    return f"{call.name}({arguments})"


def oracle(case: BFCLCase, index: int, *, literals: bool) -> list[ToolCall]:
    kinds: Mapping[str, Any] = {
        one["name"]: one["parameters"]["properties"] for one in case.functions
    }
    calls = []
    for answer in case.possible_answer:
        ((name, allowed),) = answer.items()
        parameters = {
            key: pick(values, index)
            for key, values in allowed.items()
            if set(map(str, values)) != {""}
        }
        if literals:
            parameters = {
                key: literal(value, kinds[name].get(key, {}).get("type", ""))
                for key, value in parameters.items()
            }
        calls.append(ToolCall(name, parameters))
    return calls


@needs_bfcl
@pytest.mark.parametrize("category", ANSWERED)
def test_oracle_answers_are_judged_as_by_its_own_checker(category: str, ast_checker: Any) -> None:
    compared, agreed = 0, 0
    for case in load_bfcl(category):
        for index in range(2):
            calls = oracle(case, index, literals=category in ("simple_java", "simple_javascript"))
            compared += 1
            agreed += ast_checker(case, calls) == (check_bfcl_calls(calls, case)[1] == "")

    assert compared >= 30
    assert agreed >= 0.99 * compared


@needs_bfcl
@pytest.mark.parametrize("category", ["simple_python", "parallel_multiple", "live_multiple"])
def test_oracle_answers_survive_being_written_down_and_wrong_ones_fail(category: str) -> None:
    verifier = BFCLVerifier()
    cases = load_bfcl(category)[:100]
    succeeded = 0
    for case in cases:
        calls = oracle(case, 0, literals=False)
        text = json.dumps([call.to_dict() for call in calls])
        pythonic = f"[{', '.join(map(as_pythonic, calls))}]"
        succeeded += bool(verifier(text, case).success and verifier(pythonic, case).success)

        assert not verifier(text.replace('"name": "', '"name": "x'), case).success
        assert not verifier("", case).success
        assert not verifier(json.dumps([call.to_dict() for call in [*calls, *calls]]), case).success
    assert succeeded >= 0.97 * len(cases)


@needs_bfcl
@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_loads_and_its_functions_are_valid_tools(category: str) -> None:
    cases = load_bfcl(category)

    assert len(cases) >= 16
    assert len({case.case_id for case in cases}) == len(cases)
    for case in cases[:50]:
        assert case.messages[-1]["content"]
        assert bool(case.possible_answer) is (category in ANSWERED)
        ToolSchemas(list({tool["name"]: tool for tool in as_tools(case.functions)}.values()))


@needs_bfcl
@pytest.mark.parametrize(
    ("schema", "allowed", "value", "right"),
    [
        ({"type": "long"}, [5], "5L", True),
        ({"type": "long"}, [5], "5", False),
        ({"type": "long"}, [5], 5, False),
        ({"type": "any"}, ["x"], "x", True),
        ({"type": "HashMap"}, [{}], "new HashMap<>(" * 60, False),
        ({"type": "integer"}, [5], "9" * 5_000, False),
    ],
)
def test_in_java_values_are_literals(
    schema: dict[str, Any], allowed: list[Any], value: Any, right: bool
) -> None:
    assert allows_value(value, schema, allowed, "simple_java") is right


@pytest.mark.parametrize(
    ("schema", "allowed", "value", "right"),
    [
        ({"type": "integer"}, [5], 5, True),
        ({"type": "integer"}, [5], 5.0, False),
        ({"type": "integer"}, [1], True, False),
        ({"type": "integer"}, ["n"], "n", True),
        ({"type": "float"}, [5.0], 5, True),
        ({"type": "float"}, [5.0], "5.0", False),
        ({"type": "boolean"}, [True], 1, False),
        ({"type": "string"}, ["New York, NY"], "new york NY", True),
        ({"type": "string"}, ["a", "b"], "b", True),
        ({"type": "string"}, ["a"], "c", False),
        ({"type": "array", "items": {"type": "integer"}}, [[1, 2]], [1, 2], True),
        ({"type": "array", "items": {"type": "integer"}}, [[1, 2]], [2, 1], False),
        ({"type": "array", "items": {"type": "integer"}}, [[1, 2]], [1.0, 2], False),
        ({"type": "array", "items": {"type": "float"}}, [[1.0]], [1], True),
        ({"type": "array", "items": {"type": "string"}}, [["A b"]], ["ab"], True),
        ({"type": "dict"}, [{"k": [1, 2], "o": ["", 3]}], {"k": 2}, True),
        ({"type": "dict"}, [{"k": [1], "o": [3]}], {"k": 1}, False),
        ({"type": "dict"}, [{"k": [1]}], {"k": True}, False),
        ({"type": "dict"}, [{"k": [1]}], {"k": 1, "z": 1}, False),
        ({"type": "array", "items": {"type": "dict"}}, [[{"k": [1]}]], [{"k": 1}], True),
    ],
)
def test_types_and_allowed_values_in_python(
    schema: dict[str, Any], allowed: list[Any], value: Any, right: bool
) -> None:
    assert allows_value(value, schema, allowed, "simple_python") is right


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("April 1, 2024", "April 1 2024", True),
        ("New-York", "new york", True),
        ("don't", 'don"t', True),
        ("2024/1/2", "2024/1/2", True),
        ("1.5", "15", False),
        ("-5", "5", False),
        ("2024-1-11", "2024-11-1", False),
        ("x*2", "x^2", False),
        ("x ** 2", "x^2", True),
        ("10 20", "1020", False),
    ],
)
def test_strings_are_compared_loosely_but_not_their_numbers(
    left: str, right: str, equal: bool
) -> None:
    assert (loose_string(left) == loose_string(right)) is equal


def case(category: str, *answers: dict[str, Any]) -> dict[str, Any]:
    properties = {"x": {"type": "integer"}, "y": {"type": "integer"}}
    function = {"name": "f", "parameters": {"properties": properties, "required": ["x"]}}
    return {"category": category, "functions": [function], "possible_answer": list(answers)}


@pytest.mark.parametrize(
    ("completion", "target", "score", "reason"),
    [
        (
            "[f(x=1)]",
            case("simple_python", {"f": {"x": [1], "y": ["", 2]}}),
            1,
            "a possible answer",
        ),
        (
            "[f(x=1)]",
            case("simple_python", {"f": {"x": [1], "y": [2]}}),
            0,
            "missing parameter 'y'",
        ),
        (
            "[f(y=2)]",
            case("simple_python", {"f": {"x": [1], "y": [2]}}),
            0,
            "missing parameter 'x'",
        ),
        ("[f(x=1, z=1)]", case("simple_python", {"f": {"x": [1]}}), 0, "unwanted parameter 'z'"),
        ("[f(x=2)]", case("simple_python", {"f": {"x": [1]}}), 0, "wrong value for parameter 'x'"),
        ("[g(x=1)]", case("simple_python", {"f": {"x": [1]}}), 0, "wants a call of 'f', got 'g'"),
        ("[f(x=1), f(x=1)]", case("multiple", {"f": {"x": [1]}}), 0, "wants 1 calls, got 2"),
        ("[f(x=1+0)]", case("simple_python", {"f": {"x": [1]}}), 0, "cannot be read"),
        (
            "[f(x=2), f(x=1)]",
            case("parallel", {"f": {"x": [1]}}, {"f": {"x": [2]}}),
            1,
            "a possible",
        ),
        (
            "[f(x=1), f(x=2)]",
            case("parallel", {"f": {"x": [1, 2]}}, {"f": {"x": [1]}}),
            1,
            "a possible",
        ),
        ("No function fits.", case("irrelevance"), 1, "a possible answer"),
        ("[]", case("live_irrelevance"), 1, "a possible answer"),
        ("[f(x=1)]", case("irrelevance"), 0, "1 calls where none is wanted"),
        ("[f(x=7)]", case("live_relevance"), 1, "a possible answer"),
        ("[g(x=7)]", case("live_relevance"), 0, "no call of a function that there is"),
        ("", case("live_relevance"), 0, "no call of a function that there is"),
    ],
)
def test_whole_completions_are_judged_with_a_reason(
    completion: str, target: dict[str, Any], score: float, reason: str
) -> None:
    verdict = BFCLVerifier()(completion, target)

    assert (verdict.score, verdict.success) == (score, bool(score))
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "must be a BFCLCase or a dict"),
        ({"category": "parallel"}, "must be a BFCLCase or a dict"),
        (case("serial"), "the category in target"),
        (case("parallel"), "needs a possible answer in 'parallel'"),
        (case("parallel", {"g": {"x": [1]}}), "no function 'g'"),
    ],
)
def test_a_bad_target_is_named(target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BFCLVerifier()("[g(x=1)]", target)


def test_an_unknown_category_is_named() -> None:
    with pytest.raises(ValueError, match="got 'simple'"):
        load_bfcl("simple")
