"""Stored transcripts are scored again from the records alone, and the old verdicts stay."""

import json
from pathlib import Path

import pytest

from llmenvs.bench.episode_record import read_episodes
from llmenvs.cli import main

CALL, MATH = "llmenvs/ToolCall-v0", "llmenvs/MathAnswer-v0"


def bench(out: Path, policy: str, env: str = CALL) -> None:
    assert main(
        ["bench", "--env", env, "--policy", policy, "--episodes", "12", "--no-progress", "--out",
         str(out)]
    ) == 0  # fmt: skip


def rescored(folder: Path, *words: str) -> int:
    return main(["rescore", str(folder), *words])


def test_the_same_verifier_changes_nothing_and_another_range_every_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    bench(run, "wrong_value")
    before = list(read_episodes(run))

    assert rescored(run, "--verifier", "tool_call") == 0
    assert "0 of 12 verdicts changed." in capsys.readouterr().out
    out = tmp_path / "wide"
    assert rescored(run, "--verifier", "tool_call", "--option", "score_range=[-3,3]", "--out",
                    str(out)) == 0  # fmt: skip
    after = list(read_episodes(out))
    assert list(read_episodes(run)) == before
    assert [one.previous_verdict for one in after] == [one.verdict for one in before]
    assert [one.reward for one in after] == pytest.approx([6 * one.reward - 3 for one in before])
    assert [one.failures for one in after] == [one.failures for one in before]
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["changed"], summary["verifier"]) == (12, "tool_call")


def test_a_verifier_of_other_targets_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench(tmp_path / "run", "oracle")

    assert rescored(tmp_path / "run", "--verifier", "math") == 2
    assert "the verifier does not take the target of task" in capsys.readouterr().err
    assert rescored(tmp_path / "run", "--verifier", "maths") == 2
    assert "did you mean 'math'" in capsys.readouterr().err
    assert not (tmp_path / "run-rescored").exists()
    assert rescored(tmp_path, "--verifier", "math") == 2
    assert "holds no run" in capsys.readouterr().err


def test_what_cannot_be_decided_is_not_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "undecided_verifier.py").write_text(
        "from llmenvs.verifiers import Status, Verdict\n"
        "class Lost:\n"
        "    def __call__(self, completion, target):\n"
        "        return Verdict.undecided(Status.ERROR, reason='lost')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    bench(tmp_path / "run", "oracle", MATH)

    assert rescored(tmp_path / "run", "--verifier", "undecided_verifier:Lost") == 0
    for record in read_episodes(tmp_path / "run-rescored"):
        assert not record.valid
        assert record.failures == ("undecided",)
        assert record.error == "lost"
    summary = json.loads((tmp_path / "run-rescored" / "summary.json").read_text())
    assert (summary["undecided"], summary["valid_share"]) == (12, 0.0)
