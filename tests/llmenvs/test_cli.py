"""The command dispatches, and names what it does not know."""

from pathlib import Path

import pytest

from llmenvs.cli import COMMANDS, main


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])

    shown = capsys.readouterr().out
    assert stopped.value.code == 0
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])

    assert stopped.value.code == 0
    assert "usage: llmenvs" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["dmeo"]])
def test_an_unknown_command_is_an_error(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)

    assert stopped.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_a_message_and_not_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"
    path.touch()

    assert main(["demo", "--out", str(path)]) == 2
    assert "llmenvs demo: " in capsys.readouterr().err


def test_an_interrupt_is_an_exit_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("llmenvs.commands.verifiers.run", interrupted)

    assert main(["verifiers"]) == 130
    assert "stopped" in capsys.readouterr().err


def test_no_iterations_make_no_demo(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--iterations", "0"])
    assert "must be at least 1, got 0" in capsys.readouterr().err
