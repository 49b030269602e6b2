"""BM25 is its formula, in both engines, and its ranking is stable."""

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bm25s  # type: ignore[import-untyped]  # it ships no types
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi  # type: ignore[import-untyped]  # it ships no types

from llmenvs.retrievers import (
    BM25Retriever,
    IndexMismatchError,
    Passage,
    Retriever,
    WordTokenizer,
    bm25s_builder,
    bm25s_engine,
)
from llmenvs.retrievers.bm25 import Engine, Method

ENGINES: tuple[Engine, ...] = ("bm25s", "rank-bm25")
METHODS: tuple[Method, ...] = ("lucene", "okapi")
EVERYTHING = WordTokenizer(stop_words=())

word = st.sampled_from([f"w{n}" for n in range(12)])
text = st.lists(word, max_size=10).map(" ".join)
corpora = st.lists(text, max_size=25)


def as_passages(texts: Sequence[str]) -> list[Passage]:
    return [Passage(str(n), "", text) for n, text in enumerate(texts)]


def bm25(
    texts: Sequence[str], *, engine: Engine = "bm25s", method: Method = "lucene"
) -> BM25Retriever:
    passages = as_passages(texts)
    return BM25Retriever.from_passages(passages, engine=engine, method=method, tokenizer=EVERYTHING)


@pytest.mark.parametrize("engine", ENGINES)
def test_lucene_by_hand(engine: Engine) -> None:
    ((hit,),) = bm25(["aa bb", "cc"], engine=engine).search(["aa"], k=5)

    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    assert hit.passage_id == "0"
    assert hit.score == pytest.approx(idf / (1 + 1.5 * (0.25 + 0.75 * 2 / 1.5)))


@pytest.mark.parametrize("engine", ENGINES)
def test_okapi_by_hand_with_its_floor_for_common_words(engine: Engine) -> None:
    retriever = bm25(["aa bb", "aa cc", "aa dd", "aa ee"], engine=engine, method="okapi")

    rare, common = math.log(3.5 / 1.5), math.log(0.5 / 4.5)
    floor = 0.25 * (4 * rare + common) / 5
    tf = 2.5 / (1 + 1.5)  # all lengths are the mean
    np.testing.assert_allclose(retriever.scores("aa"), [floor * tf] * 4, rtol=1e-12)
    np.testing.assert_allclose(retriever.scores("cc"), [0, rare * tf, 0, 0], rtol=1e-12)


@given(corpora, text, st.sampled_from(METHODS))
def test_the_engines_agree(texts: list[str], query: str, method: Method) -> None:
    fast = bm25(texts, method=method)
    slow = bm25(texts, engine="rank-bm25", method=method)

    np.testing.assert_allclose(fast.scores(query), slow.scores(query), rtol=0, atol=1e-5)
    found, expected = ([hit.position for hit in r.search([query], 30)[0]] for r in (fast, slow))
    assert sorted(found, key=str) == sorted(expected, key=str)


@given(corpora, text)
def test_okapi_is_that_of_rank_bm25(texts: list[str], query: str) -> None:
    tokens = [text.split() for text in texts]
    if not any(tokens):
        return
    reference = BM25Okapi(tokens)
    known = [word for word in query.split() if word in reference.idf]
    expected = reference.get_scores(known)

    scores = bm25(texts, method="okapi").scores(query)
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-12)


@given(corpora, text)
def test_lucene_is_that_of_bm25s(texts: list[str], query: str) -> None:
    tokens = [text.split() for text in texts]
    vocabulary = {word for words in tokens for word in words}
    known = [word for word in query.split() if word in vocabulary]
    if not known:
        return
    reference = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    reference.index(tokens, show_progress=False)

    scores = bm25(texts).scores(query)
    np.testing.assert_allclose(scores, reference.get_scores(known), rtol=1e-5, atol=1e-6)


@settings(deadline=None)
@given(st.lists(text, min_size=1, max_size=25), st.integers(50, 60), st.sampled_from([1, 700]))
def test_chunks_and_ranges_make_no_difference(texts: list[str], copies: int, size: int) -> None:
    many = [text.split() for text in texts * copies]  # more passages than are counted at once
    words = sorted({word for text in texts for word in text.split()})
    if not words:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bm25s_builder, "_RANGE", size)  # weights that are computed at once
        index = bm25s_engine.build(many, method="lucene", k1=1.5, b=0.75).index
    reference = bm25s.BM25(method="lucene", dtype="float64")
    reference.index(many, show_progress=False)

    for word in words:
        ours, theirs = (column(model, word) for model in (index, reference))
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6)


def column(model: Any, word: str) -> tuple[Any, Any]:
    """Return the passages that hold ``word``, and its weights in them."""
    start, stop = model.scores["indptr"][model.vocab_dict[word] :][:2]
    return model.scores["indices"][start:stop], model.scores["data"][start:stop]


@pytest.mark.parametrize("engine", ENGINES)
@given(texts=corpora, query=text, ks=st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_fewer_hits_are_a_prefix_of_more(
    engine: Engine, texts: list[str], query: str, ks: tuple[int, int]
) -> None:
    retriever: Retriever = bm25(texts, engine=engine)
    fewer, more = (retriever.search([query], k)[0] for k in sorted(ks))

    assert fewer == more[: min(ks)]
    assert len(more) <= len(texts)
    assert [(-hit.score, hit.position) for hit in more] == sorted(
        (-hit.score, hit.position) for hit in more
    )


@given(corpora, st.lists(text, max_size=6))
def test_a_batch_is_its_queries_one_by_one(texts: list[str], queries: list[str]) -> None:
    retriever = bm25(texts)

    assert retriever.search(queries, 3) == [retriever.search([query], 3)[0] for query in queries]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("query", ["", " \n", "?!", "unknown", "\ud800", "\U0001d54f" * 3])
def test_a_query_without_a_known_word_has_no_hits(
    engine: Engine, method: Method, query: str
) -> None:
    assert bm25(["red apple", ""], engine=engine, method=method).search([query], 3) == [[]]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("texts", [[], [""], ["", "?!"]])
def test_a_corpus_without_words_is_searchable(
    engine: Engine, method: Method, texts: list[str]
) -> None:
    assert bm25(texts, engine=engine, method=method).search(["apple"], 3) == [[]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_match_is_found_even_where_okapi_gives_it_nothing(engine: Engine) -> None:
    retriever = bm25(["aa bb", "cc"], engine=engine, method="okapi")  # the idf of "aa" is 0

    ((hit,),) = retriever.search(["aa"], 5)
    assert (hit.position, hit.score) == (0, 0.0)


@given(text=st.text(st.characters(codec=None)))
def test_every_string_is_a_query_and_a_passage(text: str) -> None:
    (hits,) = bm25([text, "red apple"]).search([text + " apple"], 5)

    assert {hit.position for hit in hits} >= {1}


@pytest.mark.parametrize("query", ["apple pie " * 10_000, "apple" * 20_000, "ä" * 100_000])
def test_a_long_query_is_answered(query: str) -> None:
    retriever = bm25(["red apple pie", "blue sky"])

    (hits,) = retriever.search([query], 5)
    assert [hit.position for hit in hits] == ([0] if " " in query else [])


def test_a_repeated_word_counts_each_time() -> None:
    retriever = bm25(["red apple", "red car"])

    np.testing.assert_allclose(
        retriever.scores("apple red red red"),
        retriever.scores("apple") + 3 * retriever.scores("red"),
    )


def test_titles_are_searched_and_returned(passages: list[Passage]) -> None:
    (hits,) = BM25Retriever.from_passages(passages).search(["Lovelace"], 3)

    assert [(hit.passage_id, hit.title, hit.text) for hit in hits] == [
        ("p0", passages[0].title, passages[0].text)
    ]


def test_threads_get_the_same_hits(passages: list[Passage]) -> None:
    retriever = BM25Retriever.from_passages(passages, tokenizer=WordTokenizer(stemmer="english"))
    queries = ["computer programs", "rivers of France", "mathematicians"] * 20

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda query: retriever.search([query], 3)[0], queries))
    assert found == retriever.search(queries, 3)


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", METHODS)
def test_a_saved_index_answers_the_same(
    passages: list[Passage], tmp_path: Path, *, mmap: bool, engine: Engine, method: Method
) -> None:
    retriever = BM25Retriever.from_passages(passages, engine=engine, method=method, k1=1.2)
    retriever.save(tmp_path / "index")
    loaded = BM25Retriever.load(tmp_path / "index", mmap=mmap)

    queries = ["computer program", "France river", "nothing at all"]
    assert loaded.search(queries, 4) == retriever.search(queries, 4)
    assert list(loaded.passages) == passages
    assert loaded.settings == retriever.settings


@pytest.mark.parametrize("method", METHODS)
def test_a_streamed_build_is_the_index_in_memory(
    passages: list[Passage], tmp_path: Path, method: Method
) -> None:
    streamed = BM25Retriever.build(iter(passages), tmp_path / "a", method=method)
    BM25Retriever.from_passages(passages, method=method).save(tmp_path / "b")

    assert streamed.search(["computer program"], 4)[0]
    files = [p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_two_processes_build_the_same_index(index: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from llmenvs.retrievers import BM25Retriever\n"
        "old = BM25Retriever.load(sys.argv[1])\n"
        "BM25Retriever.from_passages(old.passages).save(sys.argv[2])"
    )
    command = [sys.executable, "-c", code, str(index), str(tmp_path / "again")]
    subprocess.run(command, check=True)

    first, again = (
        json.loads((folder / "manifest.json").read_text()) for folder in (index, tmp_path / "again")
    )
    assert first == again


def test_an_index_is_refused_to_another_tokenizer(index: Path) -> None:
    with pytest.raises(IndexMismatchError, match="stemmer='english'"):
        BM25Retriever.load(index, tokenizer=WordTokenizer(stemmer="english"))

    assert BM25Retriever.load(index, tokenizer=WordTokenizer()).search(["France"], 1)[0]


def test_bad_arguments_are_named() -> None:
    retriever = bm25(["apple"])
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        retriever.search(["apple"], 0)
    with pytest.raises(ValueError, match="sequence of strings, got the string 'apple'"):
        retriever.search("apple", 1)
    with pytest.raises(ValueError, match=r"got k1=-1 and b=0\.75"):
        BM25Retriever.from_passages([], k1=-1)
    with pytest.raises(ValueError, match="got k1=nan"):
        BM25Retriever.from_passages([], k1=math.nan)
    with pytest.raises(ValueError, match="method must be one of"):
        BM25Retriever.from_passages([], method="tf-idf")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match="engine must be one of"):
        BM25Retriever.from_passages([], engine="lucene")  # type: ignore[arg-type]  # on purpose
