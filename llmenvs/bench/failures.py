"""Why an episode is no success: one label for each thing that is wrong with it.

The labels follow from the verdict, the wanted calls and the calls that were made. Calls are paired
as they fit best: equal ones first, then those of one name, and of what is left over on both sides
each pair is a wrong tool. Where the state of a world decides, as in ``ToolUse-v0``, a call too many
is no failure: looking something up does no harm, and what does is a side effect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from llmenvs.trajectory import StopReason
from llmenvs.verifiers import Status
from llmenvs.verifiers.tool_call.bfcl_values import allows_value
from llmenvs.verifiers.tool_call.calls import json_key

Accepts = Callable[[str, Any], bool]


class Failure(StrEnum):
    """What is wrong."""

    WRONG_TOOL = "wrong_tool"
    """A call of another tool than the wanted one."""
    MISSING_CALL = "missing_call"
    """A wanted call was not made."""
    EXTRA_CALL = "extra_call"
    """A call was made that nobody wanted."""
    WRONG_PARAMETER_NAME = "wrong_parameter_name"
    """A call of the right tool lacks a parameter, or has one that is not wanted."""
    WRONG_VALUE = "wrong_value"
    """A call with the right parameters has another value."""
    FORMAT = "format"
    """What was meant as a call or an answer cannot be read."""
    NO_ANSWER = "no_answer"
    """Nothing was answered."""
    WRONG_ANSWER = "wrong_answer"
    """The answer is not right."""
    LIMIT = "limit"
    """A limit of turns or tokens was reached before the task was done."""
    SIDE_EFFECT = "side_effect"
    """Something was changed that nobody asked for."""
    ENDPOINT = "endpoint"
    """Not valid: the endpoint gave no reply."""
    UNDECIDED = "undecided"
    """Not valid: the score could not be decided, or the environment or the policy raised."""


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A call that is wanted, and what may stand in it.

    Attributes:
        name: of the tool.
        required: names of parameters that it must have.
        allowed: names of those that it may have.
        accepts: whether a parameter may have a value.
    """

    name: str
    required: frozenset[str]
    allowed: frozenset[str]
    accepts: Accepts

    def fault_of(self, parameters: Mapping[str, Any]) -> Failure | None:
        """Return what is wrong with the parameters of a call of this tool; None if nothing is."""
        names = set(parameters)
        if not self.required <= names or not names <= self.allowed:
            return Failure.WRONG_PARAMETER_NAME
        right = all(self.accepts(name, value) for name, value in parameters.items())
        return None if right else Failure.WRONG_VALUE


def failures_of(
    *,
    success: bool | None,
    stop_reason: StopReason,
    verdict: Mapping[str, Any] | None,
    completions: Sequence[str],
    target: Any = None,
    wanted_calls: Sequence[Mapping[str, Any]] | None = None,
    predicted_calls: Sequence[Mapping[str, Any]] = (),
    call_problems: Sequence[str] = (),
    error: str | None = None,
) -> tuple[Failure, ...]:
    """Return what is wrong with an episode, each label once; nothing where it is a success.

    The arguments are the fields of `EpisodeRecord`; ``success`` is None where it is not valid.

    >>> verdict = {"status": "scored", "parts": {}}
    >>> wanted = [{"name": "f", "parameters": {"x": 1}}, {"name": "g", "parameters": {}}]
    >>> made = [{"name": "f", "parameters": {"x": 2}}]
    >>> failures_of(success=False, stop_reason=StopReason.TERMINATED, verdict=verdict,
    ...             completions=["…"], wanted_calls=wanted, predicted_calls=made)
    (<Failure.WRONG_VALUE: 'wrong_value'>, <Failure.MISSING_CALL: 'missing_call'>)
    """
    if success:
        return ()
    if success is None:
        lost = error is not None and error.startswith("EndpointError")
        return (Failure.ENDPOINT if lost else Failure.UNDECIDED,)
    found: list[Failure] = []
    parts = {} if verdict is None else verdict["parts"]
    if stop_reason in (StopReason.TOKEN_LIMIT, StopReason.TRUNCATED):
        found.append(Failure.LIMIT)
    if parts.get("side_effects", 0.0) > 0.0:
        found.append(Failure.SIDE_EFFECT)
    if call_problems:
        found.append(Failure.FORMAT)
    said = any(text.strip() for text in completions)
    if wanted_calls is not None and said:
        compared = _of_calls(wanted_calls, predicted_calls, target)
        world_decides = "side_effects" in parts
        found += [f for f in compared if f is not Failure.EXTRA_CALL or not world_decides]
    # A call that cannot be read is what is missing, and not missing besides.
    if call_problems:
        found = [one for one in found if one is not Failure.MISSING_CALL]
    if not found:
        found.append(_of_answer(verdict, parts, said=said, about_calls=wanted_calls is not None))
    return tuple(dict.fromkeys(found))


def _of_answer(
    verdict: Mapping[str, Any] | None, parts: Mapping[str, float], *, said: bool, about_calls: bool
) -> Failure:
    """Return what is wrong with what was answered, where nothing else is."""
    if verdict is None or not said:
        return Failure.NO_ANSWER
    if verdict["status"] == Status.NO_ANSWER.value:
        unread = about_calls or parts.get("format", 1.0) < 1.0
        return Failure.FORMAT if unread else Failure.NO_ANSWER
    return Failure.FORMAT if parts.get("format", 1.0) < 1.0 else Failure.WRONG_ANSWER


def _of_calls(
    wanted: Sequence[Mapping[str, Any]], made: Sequence[Mapping[str, Any]], target: Any
) -> list[Failure]:
    bfcl = target if isinstance(target, Mapping) and "possible_answer" in target else None
    if bfcl is not None and bfcl["category"] == "live_relevance":
        names = {function["name"] for function in bfcl["functions"]}
        if not made:
            return [Failure.MISSING_CALL]
        return [] if any(call["name"] in names for call in made) else [Failure.WRONG_TOOL]
    open_wanted = _bfcl_calls(bfcl) if bfcl is not None else [_exactly(call) for call in wanted]
    open_made = list(made)
    found: list[Failure] = []
    for is_fit in (_is_equal, _is_of_one_name):
        left = []
        for call in open_made:
            fit = next((i for i, one in enumerate(open_wanted) if is_fit(one, call)), None)
            if fit is None:
                left.append(call)
                continue
            fault = open_wanted.pop(fit).fault_of(call["parameters"])
            found += [] if fault is None else [fault]
        open_made = left
    found += [Failure.WRONG_TOOL] * min(len(open_wanted), len(open_made))
    found += [Failure.MISSING_CALL] * (len(open_wanted) - len(open_made))
    return found + [Failure.EXTRA_CALL] * (len(open_made) - len(open_wanted))


def _is_equal(wanted: WantedCall, call: Mapping[str, Any]) -> bool:
    return wanted.name == call["name"] and wanted.fault_of(call["parameters"]) is None


def _is_of_one_name(wanted: WantedCall, call: Mapping[str, Any]) -> bool:
    return bool(wanted.name == call["name"])


def _exactly(call: Mapping[str, Any]) -> WantedCall:
    names = frozenset(call["parameters"])
    values = {name: json_key(value) for name, value in call["parameters"].items()}
    return WantedCall(
        call["name"], names, names, lambda name, value: json_key(value) == values[name]
    )


def _bfcl_calls(target: Mapping[str, Any]) -> list[WantedCall]:
    functions = {function["name"]: function["parameters"] for function in target["functions"]}
    return [
        _bfcl_call(name, allowed, functions[name], target["category"])
        for answer in target["possible_answer"]
        for name, allowed in answer.items()
    ]


def _bfcl_call(
    name: str, allowed: Mapping[str, Any], schema: Mapping[str, Any], category: str
) -> WantedCall:
    properties = schema["properties"]
    left_out = {parameter for parameter, values in allowed.items() if "" in values}
    required = (set(allowed) - left_out) | set(schema.get("required", ()))

    def accepts(parameter: str, value: Any) -> bool:
        return bool(allows_value(value, properties[parameter], allowed[parameter], category))

    names = frozenset(allowed) & frozenset(properties)
    return WantedCall(name, frozenset(required), names, accepts)
