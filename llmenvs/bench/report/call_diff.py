"""The calls that a policy made beside those that were wanted, parameter by parameter."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from llmenvs.verifiers.tool_call import ToolCall, paired_calls
from llmenvs.verifiers.tool_call.calls import json_key

_MISSING: Any = object()


class Difference(StrEnum):
    """How what was called differs from what was wanted."""

    SAME = "same"
    DIFFERENT = "different"
    MISSING = "missing"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class ParameterDiff:
    """One parameter; ``wanted`` and ``called`` are JSON, None where it is absent."""

    name: str
    difference: Difference
    wanted: str | None
    called: str | None


@dataclass(frozen=True, slots=True)
class CallDiff:
    """One call; ``wanted`` and ``called`` are the tool's name, None where there is no such call."""

    difference: Difference
    wanted: str | None
    called: str | None
    parameters: tuple[ParameterDiff, ...]


def diff_calls(
    wanted: Sequence[Mapping[str, Any]],
    called: Sequence[Mapping[str, Any]],
    *,
    any_value: bool = False,
) -> list[CallDiff]:
    """Return the calls in pairs as the verifier pairs them, then those without a partner.

    Args:
        wanted: ``{"name": …, "parameters": …}``.
        called: likewise.
        any_value: a parameter is the same whatever its value: the verifier took it for right.

    >>> wanted = [{"name": "book", "parameters": {"seat": "1A", "meal": "fish"}}]
    >>> (call,) = diff_calls(wanted, [{"name": "book", "parameters": {"seat": "2B"}}])
    >>> call.difference.value, [(p.name, p.difference.value) for p in call.parameters]
    ('different', [('seat', 'different'), ('meal', 'missing')])
    """
    pairs = paired_calls([_call(one) for one in wanted], [_call(one) for one in called])
    return [_diff(one, other, any_value=any_value) for one, other in pairs]


def _call(row: Mapping[str, Any]) -> ToolCall:
    return ToolCall(str(row["name"]), dict(row["parameters"]))


def _diff(wanted: ToolCall | None, called: ToolCall | None, *, any_value: bool) -> CallDiff:
    some = {} if wanted is None else wanted.parameters
    others = {} if called is None else called.parameters
    names = [*some, *(name for name in others if name not in some)]
    parameters = tuple(
        _parameter(name, some.get(name, _MISSING), others.get(name, _MISSING), any_value=any_value)
        for name in names
    )
    if wanted is None or called is None:
        difference = Difference.EXTRA if wanted is None else Difference.MISSING
    elif all(parameter.difference is Difference.SAME for parameter in parameters):
        difference = Difference.SAME
    else:
        difference = Difference.DIFFERENT
    return CallDiff(
        difference,
        None if wanted is None else wanted.name,
        None if called is None else called.name,
        parameters,
    )


def _parameter(name: str, wanted: Any, called: Any, *, any_value: bool) -> ParameterDiff:
    if wanted is _MISSING:
        return ParameterDiff(name, Difference.EXTRA, None, _shown(called))
    if called is _MISSING:
        return ParameterDiff(name, Difference.MISSING, _shown(wanted), None)
    same = any_value or json_key(wanted) == json_key(called)
    difference = Difference.SAME if same else Difference.DIFFERENT
    return ParameterDiff(name, difference, _shown(wanted), _shown(called))


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
