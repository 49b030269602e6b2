"""`llmenvs verifiers` shows each verifier with its options."""

import pytest

from llmenvs.cli import main


def test_a_verifier_is_shown_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verifiers", "length"]) == 0

    output = capsys.readouterr().out
    assert "characters, words or tokens within a band" in output
    assert "  max_length: int | None = None\n      longest length with the full score" in output


def test_a_name_that_is_none_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verifiers", "lenght"]) == 1

    assert "did you mean 'length'" in capsys.readouterr().out


def test_all_are_shown_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    main(["verifiers"])

    output = capsys.readouterr().out
    assert "length" in output
    assert "math" in output
