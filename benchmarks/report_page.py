"""How fluid a report of 2,000 transcripts is, in headless Chromium.

    python benchmarks/report_page.py [--episodes 2000] [--out FILE]

Episodes are those of the tool-use world's random policy, told apart by their number, and one whose
observation has a megabyte. Measured in the page: opening it until the first transcript is shown, a
filter, a search over all texts, the next episode, a jump to the end, and opening the large one;
each is the time until the browser has drawn again. The floor is that of two frames: 33 ms.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import keep, system

from llmenvs.bench.episode_record import EpisodeRecord, read_episodes
from llmenvs.bench.report import write_report
from llmenvs.cli import main as llmenvs
from llmenvs.transcript import Author

LARGE = "x " * 500_000
ACTIONS = {
    "filter": "choose('outcome', '{turn}' === '0' ? 'failed' : '')",
    "search": "write('text', ['order', 'calendar', 'balance', 'refund', ''][{turn}])",
    "next": "press('j')",
    "end of the list": "(list.focus(), press({turn} % 2 ? 'Home' : 'End'))",
    "large transcript": "write('text', {turn} % 2 ? '' : 'x x x')",
}
SCRIPT = """(action) => new Promise((resolve) => {
  const form = document.getElementById("filters"), list = document.getElementById("list");
  const changed = (field) => field.dispatchEvent(new Event("input", {bubbles: true}));
  const choose = (name, value) => {
    form.elements[name].value = value;
    changed(form.elements[name]);
  };
  const write = choose;
  const press = (key) => (document.activeElement || document.body)
    .dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  const started = performance.now();
  ACTION;
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - started)));
})"""


def make_run(folder: Path, num_episodes: int) -> None:
    """Play a few hundred episodes, and copy them under other numbers."""
    played = folder / "played"
    count = str(min(num_episodes, 200))
    words = ["bench", "--env", "llmenvs/ToolUse-v0", "--policy", "random", "--episodes", count]
    llmenvs([*words, "--out", str(played)])
    (folder / "run").mkdir()
    with (folder / "run" / "episodes.jsonl").open("w") as file:
        for record in numbered(list(read_episodes(played)), num_episodes):
            file.write(json.dumps({"record": record.to_dict()}) + "\n")


def numbered(records: list[EpisodeRecord], count: int) -> Iterator[EpisodeRecord]:
    """Yield ``count`` records whose texts differ, the last of them large."""
    for number in range(count):
        record = records[number % len(records)]
        segments = tuple(
            replace(segment, text=f"{segment.text}\n({number})")
            if segment.author is not Author.PROMPT
            else segment
            for segment in record.segments
        )
        if number == count - 1:
            segments = (*segments, replace(segments[-1], text=LARGE))
        yield replace(record, episode=number, segments=segments)


def measure(page: Path) -> dict[str, Any]:
    """Open the page and use it; returns milliseconds."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1360, "height": 900}, bypass_csp=True)
        started = time.perf_counter()
        opened.goto(f"file://{page}")
        opened.wait_for_selector("#detail .segment")
        found: dict[str, Any] = {"open": round(1000 * (time.perf_counter() - started))}
        for name, action in ACTIONS.items():
            times = [
                opened.evaluate(SCRIPT.replace("ACTION", action.replace("{turn}", str(turn))))
                for turn in range(5)
            ]
            found[name] = {"median": round(statistics.median(times)), "most": round(max(times))}
        found["elements"] = opened.evaluate("document.querySelectorAll('*').length")
        browser.close()
    return found


def main() -> None:
    """Measure, print, and write one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--out", type=Path, help="append the result to this file of JSON lines")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_run(folder, args.episodes)
        page = folder / "report.html"
        started = time.perf_counter()
        write_report(page, [folder / "run"])
        result = {
            "benchmark": "report_page",
            "episodes": args.episodes,
            "write_s": round(time.perf_counter() - started, 2),
            "run_mb": round((folder / "run" / "episodes.jsonl").stat().st_size / 1e6, 1),
            "page_mb": round(page.stat().st_size / 1e6, 1),
            "milliseconds": measure(page),
            **system(),
        }
    print(json.dumps(result, indent=2))
    keep(result, args.out)


if __name__ == "__main__":
    main()
