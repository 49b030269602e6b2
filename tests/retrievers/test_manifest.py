"""An index directory is complete or not there, and one that was changed is refused."""

import json
from pathlib import Path

import pytest

from llmenvs.retrievers import BM25Retriever, IndexMismatchError, load_retriever
from llmenvs.retrievers.manifest import new_directory, read_manifest

FILES = ["passages.jsonl", "offsets.npy", "bm25s/data.csc.index.npy", "bm25s/vocab.index.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_refused(index: Path, name: str) -> None:
    content = bytearray((index / name).read_bytes())
    content[-3] ^= 1
    (index / name).write_bytes(content)

    with pytest.raises(IndexMismatchError, match="its hash differs"):
        load_retriever(index)


@pytest.mark.parametrize("name", FILES)
def test_a_shorter_file_is_refused_even_unverified(index: Path, name: str) -> None:
    (index / name).write_bytes((index / name).read_bytes()[:-1])

    with pytest.raises(IndexMismatchError, match="must have"):
        BM25Retriever.load(index, verify=False)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(index: Path, name: str) -> None:
    (index / name).unlink()

    with pytest.raises(IndexMismatchError, match="lacks the file"):
        load_retriever(index)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("format_version", 99, "format version must be 1, got 99"),
        ("corpus_sha256", "0" * 64, "corpus hash"),
        ("kind", "dense", "must be a bm25 index, got a dense index"),
        ("num_passages", 5, "must hold 5 passages, got 6"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    index: Path, field: str, value: object, message: str
) -> None:
    manifest = json.loads((index / "manifest.json").read_text())
    (index / "manifest.json").write_text(json.dumps({**manifest, field: value}))

    with pytest.raises(IndexMismatchError, match=message):
        BM25Retriever.load(index)


def test_an_index_of_another_tokenizer_version_is_refused(index: Path) -> None:
    manifest = json.loads((index / "manifest.json").read_text())
    manifest["settings"]["tokenizer"]["version"] = 0
    (index / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(IndexMismatchError, match="tokenizer version must be 1, got 0"):
        BM25Retriever.load(index)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format_version": 1, "other": 2}', "{"])
def test_what_is_no_manifest_is_refused(index: Path, content: str) -> None:
    (index / "manifest.json").write_text(content)

    with pytest.raises(IndexMismatchError):
        load_retriever(index)


def test_a_folder_without_a_manifest_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMismatchError, match=r"is no index: it has no manifest\.json"):
        load_retriever(tmp_path)


def test_an_unknown_kind_is_refused(index: Path) -> None:
    manifest = json.loads((index / "manifest.json").read_text())
    (index / "manifest.json").write_text(json.dumps({**manifest, "kind": "sparse"}))

    with pytest.raises(IndexMismatchError, match="got 'sparse'"):
        load_retriever(index)


def test_an_index_is_never_written_over(index: Path, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="new path"), new_directory(index):
        pass
    (tmp_path / "empty").mkdir()
    with new_directory(tmp_path / "empty") as folder:
        (folder / "x").touch()

    assert (tmp_path / "empty" / "x").exists()


def test_a_failed_build_leaves_no_index(tmp_path: Path) -> None:
    def build() -> None:
        with new_directory(tmp_path / "i") as folder:
            (folder / "x").touch()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        build()
    assert not (tmp_path / "i").exists()
    with new_directory(tmp_path / "i", resume=True) as folder:
        assert (folder / "x").exists()


def test_the_manifest_says_what_is_inside(index: Path) -> None:
    manifest = read_manifest(index, kind="bm25")

    assert manifest.num_passages == 6
    assert manifest.settings["engine"] == "bm25s"
    assert manifest.settings["tokenizer"]["stemmer"] is None
    assert set(FILES) <= set(manifest.files)
