"""The single-turn cases of the Berkeley Function-Calling Leaderboard as tasks of ``ToolCall-v0``.

They are in the package ``bfcl-eval`` (``pip install --no-deps bfcl-eval``: it pins an old numpy).
By the reward ``exact`` they are judged as BFCL does, by all possible answers; the wanted ``calls``
of a task, which the oracle makes and ToolRL's reward compares with, are one of them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from llmenvs.tasks import TaskSet
from llmenvs.verifiers.tool_call.bfcl import CATEGORIES, BFCLCase, as_tools, load_bfcl


def load_bfcl_tasks(*, categories: Sequence[str] = CATEGORIES) -> TaskSet:
    """Return the 3,641 single-turn cases, or those of some categories.

    A task has the field ``category`` and BFCL's own id.

    Raises:
        ValueError: there is no such category, or none is given.
        ModuleNotFoundError: ``bfcl-eval`` is not installed.
    """
    cases = [case for category in categories for case in load_bfcl(category)]
    return TaskSet(_task(case) for case in cases)


def _task(case: BFCLCase) -> dict[str, Any]:
    context = [message["content"] for message in case.messages if message["role"] == "system"]
    task = {
        "task_id": case.case_id,
        "category": case.category,
        "context": "\n".join(context),
        "messages": [dict(message) for message in case.messages if message["role"] != "system"],
        "tools": as_tools(case.functions),
        "calls": _reference_calls(case),
        "bfcl": {
            "category": case.category,
            "functions": list(case.functions),
            "possible_answer": list(case.possible_answer),
        },
    }
    return task | ({"wants_any_call": True} if case.category == "live_relevance" else {})


def _reference_calls(case: BFCLCase) -> list[dict[str, Any]]:
    """Return the first of the possible answers, without what may be left out."""
    schemas = {one["name"]: one["parameters"] for one in case.functions}
    calls = []
    for answer in case.possible_answer:
        ((name, allowed),) = answer.items()
        required = schemas[name].get("required", ())
        parameters = {
            parameter: _first(values)
            for parameter, values in allowed.items()
            if "" not in values or parameter in required
        }
        write = _LITERALS.get(case.category)
        if write is not None:
            properties = schemas[name]["properties"]
            parameters = {key: write(value, properties[key]) for key, value in parameters.items()}
        calls.append({"name": name, "parameters": parameters})
    return calls


def _first(allowed: Sequence[Any]) -> Any:
    """Return the first allowed value; of a dict, which lists its keys' values, each key's."""
    value = next((one for one in allowed if one != ""), "")
    if isinstance(value, Mapping) and all(isinstance(inner, list) for inner in value.values()):
        return {key: _first(inner) for key, inner in value.items() if "" not in inner}
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return [_first([item]) for item in value]
    return value


def _java(value: Any, schema: Mapping[str, Any]) -> str:
    """Return a value as Java writes it, and as BFCL's converter reads it."""
    kind, nested = schema["type"], schema.get("items", {}).get("type")
    if isinstance(value, list):
        # The converter takes the quotes off texts in lists, but not off those in arrays.
        bare = kind == "Array" and nested == "String"
        items = ", ".join(
            item if bare else _java(item, {"type": nested}) if nested != "String" else _quoted(item)
            for item in value
        )
        return f"new {nested}[]{{{items}}}" if kind == "Array" else _JAVA_LIST.format(items)
    if isinstance(value, Mapping):
        puts = " ".join(f"put({_quoted(key)}, {_quoted(item)});" for key, item in value.items())
        return f"new HashMap<String, Object>() {{{{ {puts} }}}}"
    if isinstance(value, str):
        return _quoted(value) if kind is None else value
    return json.dumps(value) + _JAVA_SUFFIXES.get(kind, "")


def _javascript(value: Any, schema: Mapping[str, Any]) -> str:
    """Return a value as JavaScript writes it."""
    if isinstance(value, str):
        return value
    return json.dumps(value) + ("n" if schema["type"] == "Bigint" else "")


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_JAVA_LIST = "new ArrayList<>(Arrays.asList({}))"
_JAVA_SUFFIXES = {"long": "L", "float": "f"}
_LITERALS = {"simple_java": _java, "simple_javascript": _javascript}
