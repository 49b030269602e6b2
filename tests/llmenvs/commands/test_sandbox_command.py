"""`llmenvs sandbox doctor` says what was found and what is chosen."""

import json

import pytest

from llmenvs.cli import main
from llmenvs.verifiers.code import open_sandbox
from llmenvs.verifiers.code.pool import LocalSandbox


def test_the_doctor_names_what_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["sandbox", "doctor", "--json"])
    found = json.loads(capsys.readouterr().out)

    assert status == (0 if found["chosen"] else 1)
    assert [each["outer"] for each in found["arrangements"]]
    if found["chosen"]:
        with open_sandbox() as sandbox:
            assert isinstance(sandbox, LocalSandbox)
            assert sandbox.settings.outer == found["chosen"]


def test_the_doctor_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    main(["sandbox", "doctor"])
    text = capsys.readouterr().out

    for word in ("Landlock", "seccomp", "bubblewrap", "namespaces", "open_sandbox()"):
        assert word in text


def test_the_doctor_says_why_there_is_no_docker(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    main(["sandbox", "doctor"])
    assert "docker:" in (text := capsys.readouterr().out)
    assert "unix:///nowhere/docker.sock" in text or "pip install" in text


def test_an_image_without_a_daemon_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert main(["sandbox", "build-image"]) == 1
    assert "llmenvs sandbox build-image: " in capsys.readouterr().err
