"""The runner tells what failed, keeps what did not, and takes a skipped test for a failed one."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runner() -> Any:
    spec = importlib.util.spec_from_file_location("trainers_run", Path(__file__).parent / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["trainers_run"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


def test_each_row_has_its_tests(runner: Any) -> None:
    folder = ROOT / "tests" / "llmenvs" / "integrations"

    for trainer in runner.TRAINERS:
        assert [name for name in trainer.tests if not (folder / name).exists()] == []


def test_an_environment_that_cannot_be_made_is_a_result(
    runner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, **_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(runner.venv, "create", refuse)
    trainer = next(trainer for trainer in runner.TRAINERS if trainer.requires)
    result = runner.run_trainer(trainer, tmp_path)

    assert not result["ok"]
    assert result["error"] == "OSError: no space left"
    assert "FAILED: OSError: no space left" in "\n".join(runner.table_of({trainer.name: result}))


@pytest.mark.slow
def test_a_skipped_test_fails_the_row_and_a_run_one_does_not(runner: Any, tmp_path: Path) -> None:
    here = next(trainer for trainer in runner.TRAINERS if trainer.name == "nemo_gym")
    passed = runner.run_trainer(here, tmp_path)
    away = replace(here, tests=["test_openenv.py"])  # skipped where OpenEnv is not
    skipped = runner.run_trainer(away, tmp_path)

    assert (passed["ok"], passed["failed"]) == (True, 0)
    assert not skipped["ok"]
