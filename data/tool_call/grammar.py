"""What the bundled tasks are made of: tools in a short notation, requests, and listings.

A `Domain` has tools, some of which are nearly the same, requests for a single call (`Ask`), and
searches whose results a later turn of the dialogue picks from (`Listing`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

_PARAMETER = re.compile(r"(\w+)(\?)?(?:\[([^\]]*)\])?: (.+)")
_LIST_OF_TEXTS = {"type": "array", "items": {"type": "string"}}


class Filling(NamedTuple):
    """One way to fill a slot: what the request says, and what the call must hold."""

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that one call meets.

    Attributes:
        tool: the name of the tool.
        wordings: format strings over the slots' texts.
        slots: what each slot may be filled with; a slot is called as the parameter it goes to.
        fixed: parameters that the wordings imply, with their values.
        missing: for a required parameter, a wording that leaves it out, and how to ask for it.
    """

    tool: str
    wordings: Sequence[str]
    slots: Mapping[str, Sequence[Filling]]
    fixed: Mapping[str, Any]
    missing: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Listing:
    """A search, and what is done with one of its results.

    Attributes:
        search: the request that starts the dialogue.
        key: the field of a result that names it, such as ``flight_id``.
        prefix: of those names, such as ``FL``.
        fields: the fields of a result with their lowest and highest value.
        picks: a follow-up request, the field that it decides by, and whether the highest is meant.
        tool: which takes the picked result, by a parameter called as ``key``.
        questions: the same for what the results already tell; the answer is in the picked result.
    """

    search: Ask
    key: str
    prefix: str
    fields: Mapping[str, tuple[int, int]]
    picks: Sequence[tuple[str, str, bool]]
    tool: str
    questions: Sequence[tuple[str, str, bool]]


@dataclass(frozen=True, slots=True)
class Domain:
    """A field of life with its tools.

    Attributes:
        name: of the domain.
        tools: schemas with ``name``, ``description`` and ``parameters``.
        asks: requests of a single call each.
        listings: dialogues.
        test_only: its tools are in no training task.
    """

    name: str
    tools: Sequence[Mapping[str, Any]]
    asks: Sequence[Ask]
    listings: Sequence[Listing] = ()
    test_only: bool = False


def tool(name: str, description: str, /, **parameters: str) -> dict[str, Any]:
    """Return a tool's schema.

    Args:
        name: of the tool.
        description: one sentence.
        parameters: each as ``type: description``, with ``?`` after the type where it may be left
            out, and ``[a|b]`` for an enumeration; ``texts`` is a list of strings.

    >>> tool("wave", "Wave.", hand="string?[left|right]: Which hand")["parameters"]["properties"]
    {'hand': {'type': 'string', 'enum': ['left', 'right'], 'description': 'Which hand'}}
    """
    properties, required = {}, []
    for parameter, notation in parameters.items():
        match = _PARAMETER.fullmatch(notation)
        if match is None:
            raise ValueError(f"parameter {parameter!r} of {name!r} must be as 'type: description'")
        kind, optional, choices, text = match.groups()
        schema: dict[str, Any] = dict(_LIST_OF_TEXTS) if kind == "texts" else {"type": kind}
        if choices:
            schema["enum"] = choices.split("|")
        properties[parameter] = {**schema, "description": text}
        if not optional:
            required.append(parameter)
    schema = {"type": "object", "properties": properties, "required": required}
    return {"name": name, "description": description, "parameters": schema}


def ask(
    tool: str,
    *wordings: str,
    fixed: Mapping[str, Any] | None = None,
    missing: Mapping[str, tuple[str, str]] | None = None,
    **slots: Sequence[Filling],
) -> Ask:
    """Return an `Ask`, its slots given by name."""
    return Ask(tool, wordings, slots, fixed or {}, missing or {})


def same(*texts: str) -> list[Filling]:
    """Return fillings whose value is the text itself."""
    return [Filling(text, text) for text in texts]


def coded(**values: str) -> list[Filling]:
    """Return fillings by value, such as ``EUR="euros"``."""
    return [Filling(text, value) for value, text in values.items()]


def numbers(low: int, high: int, step: int = 1) -> list[Filling]:
    """Return the numbers from ``low`` to ``high``, both included."""
    return [Filling(f"{number:,}", number) for number in range(low, high + 1, step)]
