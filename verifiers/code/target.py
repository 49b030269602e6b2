"""What a program is checked against: the forms of a target, read from a dict and checked.

| form | keys |
|---|---|
| function | ``entry_point``, ``inputs``, ``outputs`` |
| stdin | ``stdin``, ``stdout``: two texts, or two lists of texts |
| asserts | ``asserts``: a list of statements, and ``setup``, which runs before them |
| test | ``test``: the source of a test module |

The suite forms (asserts and test) take ``entry_point`` too, for a test that calls ``candidate``.
Any form takes ``limits`` and, but for the suites, ``groups`` (a name for each test) and the leeway
of a comparison: ``tolerance``, ``order_free``, ``sequences_alike`` and ``whitespace``. What a
target says goes before what the verifier was told.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

from llmenvs.verifiers.code.compare import EqualityRule
from llmenvs.verifiers.code.job import Call, Limits
from llmenvs.verifiers.code.output_compare import WHITESPACE, Whitespace
from llmenvs.verifiers.code.shorten import short_repr
from llmenvs.verifiers.code.suite_names import names_under_test

ONE_GROUP = "tests"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a program is run and its results are compared.

    Attributes:
        rule: for values, and its tolerance for numbers in output.
        whitespace: how blanks in output are compared, as in `same_output`.
        limits: of all tests of a target together.
    """

    rule: EqualityRule = EqualityRule()  # noqa: RUF009 (frozen)
    whitespace: Whitespace = "any"
    limits: Limits = Limits()  # noqa: RUF009 (frozen)


@dataclass(frozen=True, slots=True)
class FunctionTarget:
    """Calls and what they shall return; ``groups`` names the group of each."""

    calls: tuple[Call, ...]
    outputs: tuple[Any, ...]
    groups: tuple[str, ...]
    settings: Settings


@dataclass(frozen=True, slots=True)
class StdinTarget:
    """Inputs of a program and what it shall write; ``groups`` names the group of each."""

    stdin: tuple[str, ...]
    stdout: tuple[str, ...]
    groups: tuple[str, ...]
    settings: Settings


@dataclass(frozen=True, slots=True)
class SuiteTarget:
    """Tests in Python; the fields are those of `SuiteJob`."""

    tests: str
    checks: tuple[str, ...]
    names: tuple[str, ...]
    mirror_arguments: bool
    settings: Settings


CodeTarget: TypeAlias = FunctionTarget | StdinTarget | SuiteTarget

_COMMON = ("entry_point", "limits")
_COMPARED = ("groups", "tolerance", "order_free", "sequences_alike")
_FORMS: Mapping[str, tuple[str, ...]] = {
    "outputs": ("inputs", "outputs", *_COMPARED, *_COMMON),
    "stdout": ("stdin", "stdout", "groups", "tolerance", "whitespace", *_COMMON),
    "asserts": ("asserts", "setup", "mirror_arguments", *_COMMON),
    "test": ("test", "setup", "mirror_arguments", *_COMMON),
}
"""What is expected -> the keys of that form."""


def read_target(target: Any, settings: Settings) -> CodeTarget:
    """Return the target of one form.

    Args:
        target: see the module.
        settings: hold where the target says nothing else.

    Raises:
        ValueError: a key is missing, unknown or of another form, or a value is not of its type;
            the message names it.

    >>> read_target({"entry_point": "add", "inputs": [[1, 2]], "outputs": [3]}, Settings()).calls
    (Call(function='add', args=(1, 2), kwargs={}),)
    """
    if not isinstance(target, Mapping):
        raise ValueError(
            f"target must be a dict, got {type(target).__name__}: {short_repr(target)}"
        )
    form = _form_of(target)
    for key in target:
        if key not in _FORMS[form]:
            raise ValueError(
                f"target has a key {key!r} that the form with {form!r} does not take"
                f"{_did_you_mean(key, _FORMS[form])}; it takes {', '.join(_FORMS[form])}"
            )
    settings = _settings_of(target, settings)
    if form == "outputs":
        return _read_function(target, settings)
    if form == "stdout":
        return _read_stdin(target, settings)
    return _read_suite(target, form, settings)


def read_limits(value: Any, default: Limits) -> Limits:
    """Return ``default`` with the fields that ``value`` has, or ``value`` where it is `Limits`.

    Raises:
        ValueError: an unknown field, or a value out of range.
    """
    if isinstance(value, Limits):
        return value
    known = [field.name for field in fields(Limits)]
    if not isinstance(value, Mapping):
        raise ValueError(f"limits must be a dict of {', '.join(known)}, got {value!r}")
    for name, number in value.items():
        if name not in known:
            raise ValueError(
                f"limits has no {name!r}{_did_you_mean(name, known)}; it has {', '.join(known)}"
            )
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError(f"limits[{name!r}] must be a number, got {number!r}")
    return replace(default, **value)


def read_rule(values: Mapping[str, Any], default: EqualityRule) -> EqualityRule:
    """Return ``default`` with the leeway that ``values`` states.

    Raises:
        ValueError: a value is not of its type or out of range.
    """
    tolerance = values.get("tolerance", default.tolerance)
    order_free = values.get("order_free", default.order_free)
    sequences_alike = values.get("sequences_alike", default.sequences_alike)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float):
        raise ValueError(f"tolerance must be a number, got {tolerance!r}")
    if not isinstance(order_free, int):
        raise ValueError(f"order_free must be a bool or a number of levels, got {order_free!r}")
    if not isinstance(sequences_alike, bool):
        raise ValueError(f"sequences_alike must be a bool, got {sequences_alike!r}")
    return EqualityRule(float(tolerance), int(order_free), sequences_alike)


def read_whitespace(value: Any) -> Whitespace:
    """Return ``value`` if it is one of `WHITESPACE`, else raise a ValueError."""
    if value not in WHITESPACE:
        raise ValueError(f"whitespace must be one of {', '.join(WHITESPACE)}, got {value!r}")
    chosen: Whitespace = value
    return chosen


def _form_of(target: Mapping[str, Any]) -> str:
    found = [form for form in _FORMS if form in target]
    if len(found) != 1:
        raise ValueError(
            "target must hold one of 'outputs' (with 'entry_point' and 'inputs'), 'stdout' (with "
            f"'stdin'), 'asserts' and 'test', got the keys {sorted(map(str, target))}"
        )
    return found[0]


def _settings_of(target: Mapping[str, Any], settings: Settings) -> Settings:
    try:
        return Settings(
            read_rule(target, settings.rule),
            read_whitespace(target.get("whitespace", settings.whitespace)),
            read_limits(target.get("limits", {}), settings.limits),
        )
    except ValueError as error:
        raise ValueError(f"in the target, {error}") from error


def _read_function(target: Mapping[str, Any], settings: Settings) -> FunctionTarget:
    name = target.get("entry_point")
    if not isinstance(name, str) or not all(map(str.isidentifier, name.split("."))):
        raise ValueError(f"target['entry_point'] must be the name of a function, got {name!r}")
    inputs, outputs = _paired_lists(target, "inputs", "outputs")
    calls = tuple(_read_call(name, index, value) for index, value in enumerate(inputs))
    return FunctionTarget(calls, tuple(outputs), _groups_of(target, len(calls)), settings)


def _read_call(name: str, index: int, value: Any) -> Call:
    if isinstance(value, list | tuple):
        return Call(name, tuple(value))
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return Call(name, (), dict(value))
    raise ValueError(
        f"target['inputs'][{index}] must be a list of the arguments of one call, or a dict of them "
        f"by name, got {short_repr(value)}"
    )


def _read_stdin(target: Mapping[str, Any], settings: Settings) -> StdinTarget:
    if isinstance(target.get("stdin"), str) and isinstance(target["stdout"], str):
        target = {**target, "stdin": [target["stdin"]], "stdout": [target["stdout"]]}
    stdin, stdout = _paired_lists(target, "stdin", "stdout")
    for key, texts in (("stdin", stdin), ("stdout", stdout)):
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise ValueError(f"target[{key!r}][{index}] must be a str, got {short_repr(text)}")
    return StdinTarget(tuple(stdin), tuple(stdout), _groups_of(target, len(stdin)), settings)


def _paired_lists(
    target: Mapping[str, Any], first: str, second: str
) -> tuple[Sequence[Any], Sequence[Any]]:
    lists = []
    for key in (first, second):
        value = target.get(key)
        if not isinstance(value, list | tuple):
            raise ValueError(
                f"target[{key!r}] must be a list, an item for each test, got {short_repr(value)}"
            )
        lists.append(value)
    if len(lists[0]) != len(lists[1]) or not lists[0]:
        raise ValueError(
            f"target[{first!r}] and target[{second!r}] must be equally long and not empty, "
            f"got {len(lists[0])} and {len(lists[1])}"
        )
    return lists[0], lists[1]


def _groups_of(target: Mapping[str, Any], count: int) -> tuple[str, ...]:
    groups = target.get("groups", [ONE_GROUP] * count)
    right = isinstance(groups, list | tuple) and all(isinstance(name, str) for name in groups)
    if not right or len(groups) != count:
        raise ValueError(
            f"target['groups'] must be a list of {count} names, one for each test, "
            f"got {short_repr(groups)}"
        )
    return tuple(groups)


def _read_suite(target: Mapping[str, Any], form: str, settings: Settings) -> SuiteTarget:
    setup = target.get("setup", "")
    if not isinstance(setup, str):
        raise ValueError(f"target['setup'] must be source text, got {short_repr(setup)}")
    mirror = target.get("mirror_arguments", False)
    if not isinstance(mirror, bool):
        raise ValueError(f"target['mirror_arguments'] must be a bool, got {mirror!r}")
    tests = setup
    checks: tuple[str, ...] = ()
    if form == "asserts":
        checks = _read_asserts(target["asserts"])
    else:
        if not isinstance(target["test"], str) or not target["test"].strip():
            raise ValueError(
                f"target['test'] must be source text, got {short_repr(target['test'])}"
            )
        tests = f"{setup}\n{target['test']}" if setup else target["test"]
    names = names_under_test(tests, checks, entry_point=target.get("entry_point"))
    return SuiteTarget(tests, checks, names, mirror, settings)


def _read_asserts(value: Any) -> tuple[str, ...]:
    right = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if not right or not value:
        raise ValueError(f"target['asserts'] must be a list of statements, got {short_repr(value)}")
    return tuple(value)


def _did_you_mean(name: Any, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
