"""Which drafts become questions: answers are capped, and the splits share nothing."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from llmenvs.data.search_qa.generation.chains import words
from llmenvs.data.search_qa.generation.rows import Draft, Row, list_items_of, names_in, texts_of

MAX_ANSWER_SHARE = 0.08
"""Of the questions of one kind and last relation: what a guess of the best answer would earn."""
_MAX_RELATION_SHARE = 0.06
_MAX_COUNTRY_SHARE = 0.06
_MAX_PER_START = 4
_TRIES = 60
"""Drafts drawn for each question wanted, before a relation is taken to have no more."""


class Drafts(Protocol):
    """Draws questions of one sort."""

    def draw(self, rng: np.random.Generator) -> Draft | None:
        """Return a question, or None where what was drawn is none."""
        ...


class Selection:
    """The questions of one split as they are chosen.

    Args:
        countries: those of the split.
        size: how many questions are wanted, for the caps.
        check: whether the passages that a question needs can be found, and only hop by hop.
        forbidden: names that must not be on a chain nor an answer, each as its words.
        forbidden_in_text: names that must not even come up within a longer text.
        forbidden_countries: names that must not even come up among the members of a list.
    """

    def __init__(
        self,
        countries: frozenset[str],
        *,
        size: int,
        check: Callable[[Row], bool],
        forbidden: frozenset[str] = frozenset(),
        forbidden_in_text: frozenset[str] = frozenset(),
        forbidden_countries: frozenset[str] = frozenset(),
    ) -> None:
        self.drafts: list[Draft] = []
        self._countries = countries
        self._max_per_relation = int(_MAX_RELATION_SHARE * size)
        self._max_per_answer = max(2, int(_MAX_RELATION_SHARE * size * MAX_ANSWER_SHARE / 2))
        self._max_per_country = max(3, int(_MAX_COUNTRY_SHARE * size))
        self._check = check
        self._forbidden = forbidden | forbidden_countries
        self._forbidden_in_text = forbidden_in_text | forbidden_countries
        self._forbidden_countries = forbidden_countries
        self._answers: Counter[tuple[str, str]] = Counter()
        self._per_relation: Counter[str] = Counter()
        self._per_country: Counter[str] = Counter()
        self._per_start: Counter[str] = Counter()
        self._chains: set[object] = set()

    def fill(self, drafts: Drafts, quota: int, rng: np.random.Generator) -> int:
        """Add up to ``quota`` questions drawn from ``drafts``; return how many were added."""
        added = 0
        for _ in range(_TRIES * quota):
            if added == quota:
                break
            draft = drafts.draw(rng)
            if draft is not None and self._accepts(draft):
                self._add(draft)
                added += 1
        return added

    def _accepts(self, draft: Draft) -> bool:
        start = draft.row["hops"][0]["subject"]
        return (
            draft.countries <= self._countries
            and self._per_relation[draft.relation] < self._max_per_relation
            and self._answers[draft.relation, draft.answer] < self._max_per_answer
            and self._per_start[start] < _MAX_PER_START
            and all(self._per_country[code] < self._max_per_country for code in draft.countries)
            and draft.chain not in self._chains
            and draft.answer not in self._forbidden
            and not any(name in self._forbidden for name in names_in(draft.row))
            and not any(comes_up(text, self._forbidden_in_text) for text in texts_of(draft.row))
            and not any(
                comes_up(text, self._forbidden_countries) for text in list_items_of(draft.row)
            )
            and self._check(draft.row)
        )

    def _add(self, draft: Draft) -> None:
        self.drafts.append(draft)
        self._answers[draft.relation, draft.answer] += 1
        self._per_relation[draft.relation] += 1
        self._per_start[draft.row["hops"][0]["subject"]] += 1
        self._per_country.update(draft.countries)
        self._chains.add(draft.chain)


def comes_up(text: str, names: Iterable[str]) -> bool:
    """Return whether one of ``names``, a set of normalised ones, stands in ``text`` as words.

    >>> comes_up("Niger State, Nigeria", {"niger"}), comes_up("Nigeria", {"niger"})
    (True, False)
    """
    split = words(text)
    runs = (
        " ".join(split[start:end])
        for start in range(len(split))
        for end in range(start + 1, min(len(split), start + 8) + 1)
    )
    return any(run in names for run in runs)


def within_shares(drafts: Sequence[Draft]) -> list[Draft]:
    """Return ``drafts`` without those whose answer would be too large a share of its relation."""
    by_relation: Mapping[str, list[Draft]] = _grouped(drafts)
    kept: list[Draft] = []
    for group in by_relation.values():
        while group:
            answers = Counter(draft.answer for draft in group)
            answer, count = answers.most_common(1)[0]
            if count <= MAX_ANSWER_SHARE * len(group):
                break
            group.remove(next(draft for draft in reversed(group) if draft.answer == answer))
        kept += group
    return kept


def finished(drafts: Sequence[Draft], *, split: str) -> list[Row]:
    """Return the rows of ``drafts``, by kind, numbered and marked with their split."""
    rows = []
    ordered = sorted(drafts, key=lambda draft: (draft.row["kind"], draft.row["n_hops"]))
    numbers: Counter[str] = Counter()
    for draft in ordered:
        kind = draft.row["kind"]
        rows.append({"id": f"{split}-{kind}-{numbers[kind]:05}", **draft.row, "split": split})
        numbers[kind] += 1
    return rows


def _grouped(drafts: Sequence[Draft]) -> dict[str, list[Draft]]:
    groups: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        groups[draft.relation].append(draft)
    return groups
