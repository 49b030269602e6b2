"""The Berkeley Function-Calling Leaderboard: its cases and how its single-turn answers are checked.

Source: ``bfcl-eval`` 2026.3.23 (Apache-2.0): the cases in its ``data`` and the rules of its
``ast_checker``. `load_bfcl` needs that package; install it without its dependencies, which pin
old versions: ``pip install --no-deps bfcl-eval``.

A possible answer lists the allowed values of each parameter; "" among them means that it may be
left out. Parallel calls may come in any order. Where no function fits, no call may be made.

Where this differs from BFCL's checker, on purpose (what concerns values: `bfcl_values`):

- Calls are read by `parse_tool_calls`; nothing is evaluated (BFCL evaluates arithmetic).
- Parallel calls are matched optimally, not greedily.
- For relevance BFCL asks only for some call; here it must be to a function that there is.
"""

import importlib.resources
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmenvs.verifiers.tool_call.bfcl_values import allows_value
from llmenvs.verifiers.tool_call.calls import ToolCall
from llmenvs.verifiers.tool_call.parse import parse_tool_calls
from llmenvs.verifiers.verdict import Status, Verdict

CATEGORIES = (
    "simple_python", "simple_java", "simple_javascript", "multiple", "parallel",
    "parallel_multiple", "irrelevance", "live_simple", "live_multiple", "live_parallel",
    "live_parallel_multiple", "live_irrelevance", "live_relevance",
)  # fmt: skip
"""The single-turn categories."""
_UNANSWERED = ("irrelevance", "live_irrelevance", "live_relevance")


@dataclass(frozen=True, slots=True)
class BFCLCase:
    """One case.

    Attributes:
        case_id: such as "parallel_12".
        category: one of `CATEGORIES`.
        messages: the conversation before the calls, as ``{"role": …, "content": …}``.
        functions: the functions there are, in BFCL's form; see `as_tools` for JSON Schemas.
        possible_answer: for each wanted call ``{name: {parameter: [allowed, …]}}``; empty for
            irrelevance and relevance.
    """

    case_id: str
    category: str
    messages: Sequence[Mapping[str, str]]
    functions: Sequence[Mapping[str, Any]]
    possible_answer: Sequence[Mapping[str, Mapping[str, Sequence[Any]]]]


def load_bfcl(category: str) -> list[BFCLCase]:
    """Return the cases of a category from the installed package ``bfcl-eval``.

    Raises:
        ValueError: the category is not one of `CATEGORIES`.
        ModuleNotFoundError: the package is not installed.
    """
    if category not in CATEGORIES:
        raise ValueError(f"category must be one of {', '.join(CATEGORIES)}, got {category!r}")
    name = f"BFCL_v4_{category}.json"
    answers = {}
    if category not in _UNANSWERED:
        answers = {row["id"]: row["ground_truth"] for row in _rows("possible_answer", name)}
    return [
        BFCLCase(
            row["id"], category, row["question"][0], row["function"], answers.get(row["id"], [])
        )
        for row in _rows(name)
    ]


def as_tools(functions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return BFCL's functions as tools whose parameters are JSON Schemas."""
    return [
        {**function, "parameters": _json_schema(function["parameters"])} for function in functions
    ]


class BFCLVerifier:
    """Score a completion as BFCL does: 1.0 if its calls are a possible answer, else 0.0.

    ``target`` is a `BFCLCase`, or a dict with its ``category``, ``functions`` and
    ``possible_answer``. A completion without calls is right where the category is one of
    irrelevance. The part ``matched`` is the share of the wanted calls that were made.

    Raises:
        ValueError: on a call, ``target`` is no case.
        ModuleNotFoundError: on a call, the case is in Java or JavaScript and ``bfcl-eval`` is not
            installed.

    >>> parameters = {"properties": {"x": {"type": "float"}}, "required": []}
    >>> case = {
    ...     "category": "simple_python",
    ...     "functions": [{"name": "f", "parameters": parameters}],
    ...     "possible_answer": [{"f": {"x": [1.0, ""]}}],
    ... }
    >>> BFCLVerifier()("[f(x=1)]", case).score, BFCLVerifier()("[f(x=True)]", case).score
    (1.0, 0.0)
    """

    def __call__(self, completion: str, target: Any) -> Verdict:
        """Judge the calls of ``completion`` against the case ``target``."""
        case = _as_case(target)
        parsed = parse_tool_calls(completion)
        if parsed.problems:
            matched, reason = 0.0, f"cannot be read: {parsed.problems[0]}"
        else:
            matched, reason = check_bfcl_calls(parsed.calls, case)
        attempted = parsed.dialect is not None
        return Verdict(
            float(not reason),
            not reason,
            Status.SCORED if attempted or not reason else Status.NO_ANSWER,
            {"matched": matched},
            reason or "a possible answer",
            parsed.source if attempted else None,
        )


def check_bfcl_calls(calls: Sequence[ToolCall], case: BFCLCase) -> tuple[float, str]:
    """Return the share of the wanted calls that were made, and what is wrong ("" for nothing)."""
    if case.category.endswith("irrelevance"):
        return (0.0, f"{len(calls)} calls where none is wanted") if calls else (1.0, "")
    if case.category == "live_relevance":
        known = {function["name"] for function in case.functions}
        made = any(call.name in known for call in calls)
        return (1.0, "") if made else (0.0, "no call of a function that there is")
    answers = case.possible_answer
    problems = [[_problem(call, answer, case) for call in calls] for answer in answers]
    matched = _most_pairs([[not problem for problem in row] for row in problems]) / len(answers)
    if len(calls) != len(answers):
        return matched, f"wants {len(answers)} calls, got {len(calls)}"
    if matched == 1.0:
        return matched, ""
    closest = min((problem for row in problems for problem in row if problem), key=_severity)
    return matched, closest


def _severity(problem: str) -> int:
    """Order problems so that one of the right function comes first."""
    return int(problem.startswith("wants a call of"))


def _most_pairs(fits: list[list[bool]]) -> int:
    """Return how many answers can be paired with calls that fit them."""
    if len(fits) <= 1 or not fits[0]:
        return sum(any(row) for row in fits)
    # Rarely needed, and takes long to import; scipy has no type information.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(fits, maximize=True)
    return sum(fits[row][column] for row, column in zip(rows, columns, strict=True))


def _problem(call: ToolCall, answer: Mapping[str, Mapping[str, Any]], case: BFCLCase) -> str:
    """Return what keeps ``call`` from being ``answer``, "" if nothing does."""
    ((name, allowed),) = answer.items()
    if call.name != name:
        return f"wants a call of {name!r}, got {call.name[:80]!r}"
    function = next((one for one in case.functions if one["name"] == name), None)
    if function is None:
        raise ValueError(f"target has no function {name!r}, which its possible answer calls")
    properties = function["parameters"]["properties"]
    for parameter in function["parameters"].get("required", ()):
        if parameter not in call.parameters:
            return f"missing parameter {parameter!r} of {name!r}"
    for parameter, value in call.parameters.items():
        if parameter not in properties or parameter not in allowed:
            return f"unwanted parameter {parameter[:80]!r} of {name!r}"
        if not allows_value(value, properties[parameter], allowed[parameter], case.category):
            return f"wrong value for parameter {parameter!r} of {name!r}"
    for parameter, values in allowed.items():
        if parameter not in call.parameters and "" not in values:
            return f"missing parameter {parameter!r} of {name!r}"
    return ""


_JSON_TYPES = {
    "dict": "object", "HashMap": "object", "Hashtable": "object",
    "float": "number", "double": "number",
    "byte": "integer", "short": "integer", "long": "integer", "Bigint": "integer",
    "bool": "boolean", "Boolean": "boolean", "String": "string", "char": "string",
    "tuple": "array", "list": "array", "Array": "array", "ArrayList": "array",
    "Queue": "array", "Stack": "array", "Set": "array",
}  # fmt: skip


def _json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with JSON Schema's names of types; what may be anything has none."""
    converted = {key: value for key, value in schema.items() if key not in ("type", "optional")}
    kind = schema.get("type", "any")
    if kind not in ("any", "Any", ""):
        converted["type"] = _JSON_TYPES.get(kind, kind)
    if "properties" in schema:
        converted["properties"] = {
            name: _json_schema(part) for name, part in schema["properties"].items()
        }
    if isinstance(schema.get("items"), Mapping):
        converted["items"] = _json_schema(schema["items"])
    return converted


def _as_case(target: Any) -> BFCLCase:
    if isinstance(target, BFCLCase):
        return target
    try:
        case = BFCLCase(
            target.get("case_id", ""),
            target["category"],
            target.get("messages", ()),
            target["functions"],
            target.get("possible_answer", ()),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"target must be a BFCLCase or a dict with category and functions, got {target!r}"
        ) from error
    if case.category not in CATEGORIES:
        raise ValueError(f"the category in target must be one of {CATEGORIES}, got {target!r}")
    if not case.possible_answer and case.category not in _UNANSWERED:
        raise ValueError(f"target needs a possible answer in {case.category!r}, got {target!r}")
    return case


def _rows(*path: str) -> Iterator[dict[str, Any]]:
    file = importlib.resources.files("bfcl_eval").joinpath("data", *path)
    for line in file.read_text("utf-8").splitlines():
        yield json.loads(line)
