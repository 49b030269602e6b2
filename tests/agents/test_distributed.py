"""Two processes of an Accelerate launch train as one: the same losses, files and errors."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from llmenvs.agents.distributed import (
    add_gradients,
    gathered,
    is_main,
    joined,
    num_processes,
    on_main,
    share,
    summed,
)

PROGRAM = Path(__file__).with_name("distributed_losses.py")
TRAIN = [
    *("-m", "llmenvs.cli", "train", "grpo", "--env", "llmenvs/GridWorld-v0"),
    *("--env-option", "random_start=true", "--env-option", "max_turns=2", "--num-envs", "8"),
    *("--num-groups", "4", "--group-size", "3", "--minibatch-size", "6", "--save-every", "1"),
    *("--max-new-tokens", "6", "--threads", "1", "--no-progress"),
]


def launch(*words: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    """Run a program as so many processes, connected on loopback by gloo."""
    command = [sys.executable, *words]
    if processes > 1:
        launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--mixed_precision", "no"]
        launcher += ["--num_machines", "1", "--dynamo_backend", "no", "--main_process_port", "0"]
        command = [sys.executable, *launcher, "--num_processes", str(processes), *words]
    return subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def load_program() -> Any:
    """Import the program, to run it in this process too."""
    spec = importlib.util.spec_from_file_location("distributed_losses", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["distributed_losses"] = module
    spec.loader.exec_module(module)
    return module


def metrics_of(folder: Path) -> list[dict[str, Any]]:
    """Return the metrics of a run that do not depend on the machine."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    of_machine = ("tokens_per_s", "wall_s", "memory_bytes")
    return [{name: row[name] for name in row if name not in of_machine} for row in rows]


def test_alone_everything_is_the_identity() -> None:
    values = torch.ones(3)

    with joined("cpu"):
        assert num_processes() == 1
        assert is_main()
        assert share([1, 2, 3]) == [1, 2, 3]
        assert gathered([1, 2]) == [1, 2]
        assert summed(values) is values
        assert add_gradients([torch.nn.Parameter(values)], 0.1) == 0.1
        assert on_main(lambda: "done") == "done"


def test_shares_come_together_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmenvs.agents.distributed.num_processes", lambda: 3)
    for length in range(8):
        parts = []
        for index in range(3):
            monkeypatch.setattr("llmenvs.agents.distributed.process_index", lambda i=index: i)
            parts.append(share(list(range(length))))

        assert [item for part in parts for item in part] == list(range(length))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(tmp_path: Path) -> None:
    out = tmp_path / "two.json"
    done = launch(str(PROGRAM), str(out))
    assert done.returncode == 0, done.stderr
    two = json.loads(out.read_text())
    program = load_program()

    assert set(two) == set(program.TRAINERS)
    for name in program.TRAINERS:
        one = program.measured(name)
        assert any(update["loss"] != 0.0 for update in one), name
        for ours, theirs in zip(one, two[name], strict=True):
            assert theirs == pytest.approx(ours, rel=1e-4, abs=1e-6), name


@pytest.mark.slow
def test_a_run_of_two_is_the_run_of_one_and_is_taken_up_again(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    alone = launch(*TRAIN, "--iterations", "4", "--out", str(one), processes=1)
    first = launch(*TRAIN, "--iterations", "2", "--out", str(two))
    again = launch(*TRAIN, "--iterations", "4", "--out", str(two))

    assert [done.returncode for done in (alone, first, again)] == [0, 0, 0], again.stderr
    assert again.stdout.count("Written to") == 1
    assert [row["iteration"] for row in metrics_of(two)] == [0, 1, 2, 3]
    for ours, theirs in zip(metrics_of(one), metrics_of(two), strict=True):
        assert theirs == pytest.approx(ours, rel=1e-3, abs=1e-5)


@pytest.mark.slow
def test_a_folder_of_another_run_is_refused_once_and_by_all(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("")
    done = launch(*TRAIN, "--iterations", "1", "--out", str(tmp_path))

    assert done.returncode != 0
    assert done.stderr.count("of nobody's run") == 1
