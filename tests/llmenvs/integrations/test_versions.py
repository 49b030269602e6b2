"""Another version than the tested one is a warning, a missing package says how to get it."""

import importlib.metadata
import subprocess
import sys

import pytest

from llmenvs.integrations import versions
from llmenvs.integrations.versions import UntestedVersionWarning, check_version


def test_the_tested_version_is_quiet() -> None:
    check_version("numpy", tested=importlib.metadata.version("numpy"))


def test_another_version_is_a_warning_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "version", lambda package: "9.9.9")
    with pytest.warns(UntestedVersionWarning, match=r"trl 9\.9\.9 is installed.*with trl 1\.16\.0"):
        check_version("trl", tested="1.16.0")


def test_the_adapters_tell_their_version(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trl")
    from llmenvs.integrations.trl import prompt_dataset

    monkeypatch.setattr(versions, "version", lambda package: "2.0.0")
    with pytest.warns(UntestedVersionWarning, match=r"trl 2\.0\.0"):
        prompt_dataset("llmenvs/GridWorld-v0", num_prompts=1)


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(ImportError, match=r"no-such-trainer is not installed.*llmenvs\[mine\]"):
        check_version("no-such-trainer", tested="1", extra="mine")


def test_what_all_trainers_share_loads_none_of_them() -> None:
    code = (
        "import sys, llmenvs.integrations.samples, llmenvs.integrations.trl\n"
        "print(sorted({'torch', 'trl', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"
