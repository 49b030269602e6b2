"""A folder is one run's and one process's, and its lines are wound back to a checkpoint."""

import json
from pathlib import Path

import pytest

from llmenvs import rollout
from llmenvs.agents.metrics_log import JSONLinesLog
from llmenvs.agents.run_folder import RunFolder
from llmenvs.agents.trajectory_files import read_trajectories
from llmenvs.bench.records import write_trajectories
from llmenvs.testing import GuessDigitEnv

IDENTITY = {"seed": 0, "envs": {"a": 1.0}, "shape": (1, 2)}


def test_the_same_run_may_come_again_and_another_may_not(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for expected in (True, False):
        with folder.claimed(IDENTITY) as is_new:
            if is_new:
                folder.begin(IDENTITY)
        assert is_new == expected
    with (
        pytest.raises(ValueError, match=r"its envs is {'a': 1\.0}, not {'b': 1\.0}; choose"),
        folder.claimed({**IDENTITY, "envs": {"b": 1.0}}),
    ):
        pass
    with (
        pytest.raises(ValueError, match="its seed is 0, not None"),
        folder.claimed({"envs": {"a": 1.0}, "shape": [1, 2]}),
    ):
        pass
    with folder.claimed({"seed": 1}, overwrite=True) as is_new:
        assert is_new
        assert json.loads((tmp_path / "run.json").read_text())["seed"] == 0
        folder.begin({"seed": 1})

    assert json.loads((tmp_path / "run.json").read_text()) == {"seed": 1}


def test_files_of_nobodys_run_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("mine\n")
    with (
        pytest.raises(ValueError, match=r"'metrics\.jsonl'.*of nobody's run"),
        RunFolder(tmp_path).claimed(IDENTITY),
    ):
        pass
    (tmp_path / "run.json").write_text("{")
    with (
        pytest.raises(ValueError, match=r"run\.json is not JSON"),
        RunFolder(tmp_path).claimed(IDENTITY),
    ):
        pass

    assert (tmp_path / "metrics.jsonl").read_text() == "mine\n"


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path).claimed(IDENTITY),
        pytest.raises(ValueError, match="another process is training in"),
        RunFolder(tmp_path).claimed(IDENTITY, overwrite=True),
    ):
        pass
    with RunFolder(tmp_path).claimed(IDENTITY):
        pass


def test_lines_from_an_iteration_on_and_a_line_cut_off_are_dropped(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    log = JSONLinesLog(folder.metrics)
    for iteration in range(5):
        log.write(iteration, {"loss": float("nan"), "reward": 0.1 * iteration})
    with folder.metrics.open("a") as file:
        file.write('{"iteration": 5, "lo')
    assert len(folder.read_metrics()) == 5
    folder.rewind(3)

    assert [row["iteration"] for row in folder.read_metrics()] == [0, 1, 2]
    assert folder.read_metrics()[2] == {"iteration": 2, "loss": None, "reward": 0.2}


def test_trajectories_are_read_as_they_were_written(tmp_path: Path) -> None:
    env = GuessDigitEnv()
    policy = env.scripted_policies()["oracle"]
    played = rollout([env], policy, seeds=range(4))
    write_trajectories(tmp_path / "t.jsonl", played, labels={"iteration": 3})
    read = read_trajectories(tmp_path / "t.jsonl")

    assert [t.to_dict() for t in read] == [t.to_dict() for t in played]
    assert [t.info["verdict"] for t in read] == [t.info["verdict"] for t in played]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "there is no trajectory in it"),
        ("{", r"t\.jsonl:1: is no trajectory"),
        ("[]", r"t\.jsonl:1: is no trajectory"),
        ('{"info": {}}', r"t\.jsonl:1: the field 'token_ids' is missing"),
    ],
)
def test_what_is_no_trajectory_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "t.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=message):
        read_trajectories(tmp_path / "t.jsonl")
