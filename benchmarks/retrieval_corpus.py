"""The corpus and the queries that `benchmarks/retrieval.py` searches, made from a seed."""

from collections.abc import Iterator, Sequence

import numpy as np

from llmenvs.retrievers import Passage

SEED = 0
VOCABULARY = 200_000


class Words:
    """Texts of made-up words whose frequencies fall off as in a language."""

    def __init__(self) -> None:
        ranks = np.arange(1, VOCABULARY + 1)
        share = 1 / (ranks + 2.7)
        self.cumulative = np.cumsum(share / share.sum())
        letters = str.maketrans("0123456789abcdef", "etaoinshrdlucmfw")
        # Five letters and a space are 6 bytes a word, about those of English text.
        self.words = [f"{rank:05x}".translate(letters) for rank in ranks]
        self.stop_words = tuple(self.words[:30])

    def text(self, rng: np.random.Generator, length: int) -> str:
        """Return ``length`` words."""
        drawn = np.searchsorted(self.cumulative, rng.random(length))
        return " ".join(self.words[word] for word in drawn)


def make_passages(words: Words, count: int) -> Iterator[Passage]:
    """Yield passages of 60 to 140 words, those of Wikipedia cut as Search-R1 cuts it."""
    rng = np.random.default_rng([SEED, 1])
    for number in range(count):
        yield Passage(str(number), "", words.text(rng, int(rng.integers(60, 140))))


def make_queries(words: Words, passages: Sequence[Passage], count: int) -> list[str]:
    """Return queries of 5 to 10 words drawn from passages, stop words among them."""
    rng = np.random.default_rng([SEED, 2])
    queries = []
    for position in rng.integers(0, len(passages), count):
        drawn = passages[int(position)].text.split()
        queries.append(" ".join(rng.choice(drawn, int(rng.integers(5, 11)), replace=False)))
    return queries
