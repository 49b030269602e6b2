"""The readable BM25 engine: rank_bm25, with a subclass for the formula that it does not have.

Everything is a dictionary in memory and each query visits each passage: the reference that the
fast engine is tested against, and good for a few thousand passages.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25, BM25Okapi  # type: ignore[import-untyped]  # it ships no types


class BM25Lucene(BM25):  # type: ignore[misc]  # a class without types
    """Lucene's formula in rank_bm25's frame; its idf is never negative."""

    def __init__(self, corpus: list[list[str]], *, k1: float, b: float) -> None:
        self.k1 = k1
        self.b = b
        super().__init__(corpus)

    def _calc_idf(self, nd: dict[str, int]) -> None:
        for term, df in nd.items():
            self.idf[term] = math.log(1 + (self.corpus_size - df + 0.5) / (df + 0.5))

    def get_scores(self, query: Sequence[str]) -> NDArray[np.float64]:
        """Return the score (D,) of every passage."""
        scores = np.zeros(self.corpus_size)
        norm = self.k1 * (1 - self.b + self.b * np.array(self.doc_len) / self.avgdl)
        for term in query:
            tf = np.array([frequencies.get(term, 0) for frequencies in self.doc_freqs])
            scores += self.idf.get(term, 0.0) * tf / (tf + norm)
        return scores


class RankBM25Engine:
    """Scores every passage with one model of rank_bm25's.

    Args:
        model: None where no passage holds a term, which rank_bm25 refuses.
        num_passages: D.
    """

    def __init__(self, model: BM25 | None, *, num_passages: int) -> None:
        self._model = model
        self._num_passages = num_passages

    def scores(self, terms: Sequence[str]) -> NDArray[np.float64]:
        """Return the score (D,) of every passage."""
        known = [term for term in terms if self._model is not None and term in self._model.idf]
        if self._model is None or not known:
            return np.zeros(self._num_passages)
        scores: NDArray[np.float64] = self._model.get_scores(known)
        return scores

    def matches(self, terms: Sequence[str]) -> NDArray[np.intp]:
        """Return the positions that share a term, rising."""
        wanted = set(terms)
        frequencies = [] if self._model is None else self._model.doc_freqs
        shared = [not wanted.isdisjoint(terms_of_passage) for terms_of_passage in frequencies]
        return np.flatnonzero(shared)


def build(
    documents: Iterable[Sequence[str]], *, method: str, k1: float, b: float
) -> RankBM25Engine:
    """Index ``documents``, the terms of each passage."""
    corpus = [list(terms) for terms in documents]
    if not any(corpus):
        return RankBM25Engine(None, num_passages=len(corpus))
    formula = BM25Okapi if method == "okapi" else BM25Lucene
    return RankBM25Engine(formula(corpus, k1=k1, b=b), num_passages=len(corpus))
