"""The page holds what the run holds, as data; and a run that is none is refused by name."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmenvs.bench.episode_record import RecordedSegment
from llmenvs.bench.report import write_report
from llmenvs.cli import main
from llmenvs.transcript import Author

Make = Callable[..., Any]
HOSTILE = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> \ud800 \0 \u2028"


def data_of(page: Path) -> Any:
    match = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL
    )
    assert match is not None
    return json.loads(match[1])


def test_model_text_stands_in_the_page_as_data_alone(
    tmp_path: Path, make_record: Make, write_run: Make
) -> None:
    hostile = make_record(
        task_id=HOSTILE,
        category=HOSTILE,
        segments=(RecordedSegment(Author.POLICY, HOSTILE, 9, turn=0),),
        verdict={"reason": HOSTILE, "parts": {HOSTILE: 1.0}, "extracted": HOSTILE},
        failures=(HOSTILE,),
        error=HOSTILE,
    )
    page = tmp_path / "report.html"
    write_report(page, [write_run(tmp_path / "run", [hostile, make_record(episode=1)])])

    text = page.read_text()
    assert "<img" not in text
    assert text.count("<script") == 2
    assert data_of(page)["texts"][0] == HOSTILE
    assert data_of(page)["episodes"][0]["reason"] == HOSTILE


def test_a_text_that_many_episodes_share_stands_once(
    tmp_path: Path, make_record: Make, write_run: Make
) -> None:
    run = write_run(tmp_path / "run", [make_record(episode=n) for n in range(50)])
    page = tmp_path / "report.html"
    assert write_report(page, [run]) == 50
    assert len(data_of(page)["texts"]) == 4
    assert not (tmp_path / "report.html.tmp").exists()


def test_outcomes_are_told_apart(tmp_path: Path, make_record: Make, write_run: Make) -> None:
    records = [
        make_record(),
        make_record(episode=1, success=False, reward=0.0, failures=("wrong tool",)),
        make_record(episode=2, success=None, valid=False, verdict=None, error="timed out"),
    ]
    page = tmp_path / "report.html"
    write_report(page, [write_run(tmp_path / "run", records)])
    assert [e["outcome"] for e in data_of(page)["episodes"]] == ["solved", "failed", "invalid"]
    assert "50.0 %" in page.read_text(), "of the decided ones"
    assert "66.7%" in page.read_text(), "are decided"


def test_a_run_without_a_decided_episode_is_shown_too(
    tmp_path: Path, make_record: Make, write_run: Make
) -> None:
    lost = make_record(valid=False, success=None, verdict=None, error="the endpoint is gone")
    page = tmp_path / "report.html"
    assert write_report(page, [write_run(tmp_path / "run", [lost])]) == 1
    assert "0.0%" in page.read_text()


def test_two_runs_stand_side_by_side(tmp_path: Path, make_record: Make, write_run: Make) -> None:
    runs = [write_run(tmp_path / name, [make_record()]) for name in ("before", "after")]
    page = tmp_path / "both.html"
    write_report(page, runs)
    assert "<h3>before</h3>" in page.read_text()
    assert {e["run"] for e in data_of(page)["episodes"]} == {"before", "after"}
    assert len({e["key"] for e in data_of(page)["episodes"]}) == 2


def test_a_half_written_last_line_is_left_out(
    tmp_path: Path, make_record: Make, write_run: Make
) -> None:
    run = write_run(tmp_path / "run", [make_record(), make_record(episode=1)])
    records = run / "episodes.jsonl"
    records.write_text(records.read_text()[:-20])
    assert write_report(tmp_path / "report.html", [run]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is no run"),
        ("", "has no whole episode yet"),
        ("[1]\n", "episodes.jsonl:1: must be an object"),
        ("nonsense\n", "episodes.jsonl:1: is not JSON"),
        ('{"record": {}}\n', "episodes.jsonl:1: is no record"),
    ],
)
def test_what_is_no_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "episodes.jsonl").write_text(content)
    assert main(["bench", "report", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_the_command_writes_into_the_run_or_where_it_is_told(
    tmp_path: Path, make_record: Make, write_run: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", [make_record()])
    assert main(["bench", "report", str(run), "--title", "A & B"]) == 0
    assert "<title>A &amp; B</title>" in (run / "report.html").read_text()
    assert main(["bench", "report", str(run), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").exists()
    assert main(["bench", "report", str(run), "--out", str(tmp_path / "no" / "page.html")]) == 2
    assert "page.html" in capsys.readouterr().err
