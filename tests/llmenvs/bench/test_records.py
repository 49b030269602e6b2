"""Records hold whole episodes, whatever characters they have in them."""

import json
from pathlib import Path

from llmenvs import FunctionPolicy, rollout
from llmenvs.bench.records import write_summary, write_trajectories
from llmenvs.testing import GuessDigitEnv


def test_a_line_is_an_episode_with_its_labels(tmp_path: Path) -> None:
    hostile = FunctionPolicy(lambda prompt: "\ud800\x00\n</script>")
    trajectories = rollout([GuessDigitEnv()], hostile, seeds=[0, 1])
    path = tmp_path / "episodes.jsonl"

    assert write_trajectories(path, trajectories, labels={"phase": "before"}) == 2
    write_trajectories(path, trajectories[:1])
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row.get("phase") for row in rows] == ["before", "before", None]
    assert rows[0]["messages"][1]["content"] == "\ud800\x00\n</script>"
    assert rows[0]["token_ids"] == trajectories[0].token_ids.tolist()


def test_a_summary_is_written_whole(tmp_path: Path) -> None:
    write_summary(tmp_path, {"a": 1})
    write_summary(tmp_path, {"a": 2})

    assert json.loads((tmp_path / "summary.json").read_text()) == {"a": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
