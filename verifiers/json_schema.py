"""Is the answer JSON, and does it validate against a JSON Schema?

The JSON is read strictly (`llmenvs.verifiers.json_text`). Schemas are checked when they are given,
may refer only to themselves and to the drafts that `jsonschema` carries, and are never fetched.
``format`` is an annotation and checks nothing, as the standard has it by default.

`jsonschema` does the validation, with three parts replaced: patterns run on RE2, whose time is
linear in the text, unique items are found by hashing, and the steps are counted, so that nested
alternatives cannot take exponential time. A document over that budget fails: it is the policy that
wrote it.
"""

import functools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema
import referencing.exceptions
import referencing.jsonschema
from jsonschema import validators
from jsonschema.exceptions import ValidationError, best_match
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # it has no types

from llmenvs.verifiers.blocks import checked_text, without_fence
from llmenvs.verifiers.json_text import JSONTextError, parse_json
from llmenvs.verifiers.verdict import Verdict

Schema = Mapping[str, Any]

_SHOWN_CHARS = 200
_DRAFTS: Mapping[str, Any] = {
    draft.META_SCHEMA["$schema"].rstrip("#"): draft
    for draft in (
        jsonschema.Draft3Validator,
        jsonschema.Draft4Validator,
        jsonschema.Draft6Validator,
        jsonschema.Draft7Validator,
        jsonschema.Draft201909Validator,
        jsonschema.Draft202012Validator,
    )
}
_BASE_STEPS = 50_000
_STEPS_PER_CHAR = 10
_DATA_KEYWORDS = frozenset({"const", "enum", "default", "examples"})


class JSONSchemaVerifier:
    """Score 1.0 for a completion whose answer is JSON that validates, else 0.0.

    The reason gives the path of a fault, such as ``$.items[2].price``. ``parts`` has ``json``,
    whether the answer is JSON at all, and ``schema``. Text around the JSON is a fault; one code
    fence around all of it is not.

    Args:
        schema: that every answer must follow; None where each target is the schema of its row.
        block: the tag that holds the answer, such as "answer"; None for all that follows
            ``</think>``.
        max_depth: of arrays and objects within each other, from 1 to 100.
        max_chars: longest answer.

    Raises:
        ValueError: the schema is none, refers to something that would have to be fetched, or has a
            pattern that RE2 does not know; on a call, the same of a target.
        ImportError: the schema has a pattern, and ``google-re2`` is not installed.

    >>> verifier = JSONSchemaVerifier({"properties": {"n": {"type": "integer"}}})
    >>> verifier('{"n": 1}', None).score
    1.0
    >>> verifier('{"n": "1"}', None).reason
    "$.n: '1' is not of type 'integer'"
    """

    def __init__(
        self,
        schema: Schema | None = None,
        *,
        block: str | None = None,
        max_depth: int = 64,
        max_chars: int = 1_000_000,
    ) -> None:
        if not 1 <= max_depth <= 100 or max_chars < 1:
            raise ValueError(
                f"need 1 <= max_depth <= 100 and max_chars >= 1, got {max_depth=} and {max_chars=}"
            )
        self.schema = schema
        self.block = block
        self.max_depth = max_depth
        self.max_chars = max_chars
        if schema is not None:
            validator_of(schema)

    def __call__(self, completion: str, target: Schema | None = None) -> Verdict:
        """Judge the answer in ``completion``; ``target`` is its schema, or None."""
        schema = self.schema if target is None else target
        if schema is None or (target is not None and self.schema is not None):
            raise ValueError(
                "target must be a schema exactly where the verifier has none, "
                f"got target={_short(target)} and schema={_short(self.schema)}"
            )
        validator = validator_of(schema)
        text = checked_text(completion, self.block)
        if text is None:
            return Verdict.no_answer("there is no answer")
        text = without_fence(text)
        try:
            value = parse_json(text, max_depth=self.max_depth, max_chars=self.max_chars)
        except JSONTextError as error:
            parts = {"json": 0.0, "schema": 0.0}
            return _verdict(0.0, parts, str(error), text)
        max_steps = _BASE_STEPS + _STEPS_PER_CHAR * len(text)
        try:
            fault = first_fault(validator, value, max_steps=max_steps)
        except RecursionError:
            fault = "$: nested deeper than this schema can follow"
        score = 0.0 if fault else 1.0
        return _verdict(score, {"json": 1.0, "schema": score}, fault or "validates", text)


def first_fault(validator: Any, value: Any, *, max_steps: int) -> str:
    """Return what is wrong with ``value`` as ``path: what``, or "" if it validates.

    Raises:
        ValueError: the schema refers to something that is not there.
        RecursionError: schema and value together nest too deep.
    """
    _BUDGET.left = max_steps
    try:
        error = next(validator.iter_errors(value), None)
    except referencing.exceptions.Unresolvable as missing:
        raise ValueError(f"the schema refers to {missing.ref!r}, which is not in it") from missing
    except _OverBudgetError:
        return "$: takes more steps to validate than it may"
    if error is None:
        return ""
    closest = best_match([error]) or error
    message = closest.message
    if len(message) > _SHOWN_CHARS:
        message = f"{message[: _SHOWN_CHARS // 2]} … {message[-_SHOWN_CHARS // 2 :]}"
    return f"{closest.json_path[:_SHOWN_CHARS]}: {message}"


def validator_of(schema: Schema) -> Any:
    """Return the validator of a schema; the last few are kept.

    Raises:
        ValueError, ImportError: as `JSONSchemaVerifier`.
    """
    if not isinstance(schema, Mapping):
        raise ValueError(f"a schema must be a dict, got {_short(schema)}")
    try:
        text = json.dumps(schema, default=dict, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a schema must be JSON, got {_short(schema)}: {error}") from error
    return _compiled(text)


@functools.lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    schema = json.loads(text)
    draft = schema.get("$schema", jsonschema.Draft202012Validator.META_SCHEMA["$schema"])
    base = _DRAFTS.get(str(draft).rstrip("#"))
    if base is None:
        raise ValueError(f"$schema must be one of {', '.join(_DRAFTS)}, got {draft!r}")
    try:
        base.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"no schema: {error.json_path}: {error.message[:300]}") from error
    _check_patterns(schema)
    validator = _bounded(base)(schema, registry=REGISTRY)  # an explicit registry never fetches
    _check_references(schema, validator)
    try:
        first_fault(validator, None, max_steps=_BASE_STEPS)
    except RecursionError as error:
        raise ValueError("the schema refers to itself without end") from error
    return validator


def _check_patterns(schema: Any) -> None:
    keywords = {key for node in _nodes(schema) for key in node}
    if {"unevaluatedProperties", "patternProperties"} <= keywords:
        raise ValueError("unevaluatedProperties beside patternProperties is not supported")
    for node in _nodes(schema):
        patterns = node.get("patternProperties")
        for pattern in [node.get("pattern"), *(patterns if isinstance(patterns, dict) else ())]:
            if isinstance(pattern, str):
                _re2(pattern)


def _check_references(schema: Any, validator: Any) -> None:
    """Say at once what would have to be fetched; a nested ``$id`` is left to the validation."""
    if any("$id" in node or "id" in node for node in _nodes(schema) if node is not schema):
        return
    specification = referencing.jsonschema.specification_with(validator.META_SCHEMA["$schema"])
    resource = specification.create_resource(schema)
    base = resource.id() or ""
    resolver = REGISTRY.with_resource(base, resource).resolver(base)
    for node in _nodes(schema):
        reference = node.get("$ref")
        if isinstance(reference, str):
            try:
                resolver.lookup(reference)
            except referencing.exceptions.Unresolvable as error:
                raise ValueError(
                    f"the schema refers to {reference!r}, which is not in it; nothing is fetched"
                ) from error


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield each object of a schema, but for what stands there as data."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(value for key, value in node.items() if key not in _DATA_KEYWORDS)
        elif isinstance(node, list):
            waiting.extend(node)


class _OverBudgetError(Exception):
    """The validation takes more steps than it may."""


class _Budget(threading.local):
    """The steps that the validation on this thread may still take."""

    left = 0


_BUDGET = _Budget()
Keyword = Callable[..., Iterator[ValidationError] | None]


@functools.cache
def _bounded(base: Any) -> Any:
    """Return a validator class like ``base``, with a bound on what a document can cost."""
    replaced: dict[str, Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
    }
    keywords = {**base.VALIDATORS, **{k: v for k, v in replaced.items() if k in base.VALIDATORS}}
    return validators.extend(  # type: ignore[no-untyped-call]  # its stub has no annotations
        base, {name: _counted(check) for name, check in keywords.items()}
    )


def _counted(check: Keyword) -> Keyword:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        _BUDGET.left -= 1
        if _BUDGET.left < 0:
            raise _OverBudgetError
        return check(validator, value, instance, schema)

    return counted


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        for pattern, subschema in patterns.items():
            for key, value in instance.items():
                if _found(pattern, key):
                    yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key, value in instance.items():
        if key in known or any(_found(pattern, key) for pattern in patterns):
            continue
        if allowed is False:
            yield ValidationError(f"{key!r} is not one of its properties")
        elif validator.is_type(allowed, "object"):
            yield from validator.descend(value, allowed, path=key)


def _unique_items(
    validator: Any, wanted: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not wanted or not validator.is_type(instance, "array"):
        return
    seen = set()
    for position, item in enumerate(instance):
        key = _key(item)
        if key in seen:
            yield ValidationError(f"item {position} came before")
            return
        seen.add(key)


def _key(value: Any) -> Any:
    """Return what two values share exactly if JSON Schema has them equal: 1 is 1.0, not true."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, dict):
        return frozenset((key, _key(item)) for key, item in value.items())
    if isinstance(value, list):
        return ("list", *map(_key, value))
    return value


def _found(pattern: str, text: str) -> bool:
    try:
        return _re2(pattern).search(text) is not None
    except UnicodeEncodeError:  # a lone surrogate is no text to RE2
        return False


@functools.lru_cache(maxsize=256)
def _re2(pattern: str) -> Any:
    from llmenvs.verifiers.regex import compile_pattern  # its engine is needed for patterns alone

    return compile_pattern(pattern)


def _verdict(score: float, parts: dict[str, float], reason: str, text: str) -> Verdict:
    shown = text[:_SHOWN_CHARS]
    return Verdict.scored(score, success=score == 1.0, parts=parts, reason=reason, extracted=shown)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARS else shown[:_SHOWN_CHARS] + "…"
