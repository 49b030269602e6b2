"""A corpus on disk gives back what was written, and its hash names it."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.retrievers import Passage
from llmenvs.retrievers.passages import PassageStore, as_corpus, corpus_hash, write_passages

any_text = st.text(st.characters(codec=None), max_size=20)


@settings(max_examples=30)
@given(rows=st.lists(st.tuples(any_text, any_text), max_size=6), in_memory=st.booleans())
def test_every_unicode_string_comes_back(
    tmp_path_factory: pytest.TempPathFactory, *, rows: list[tuple[str, str]], in_memory: bool
) -> None:
    folder = tmp_path_factory.mktemp("store")
    passages = [Passage(str(n), title, text) for n, (title, text) in enumerate(rows)]
    write_passages(iter(passages), folder)

    store = PassageStore(folder, in_memory=in_memory)
    assert list(store) == passages
    assert store[:] == passages
    assert corpus_hash(store) == corpus_hash(passages)


def test_a_store_is_a_sequence(passages: list[Passage], tmp_path: Path) -> None:
    store = write_passages(passages, tmp_path)

    assert len(store) == len(passages)
    assert store[-1] == passages[-1]
    assert store[1:4:2] == passages[1:4:2]
    with pytest.raises(IndexError, match="position must be below 6, got 6"):
        store[6]


def test_a_store_is_reopened_by_another_process(passages: list[Passage], tmp_path: Path) -> None:
    store = write_passages(passages, tmp_path)

    assert list(pickle.loads(pickle.dumps(store))) == passages


def test_the_hash_tells_order_and_content(passages: list[Passage]) -> None:
    changed = [*passages[:-1], Passage("p5", "Grace Hopper", "Wrote the first compiler")]

    hashes = {corpus_hash(passages), corpus_hash(passages[::-1]), corpus_hash(changed)}
    assert len(hashes) == 3


def test_a_repeated_id_is_refused_by_its_places(tmp_path: Path) -> None:
    rows = [Passage("a", "", "x"), Passage("b", "", "y"), Passage("a", "", "z")]

    with pytest.raises(ValueError, match="unique, got 'a' at positions 0 and 2"):
        write_passages(rows, tmp_path)
    with pytest.raises(ValueError, match="unique, got 'a' at positions 0 and 2"):
        as_corpus(iter(rows))
