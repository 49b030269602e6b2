"""`llmenvs train` survives a kill with the same curve, and says what is wrong with its options."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llmenvs.cli import main

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before transformers reads it

ENV = ["--env", "llmenvs/GridWorld-v0", "--env-option", "max_turns=5"]
ENV += ["--env-option", "random_start=true"]
SMALL = ["--num-groups", "4", "--group-size", "4", "--max-new-tokens", "8", "--no-progress"]
GRPO = ["train", "grpo", *ENV, "--num-envs", "16", *SMALL, "--threads", "1", "--save-every", "2"]
CLOCK = ("wall_s", "tokens_per_s", "memory_bytes")


def curve(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in CLOCK} for row in rows]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "llmenvs.cli", *words]


def kill_after(words: list[str], metrics: Path, *, iterations: int) -> None:
    """Start the run and kill -9 it once so many iterations are written."""
    process = subprocess.Popen(command(*words))
    deadline = time.monotonic() + 120
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < iterations:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_with_the_same_curve_and_weights(tmp_path: Path) -> None:
    warm = ["train", "sft", *ENV, "--data", "random", "--iterations", "40", "--no-progress"]
    warm += ["--learning-rate", "0.003", "--data-episodes", "128"]
    assert main([*warm, "--threads", "1", "--out", str(tmp_path / "warm")]) == 0
    words = [*GRPO, "--model", str(tmp_path / "warm/model"), "--iterations", "10", "--curriculum"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(*words, "--out", str(whole)), check=True)
    for iterations in (3, 7):
        kill_after([*words, "--out", str(killed)], killed / "metrics.jsonl", iterations=iterations)
    subprocess.run(command(*words, "--out", str(killed)), check=True)

    assert curve(killed) == curve(whole)
    assert any(row["loss"] != 0.0 for row in curve(whole))
    for name in ("transcripts.jsonl", "model/weights.pt", "model/tokenizer.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()


def test_two_processes_never_share_a_folder(tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        assert main([*GRPO, "--iterations", "1", "--out", str(tmp_path)]) == 2


def test_several_environments_are_trained_on_by_weight(tmp_path: Path) -> None:
    words = ["train", "reinforce", "--env", "llmenvs/GridWorld-v0:0.7", "--num-envs", "8"]
    words += ["--env", "llmenvs/MathAnswer-v0:0.3", "--batch-size", "8", "--iterations", "1"]
    words += ["--env-option", "llmenvs/GridWorld-v0:max_turns=2", "--max-new-tokens", "2"]
    assert main([*words, "--no-progress", "--out", str(tmp_path / "run")]) == 0
    owner = json.loads((tmp_path / "run/run.json").read_text())

    assert owner["envs"] == {"llmenvs/GridWorld-v0": 0.7, "llmenvs/MathAnswer-v0": 0.3}
    assert json.loads((tmp_path / "run/summary.json").read_text())["episodes"] == 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--group-size", "1"], "--group-size must be at least 2, got 1"),
        (["--learning-rate", "-1"], "--learning-rate must be above 0, got -1.0"),
        (["--save-every", "0"], "--save-every must be at least 1, got 0"),
        (["--max-new-tokens", "0"], "--max-new-tokens and --max-episode-tokens must be"),
        (["--env", "llmenvs/GridWorld-v0"], "--env 'llmenvs/GridWorld-v0' comes twice"),
        (["--env", "llmenvs/MathAnswer-v0:0"], "--env must have a weight above 0"),
        (["--resume-from", "3"], "--resume-from must be 0 in a new run, got 3"),
        (["--model", "nowhere"], "'nowhere' is neither 'tiny' nor a folder"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--aggregation", "constant"], "--constant-length goes with --aggregation='constant'"),
    ],
)
def test_an_impossible_value_names_its_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    status = main([*GRPO, "--out", str(tmp_path / "run"), *words])

    assert status == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--group-sise", "4"], "unknown option --group-sise; did you mean --group-size?"),
        (["--group-size", "many"], "argument --group-size: invalid int value: 'many'"),
        (["--scale", "robust"], "argument --scale: invalid choice: 'robust'"),
    ],
)
def test_an_unreadable_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*GRPO, "--out", str(tmp_path / "run"), *words])

    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("algorithm", ["reinforce", "ppo", "grpo", "dpo", "sft"])
def test_the_help_has_every_setting(algorithm: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", algorithm, "--help"])
    text = capsys.readouterr().out

    assert "--learning-rate FLOAT" in text
    assert "of AdamW" in text
    assert "--max-grad-norm FLOAT" in text
