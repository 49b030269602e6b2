"""Records of episodes, and a real browser that opens the page from the disk."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmenvs.bench.episode_record import EpisodeRecord, RecordedSegment
from llmenvs.trajectory import StopReason
from llmenvs.transcript import Author

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def _record(**changes: Any) -> EpisodeRecord:
    number = changes.get("episode", 0)
    record = EpisodeRecord(
        env="llmenvs/ToolUse-v0",
        episode=0,
        sample=0,
        task_id=f"task-{number}",
        category="shop",
        difficulty=None,
        seed=1,
        segments=(
            RecordedSegment(Author.PROMPT, "Book a seat.", 3),
            RecordedSegment(Author.POLICY, "I call book.", 4, turn=0),
            RecordedSegment(Author.ENVIRONMENT, "It is booked.", 4, turn=0),
            RecordedSegment(Author.POLICY, "Done.", 2, turn=1),
        ),
        messages=(),
        turn_rewards=(0.0, 1.0),
        reward=1.0,
        success=True,
        valid=True,
        verdict={"reason": "done as asked", "parts": {"state": 1.0}, "extracted": None},
        target=None,
        wanted_calls=None,
        predicted_calls=(),
        call_problems=(),
        stop_reason=StopReason.TERMINATED,
        error=None,
        usage=None,
        failures=(),
    )
    return replace(record, **changes)


def _write_run(folder: Path, records: Sequence[EpisodeRecord]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"record": record.to_dict()}) + "\n" for record in records]
    (folder / "episodes.jsonl").write_text("".join(rows))
    return folder


@pytest.fixture
def make_record() -> Callable[..., EpisodeRecord]:
    return _record


@pytest.fixture
def write_run() -> Callable[[Path, Sequence[EpisodeRecord]], Path]:
    return _write_run


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox"],  # its sandbox refuses root
        )
        yield launched
        launched.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the pages of a test logged; it fails if anything is left in here."""
    return []


@pytest.fixture
def open_page(browser: Any, complaints: list[str]) -> Iterator[Callable[..., Any]]:
    """Opens a page that may not reach a network."""
    contexts: list[Any] = []

    def opened(path: Path, fragment: str = "", **settings: Any) -> Any:
        context = browser.new_context(offline=True, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.goto(f"file://{path}{fragment}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
