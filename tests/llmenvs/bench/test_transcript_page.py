"""The page tells the policy's tokens from the environment's, and nothing written on it runs."""

from html.parser import HTMLParser
from pathlib import Path

from llmenvs import ByteTokenizer, FunctionPolicy, rollout
from llmenvs.bench.curves import Curve, draw_curves
from llmenvs.bench.transcript_page import TranscriptGroup, write_transcript_page
from llmenvs.testing import GuessDigitEnv

HOSTILE = "<script>alert(1)</script>$title\ud800"


class Collector(HTMLParser):
    """Gathers the text of each kind of token, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {"t policy": "", "t world": ""}
        self.tags: list[str] = []
        self._kind: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        kind = dict(attrs).get("class") if tag == "span" and "title" in dict(attrs) else None
        self._kind = kind

    def handle_data(self, data: str) -> None:
        if self._kind is not None:
            self.texts[self._kind] += data

    def handle_endtag(self, tag: str) -> None:
        self._kind = None


def test_each_token_is_in_its_authors_colour_and_escaped(tmp_path: Path) -> None:
    trajectories = rollout(
        [GuessDigitEnv()], FunctionPolicy(lambda prompt: HOSTILE), seeds=[0], task_ids=["low"]
    )
    path = tmp_path / "page.html"
    write_transcript_page(
        path,
        [TranscriptGroup("<before>", trajectories)],
        ByteTokenizer(),
        title="<b>who</b>",
        description="a & b",
    )
    page = Collector()
    page.feed(path.read_text(encoding="utf-8"))

    assert page.texts["t policy"].replace("\ufffd", "") == 3 * HOSTILE.rstrip("\ud800")
    assert page.texts["t world"] == "Guess a digit, a low one: Wrong. Wrong. Wrong. "
    assert "script" not in page.tags
    assert "b" not in page.tags


def test_a_curve_is_a_png(tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    draw_curves(
        path,
        [Curve("success", [0.1, 0.5], {"oracle": 1.0}, (0.0, 1.0)), Curve("reward", [1.0])],
        title="a curve",
        x_label="iteration",
    )

    assert path.read_bytes().startswith(b"\x89PNG")
