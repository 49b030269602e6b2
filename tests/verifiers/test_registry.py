"""Verifiers are found by name, and a wrong name or option is answered with the right ones."""

import pytest

from llmenvs.verifiers.length import LengthVerifier
from llmenvs.verifiers.registry import (
    VERIFIERS,
    find_verifier,
    load_verifier,
    verifier_options,
)


def test_every_row_has_a_module_a_class_and_a_description() -> None:
    for entry_point, description in VERIFIERS.values():
        assert entry_point.startswith("llmenvs.verifiers.")
        assert entry_point.count(":") == 1
        assert description


def test_a_verifier_is_made_with_its_options() -> None:
    verifier = load_verifier("length", {"max_length": 3, "unit": "words"})

    assert isinstance(verifier, LengthVerifier)
    assert verifier("a b c d", None).success is False


def test_a_verifier_of_ones_own_is_found_by_its_path() -> None:
    assert find_verifier("llmenvs.verifiers.length:LengthVerifier") is LengthVerifier


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lenght", r"no verifier 'lenght' \(did you mean 'length'\?\); there are .*length, .*math"),
        ("zzz", r"no verifier 'zzz'; there are"),
        ("no.such.module:Name", r"cannot be imported: No module named 'no'"),
        ("llmenvs.verifiers.length:Nothing", r"cannot be imported: .*no attribute 'Nothing'"),
    ],
)
def test_a_name_that_is_none_is_answered(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_verifier(name)


def test_an_unknown_option_is_answered_with_the_known_ones() -> None:
    message = r"no option 'max_len' \(did you mean 'max_length'\?\); it has min_length, max_length"

    with pytest.raises(ValueError, match=message):
        load_verifier("length", {"max_len": 3})


def test_a_value_that_the_verifier_refuses_is_said_in_its_words() -> None:
    with pytest.raises(ValueError, match=r"unit must be .*, got 'bytes'"):
        load_verifier("length", {"unit": "bytes"})
    with pytest.raises(ValueError, match=r"refuses .*max_length"):
        load_verifier("length", {"max_length": "three"})


def test_options_are_read_from_the_signature_and_the_docstring() -> None:
    options = {option.name: option for option in verifier_options(LengthVerifier)}

    assert list(options) == ["min_length", "max_length", "margin", "unit", "tokenizer"]
    assert options["max_length"].type == "int | None"
    assert options["max_length"].default == "None"
    assert options["unit"].description.endswith('"tokens", which needs ``tokenizer``.')
    assert all(option.description for option in options.values())


def test_a_required_option_and_one_without_annotation_are_shown_as_such() -> None:
    class Verifier:
        """Nothing.

        Args:
            first (int): over
                two lines.
        """

        def __init__(self, first, second=2, **rest):  # type: ignore[no-untyped-def]  # the point
            pass

    first, second = verifier_options(Verifier)

    assert (first.type, first.default, first.description) == ("", None, "over two lines.")
    assert (second.type, second.default, second.description) == ("", "2", "")
