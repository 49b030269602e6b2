"""Verifiers by name, for the command line: what there is, its options, and how to make one.

A row is imported only when it is asked for. What a verifier's options are and mean is read from its
constructor and the ``Args:`` of its class, which are thus said once.
"""

import difflib
import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmenvs.verifiers.verdict import Verifier

VERIFIERS: Mapping[str, tuple[str, str]] = {
    "code": (
        "llmenvs.verifiers.code.verifier:CodeVerifier",
        "a program, run against tests in a sandbox",
    ),
    "answer": ("llmenvs.verifiers.answer:AnswerVerifier", "a short answer against several golds"),
    "external": (
        "llmenvs.verifiers.external:ExternalVerifier",
        "a checker program accepts the answer",
    ),
    "format": (
        "llmenvs.verifiers.format:FormatVerifier",
        "the right tagged blocks, in the right order, once",
    ),
    "json_schema": (
        "llmenvs.verifiers.json_schema:JSONSchemaVerifier",
        "JSON that validates against a schema",
    ),
    "language": (
        "llmenvs.verifiers.language:LanguageVerifier",
        "the reasoning is in the language that was asked for",
    ),
    "length": (
        "llmenvs.verifiers.length:LengthVerifier",
        "characters, words or tokens within a band",
    ),
    "math": (
        "llmenvs.verifiers.math:MathVerifier",
        "a final mathematical answer, compared by its kind",
    ),
    "open_r1": (
        "llmenvs.verifiers.open_r1:OpenR1Verifier",
        "the format rewards of open-r1 and TRL",
    ),
    "regex": (
        "llmenvs.verifiers.regex:RegexVerifier",
        "a pattern matches, in linear time",
    ),
    "repetition": (
        "llmenvs.verifiers.repetition:RepetitionVerifier",
        "a penalty for n-grams that come again",
    ),
    "soft_overlong": (
        "llmenvs.verifiers.length:SoftOverlongVerifier",
        "DAPO's punishment of what is too long",
    ),
    "toolrl_length": (
        "llmenvs.verifiers.length:ToolRLLengthVerifier",
        "ToolRL's reward for a long thought",
    ),
    "tool_call": (
        "llmenvs.verifiers.tool_call:ToolCallVerifier",
        "tool calls against the wanted ones, or ToolRL's reward",
    ),
}
"""Name -> (entry point, what it checks)."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a verifier's constructor.

    Attributes:
        name: of the parameter.
        type: as annotated, "" if it is not.
        default: as Python writes it; None where the option is required.
        description: from the ``Args:`` of the class, on one line.
    """

    name: str
    type: str
    default: str | None
    description: str


def load_verifier(name: str, options: Mapping[str, Any] | None = None) -> Verifier:
    """Return the verifier of that name, made with ``options``.

    Args:
        name: a key of `VERIFIERS`, or ``package.module:Class`` for one of the caller's own.
        options: of its constructor, by name.

    Raises:
        ValueError: the name or an option is unknown, or the constructor refuses a value.

    >>> load_verifier("length", {"max_length": 3})("four", None).success
    False
    """
    options = dict(options or {})
    factory = find_verifier(name)
    known = [option.name for option in verifier_options(factory)]
    for option in options:
        if option not in known:
            raise ValueError(
                f"verifier {name!r} has no option {option!r}{_did_you_mean(option, known)}; "
                f"it has {', '.join(known) or 'none'}"
            )
    try:
        verifier: Verifier = factory(**options)
    except TypeError as error:
        raise ValueError(f"verifier {name!r} refuses {options!r}: {error}") from error
    return verifier


def find_verifier(name: str) -> Any:
    """Return the class, or other callable, that makes the verifier of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in VERIFIERS and ":" not in name:
        raise ValueError(
            f"no verifier {name!r}{_did_you_mean(name, VERIFIERS)}; there are "
            f"{', '.join(sorted(VERIFIERS))}, or give your own as package.module:Class"
        )
    entry_point = VERIFIERS[name][0] if name in VERIFIERS else name
    module_name, _, attribute = entry_point.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"verifier {name!r} cannot be imported: {error}") from error


def verifier_options(factory: Any) -> list[Option]:
    """Return the options of a verifier's constructor, in its order."""
    described = _described_arguments(inspect.getdoc(factory) or "")
    options = []
    for parameter in inspect.signature(factory).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        missing = parameter.default is parameter.empty
        options.append(
            Option(
                parameter.name,
                _type_name(parameter.annotation),
                None if missing else repr(parameter.default),
                described.get(parameter.name, ""),
            )
        )
    return options


def _type_name(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    name = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:typing|collections\.abc)\.", "", name)


def _described_arguments(docstring: str) -> dict[str, str]:
    """Read ``Args:`` of a Google docstring: name -> description on one line."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", docstring, re.MULTILINE)
    if section is None:
        return {}
    entries = re.split(r"^ {4}(\w+)(?: \([^)]*\))?: ", section[1], flags=re.MULTILINE)[1:]
    pairs = zip(entries[::2], entries[1::2], strict=True)
    return {name: " ".join(text.split()) for name, text in pairs}


def _did_you_mean(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
