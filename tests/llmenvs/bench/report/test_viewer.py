"""The transcript viewer in a real browser, by keyboard and by mouse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmenvs.bench.episode_record import RecordedSegment
from llmenvs.bench.report import write_report
from llmenvs.transcript import Author

Make = Callable[..., Any]
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "</script><!-- &lt; \u202eevil\u202c \0 \ud83d"
)


@pytest.fixture
def page(tmp_path: Path, make_record: Make, write_run: Make, open_page: Make) -> Any:
    failed = {"success": False, "reward": 0.0}
    records = [
        make_record(),
        make_record(
            episode=1,
            category="bank",
            failures=("wrong value",),
            wanted_calls=({"name": "book", "parameters": {"seat": "1A"}},),
            predicted_calls=({"name": "book", "parameters": {"seat": "2B"}},),
            **failed,
        ),
        make_record(
            episode=2,
            failures=("format",),
            segments=(
                RecordedSegment(Author.PROMPT, "long " * 500, 500),
                RecordedSegment(Author.POLICY, HOSTILE, 9, turn=0),
            ),
            **failed,
        ),
        make_record(episode=3, success=None, valid=False, verdict=None, error="the line is dead"),
    ]
    path = tmp_path / "report.html"
    write_report(path, [write_run(tmp_path / "run", records)], title="A run")
    return open_page(path)


def shown(page: Any) -> str:
    text: str = page.inner_text("#detail")
    return text


def names(page: Any) -> list[str]:
    found: list[str] = page.locator(".row .name").all_inner_texts()
    return found


def wait_for_count(page: Any, count: str) -> None:
    page.locator("#count", has_text=count).wait_for()


def test_text_of_a_model_is_text(page: Any) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    text = page.inner_text(".segment.policy pre")
    assert "<script>document.title='owned'</script>" in text
    assert "U+202E" in text
    assert "U+0000" in text
    assert "U+D83D" in text
    assert page.locator("#detail img, #detail script").count() == 0
    assert page.title() == "A run"


def test_the_page_lets_no_other_script_run(page: Any, complaints: list[str]) -> None:
    """Even if something were not escaped, the content security policy holds."""
    blocked = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation",
                (event) => resolve(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "document.title = 'owned'";
            document.body.append(script);
        })"""
    )
    assert blocked.startswith("script-src")
    assert page.title() == "A run"
    (complaint,) = complaints
    assert "Content Security Policy" in complaint
    complaints.clear()


def test_the_keyboard_is_enough(page: Any) -> None:
    assert "task-0" in shown(page)
    page.keyboard.press("j")
    assert "task-1" in shown(page)
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert "task-0" in shown(page), "it stays at the first"
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".segment.current h4").startswith("policy · turn 1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".segment.current h4").startswith("policy · turn 2")
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.keyboard.press("/")
    page.keyboard.type("dead")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement === document.body")


def test_filters_and_search_narrow_the_list(page: Any) -> None:
    page.select_option("[name=outcome]", "failed")
    wait_for_count(page, "2 of 4")
    assert names(page) == ["task-1", "task-2"]
    page.select_option("[name=failure]", "format")
    wait_for_count(page, "1 of 4")
    page.select_option("[name=outcome]", "")
    page.select_option("[name=failure]", "")
    page.select_option("[name=category]", "bank")
    wait_for_count(page, "1 of 4")
    page.select_option("[name=category]", "")
    page.fill("[name=text]", "IT IS BOOKED")
    wait_for_count(page, "3 of 4")
    assert page.evaluate("CSS.highlights.get('found').size") == 1
    page.fill("[name=text]", "no such text")
    wait_for_count(page, "0 of 4")
    assert shown(page) == "No episode fits these filters."


def test_calls_are_shown_beside_those_that_were_wanted(page: Any) -> None:
    page.click(".row:nth-child(2)")
    rows = page.locator(".calls tbody tr")
    assert rows.nth(0).inner_text().split() == ["≠", "book", "book"]
    assert rows.nth(1).inner_text().split() == ["≠", "seat", "=", '"1A"', "seat", "=", '"2B"']
    assert rows.nth(1).locator(".mark").get_attribute("aria-label") == "different"


def test_who_wrote_what_is_told_by_words_too(page: Any) -> None:
    headings = page.locator(".segment h4").all_inner_texts()
    assert [heading.split("\n")[0] for heading in headings] == [
        "prompt",
        "policy · turn 1",
        "environment",
        "policy · turn 2",
    ]
    assert "generated, 4 tokens" in headings[1]
    assert "4 tokens, masked" in headings[2]


def test_a_long_prompt_opens_when_asked(page: Any) -> None:
    page.click(".row:nth-child(3)")
    before = len(page.inner_text(".segment pre"))
    page.click("text=Show 1,800 more characters")
    assert before < 800 < 2400 < len(page.inner_text(".segment pre"))


def test_an_invalid_episode_says_why(page: Any) -> None:
    page.click(".row:nth-child(4)")
    assert "? invalid" in shown(page)
    assert "Error: the line is dead" in shown(page)


def test_a_link_leads_to_an_episode(
    tmp_path: Path, make_record: Make, write_run: Make, open_page: Make
) -> None:
    run = write_run(tmp_path / "run", [make_record(episode=n) for n in range(300)])
    path = tmp_path / "report.html"
    write_report(path, [run])
    page = open_page(path, "#episode=llmenvs%2FToolUse-v0%2F250%2F0")
    assert "task-250" in shown(page)
    assert "task-250" in names(page)
    assert page.locator(".row").count() < 60, "only the rows in sight are there"
    page.keyboard.press("j")
    assert page.url.endswith("%2F251%2F0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(
    scheme: str, tmp_path: Path, make_record: Make, write_run: Make, open_page: Make
) -> None:
    """WCAG's ratio of 4.5, of each piece of text against what is behind it."""
    lost = make_record(episode=1, valid=False, success=None, verdict=None, error="gone")
    wrong = make_record(
        episode=2,
        success=False,
        failures=("wrong tool",),
        wanted_calls=({"name": "f", "parameters": {"x": 1}},),
        predicted_calls=({"name": "f", "parameters": {"x": 2}},),
    )
    run = write_run(tmp_path / "run", [wrong, make_record(), lost])
    path = tmp_path / "report.html"
    write_report(path, [run])
    page = open_page(path, color_scheme=scheme)
    for _ in range(3):
        assert page.evaluate(_LOW_CONTRAST) == []
        page.keyboard.press("j")


_LOW_CONTRAST = """() => {
  const rgb = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = color.slice(0, 3).map((x) => x / 255)
      .map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const low = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    const isShown = parent.getClientRects().length && !parent.closest("noscript");
    if (!node.data.trim() || !isShown) continue;
    const style = getComputedStyle(parent);
    const ink = rgb(parent.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(parent))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(node.data + " " + ink + " on " + ground(parent));
  }
  return low;
}"""
