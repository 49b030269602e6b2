"""The examples for the trainers that install beside each other run, and end where they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
MAX_LINES = 60

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="examples/ is not in the wheel")


def run(name: str, *arguments: str, folder: Path) -> str:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("prefix", ["trl", "sb3", "skyrl", "inspect", "vector"])
def test_an_example_is_short_and_says_how_to_run_it(prefix: str) -> None:
    (path,) = EXAMPLES.glob(f"{prefix}_*.py")
    text = path.read_text()

    assert len(text.splitlines()) <= MAX_LINES
    assert f"python examples/{path.name}" in text


@pytest.mark.slow
def test_trl(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    said = run("trl_rollout.py", "--steps", "30", folder=tmp_path)
    match = re.search(r"mean reward: (\S+) in the first step, (\S+) in the last", said)

    assert match is not None
    assert float(match[1]) < 0.0 < 4.0 < float(match[2])


@pytest.mark.slow
def test_stable_baselines3(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")

    assert "2 after" in run("sb3_grid_world.py", folder=tmp_path)


@pytest.mark.slow
def test_skyrl(tmp_path: Path) -> None:
    pytest.importorskip("skyrl_gym")
    said = run("skyrl_play.py", "--num-prompts", "4", folder=tmp_path)

    assert "wrote 4 rows of llmenvs-GridWorld-v0" in said
    assert "'success': 1.0" in said
    assert (tmp_path / "rows.parquet").is_file()


@pytest.mark.slow
def test_inspect(tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")

    assert "'mean': 2.0" in run("inspect_eval.py", folder=tmp_path)


@pytest.mark.slow
def test_a_vector_loop(tmp_path: Path) -> None:
    said = run("vector_loop.py", folder=tmp_path)

    assert float(said.split()[-1]) > 1.9
