"""Fusion adds reciprocal ranks, and orders ties by the corpus."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.retrievers import (
    BM25Retriever,
    DenseRetriever,
    Hit,
    HybridRetriever,
    Passage,
    Retriever,
    load_retriever,
)


class Ranking:
    """A retriever that gives one ranking of ids, whatever it is asked."""

    def __init__(self, ids: Sequence[int], *, tells_positions: bool = True) -> None:
        self.hits = [
            Hit(str(n), "", f"text {n}", 9.0 - rank, n if tells_positions else None)
            for rank, n in enumerate(ids)
        ]

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        return [self.hits[:k] for _ in queries]


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.passage_id for hit in hits]


def test_scores_by_hand() -> None:
    (hits,) = HybridRetriever(Ranking([7, 3]), Ranking([3, 5])).search(["q"], 10)

    assert ids(hits) == ["3", "7", "5"]
    assert [hit.score for hit in hits] == [1 / 62 + 1 / 61, 1 / 61, 1 / 62]
    assert [hit.text for hit in hits] == ["text 3", "text 7", "text 5"]


def test_ties_follow_the_corpus_where_positions_are_known() -> None:
    (hits,) = HybridRetriever(Ranking([8, 2]), Ranking([2, 8])).search(["q"], 10)
    assert ids(hits) == ["2", "8"]

    blind = [Ranking(r, tells_positions=False) for r in ([8, 2], [2, 8])]
    (hits,) = HybridRetriever(*blind).search(["q"], 10)
    assert ids(hits) == ["8", "2"]


ranking = st.lists(st.integers(0, 30), unique=True, max_size=20)


@given(ranking, ranking, st.integers(1, 40))
def test_the_order_of_the_two_does_not_matter(a: list[int], b: list[int], k: int) -> None:
    one = HybridRetriever(Ranking(a), Ranking(b)).search(["q"], k)
    other = HybridRetriever(Ranking(b), Ranking(a)).search(["q"], k)

    assert one == other
    assert len(one[0]) == min(k, len(set(a) | set(b)))


@given(ranking, ranking, st.integers(1, 100))
def test_fewer_hits_are_a_prefix_of_more(a: list[int], b: list[int], k: int) -> None:
    hybrid = HybridRetriever(Ranking(a), Ranking(b))

    assert hybrid.search(["q"], k)[0] == hybrid.search(["q"], 100)[0][:k]


def test_words_and_meaning_together(passages: list[Passage], encoder: Any) -> None:
    words = BM25Retriever.from_passages(passages)
    vectors = DenseRetriever.from_passages(passages, encoder=encoder)
    hybrid: Retriever = HybridRetriever(words, vectors)

    both, blank = hybrid.search(["the capital of France", ""], 10)
    assert ids(both)[0] == "p2"
    assert len(both) == len(passages)
    assert blank == []


@pytest.mark.parametrize("mmap", [True, False])
def test_a_saved_index_answers_the_same(
    passages: list[Passage], encoder: Any, tmp_path: Path, *, mmap: bool
) -> None:
    hybrid = HybridRetriever(
        BM25Retriever.from_passages(passages),
        DenseRetriever.from_passages(passages, encoder=encoder),
        depth=50,
        rank_constant=10,
    )
    hybrid.save(tmp_path / "index")
    loaded = HybridRetriever.load(tmp_path / "index", mmap=mmap, encoder=encoder)

    assert loaded.search(["river in France"], 4) == hybrid.search(["river in France"], 4)
    assert (loaded.depth, loaded.rank_constant) == (50, 10)


def test_a_streamed_build_holds_the_passages_once(
    passages: list[Passage], encoder: Any, tmp_path: Path
) -> None:
    built = HybridRetriever.build(iter(passages), tmp_path / "index", encoder=encoder)
    in_memory = HybridRetriever(
        BM25Retriever.from_passages(passages),
        DenseRetriever.from_passages(passages, encoder=encoder),
    )

    assert built.search(["computer"], 6) == in_memory.search(["computer"], 6)
    first, second = (
        (tmp_path / "index" / part / "passages.jsonl").stat() for part in ("first", "second")
    )
    assert first.st_ino == second.st_ino


def test_a_changed_part_is_refused(passages: list[Passage], encoder: Any, tmp_path: Path) -> None:
    HybridRetriever.build(passages, tmp_path / "index", encoder=encoder)
    (tmp_path / "index" / "second" / "manifest.json").write_text("{}")

    with pytest.raises(ValueError, match=r"manifest\.json"):
        load_retriever(tmp_path / "index")


def test_what_has_no_index_or_another_corpus_is_not_saved(
    passages: list[Passage], encoder: Any, tmp_path: Path
) -> None:
    words = BM25Retriever.from_passages(passages)
    other = DenseRetriever.from_passages(passages[:3], encoder=encoder)

    with pytest.raises(ValueError, match="a Ranking has no index to save"):
        HybridRetriever(words, Ranking([1])).save(tmp_path / "a")
    with pytest.raises(ValueError, match="of the same corpus"):
        HybridRetriever(words, other).save(tmp_path / "b")


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"got depth=0 and rank_constant=60\.0"):
        HybridRetriever(Ranking([1]), Ranking([1]), depth=0)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        HybridRetriever(Ranking([1]), Ranking([1])).search(["q"], 0)
