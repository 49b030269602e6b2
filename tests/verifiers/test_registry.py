"""Verifiers are found by name, and what is misspelled is answered with what is meant."""

from typing import Any

import pytest

from llmenvs.verifiers.registry import VERIFIERS, find_verifier, load_verifier, verifier_options


@pytest.mark.parametrize("name", VERIFIERS)
def test_every_row_loads_and_tells_its_options(name: str) -> None:
    assert callable(load_verifier(name))
    assert all(option.name for option in verifier_options(find_verifier(name)))


def test_options_come_with_types_defaults_and_descriptions() -> None:
    options = {option.name: option for option in verifier_options(find_verifier("length"))}

    assert options["margin"].type == "int"
    assert options["margin"].default == "0"
    assert options["margin"].description.startswith("width of each slope")
    assert options["unit"].default == "'characters'"


def test_one_of_ones_own_by_module_and_name() -> None:
    verifier = load_verifier("llmenvs.verifiers.length:LengthVerifier", {"max_length": 1})

    assert verifier("ab", None).success is False


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lenght", {}, r"no verifier 'lenght' \(did you mean 'length'\?\); there are length, math"),
        ("length", {"max_lenght": 1}, r"no option 'max_lenght' \(did you mean 'max_length'\?\)"),
        ("length", {"max_length": -1}, "need 0 <= min_length <= max_length"),
        ("length", {"max_length": "x"}, "verifier 'length' refuses"),
        ("no.such.module:Thing", {}, "cannot be imported"),
        ("llmenvs.verifiers.length:Nothing", {}, "cannot be imported"),
    ],
)
def test_what_is_wrong_is_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_verifier(name, options)
