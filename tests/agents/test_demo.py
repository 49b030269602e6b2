"""The demo's learning is real: it solves few episodes before GRPO and most of them after it."""

import argparse
import json
from pathlib import Path

import pytest

from llmenvs.agents.demo import DemoConfig, add_arguments, run, train


@pytest.mark.slow
def test_one_seed_learns() -> None:
    result = train(DemoConfig(seed=1))

    assert result.first.success_mean < 0.3
    assert result.last.success_mean > 0.8
    assert result.last.valid_share == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2, 3, 4])
def test_more_seeds_learn(seed: int) -> None:
    result = train(DemoConfig(seed=seed))

    assert result.first.success_mean < 0.3
    assert result.last.success_mean > 0.8


def test_the_command_writes_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = tmp_path / "new" / "folder"
    words = ["--out", str(out), "--seed", "5", "--iterations", "2"]
    for _ in range(2):  # a second run replaces the first
        assert run(parser.parse_args(words)) == 0
    summary = json.loads((out / "summary.json").read_text())
    episodes = [json.loads(line) for line in (out / "transcripts.jsonl").read_text().splitlines()]

    assert {"success_first", "success_last", "seed", "reward_mean", "valid_share"} <= set(summary)
    assert (summary["seed"], summary["iterations"]) == (5, 2)
    assert len(summary["success_curve"]) == 2
    assert [e["phase"] for e in episodes].count("before") == 256
    assert len(episodes) == 512
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "who wrote which token" in (out / "transcripts.html").read_text()
    assert "llmenvs/GridWorld-v0" in capsys.readouterr().out
