"""Intersection questions: the one thing that two lists have in common."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from llmenvs.data.search_qa.generation.bridges import Starts
from llmenvs.data.search_qa.generation.chains import Chain, follow, make_hop, pick
from llmenvs.data.search_qa.generation.entities import Entity, Value
from llmenvs.data.search_qa.generation.rows import Draft, make_draft
from llmenvs.data.search_qa.generation.world import World
from llmenvs.data.search_qa.normalization import normalize_answer
from llmenvs.data.search_qa.relations import COUNTRY, RELATIONS, Relation

ENTRIES = tuple(
    r
    for r in RELATIONS.values()
    if r.leads_to in (COUNTRY, "city")
    and r.kind in ("airport", "city", "peak", "river", "site", "anthem")
    and r.slot != "larger"
)
"""The relations that describe a country or a city by something else."""

_ASKS = {
    "geography.neighbours": (
        "Which country has land borders with both {a} and {b}?",
        "Which country lies between {a} and {b}, sharing a land border with each?",
        "{a} and {b} have one neighbour by land in common. Which one?",
    ),
    "economy.exports": (
        "Which leading export commodity do {a} and {b} have in common?",
        "What is exported most by both {a} and {b}?",
    ),
    "economy.crops": (
        "Which main agricultural product do {a} and {b} have in common?",
        "What do farmers grow or raise above all both in {a} and in {b}?",
    ),
}


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two countries: how it is spoken of, and the hops that find it."""

    phrase: str
    chain: Chain | None
    entity: Entity


class IntersectionDrafts:
    """Draws intersection questions over one relation whose values are lists.

    Args:
        world: the facts.
        starts: what questions may name.
        final: the relation.
    """

    def __init__(self, world: World, starts: Starts, final: Relation) -> None:
        self._world = world
        self._starts = starts
        self._final = final
        self._entries: dict[str, list[tuple[Relation, Entity]]] = {}
        for relation in ENTRIES:
            for start in starts.get(relation.kind, ()) if relation.leads_to == COUNTRY else ():
                value = world.value(start, relation)
                if value is not None:
                    self._entries.setdefault(value.key, []).append((relation, start))
        self._pairs = self._joined()

    def draw(self, rng: np.random.Generator) -> Draft | None:
        """Return a question, or None where what was drawn is not clear."""
        if not self._pairs:
            return None
        pairs = self._pairs[int(rng.integers(len(self._pairs)))]
        keys = pairs[int(rng.integers(len(pairs)))]
        order = rng.permutation(2)
        named = rng.random() < 0.3
        sides = [
            self._named(keys[order[0]]) if named else self._described(keys[order[0]], rng),
            self._described(keys[order[1]], rng),
        ]
        if sides[0] is None or sides[1] is None:
            return None
        return self._draft([side for side in sides if side is not None], rng)

    def _draft(self, sides: list[_Side], rng: np.random.Generator) -> Draft | None:
        hops: list[dict[str, Any]] = []
        subjects = []
        for side in sides:
            if side.chain is not None:
                hops += side.chain.hops(rng, first=len(hops) + 1)
            subjects.append(f"#{len(hops)}" if side.chain else side.phrase)
        for side, subject in zip(sides, subjects, strict=True):
            value = side.entity.facts[self._final.slot]
            hops.append(make_hop(self._final, subject, side.entity, value, rng))
        answer = self._common(*(side.entity for side in sides))
        if answer is None:
            return None
        countries = {side.entity.country for side in sides} | (
            {answer.key} if answer.key else set()
        )
        for side in sides:
            countries |= side.chain.countries if side.chain else set()
        ask = pick(_ASKS[self._final.name], rng)
        return make_draft(
            self._world,
            kind="intersection",
            question=ask.format(a=sides[0].phrase, b=sides[1].phrase),
            hops=hops,
            answer=answer,
            countries=frozenset(countries),
            select={"operation": "intersection", "hops": [len(hops) - 1, len(hops)]},
        )

    def _named(self, key: str) -> _Side | None:
        entity = self._world.entity(self._final.kind, key)
        return None if entity is None else _Side(entity.name, None, entity)

    def _described(self, key: str, rng: np.random.Generator) -> _Side | None:
        entity = self._world.entity(self._final.kind, key)
        entries = self._entries.get(key)
        if entity is None or not entries:
            return None
        relation, start = entries[int(rng.integers(len(entries)))]
        chain = follow(self._world, start, (relation,), rng)
        return None if chain is None else _Side(chain.phrases[-1], chain, entity)

    def _joined(self) -> list[list[tuple[str, str]]]:
        """Return the pairs of countries whose lists have one element in common, by that element."""
        subjects = [
            entity
            for key in sorted(self._entries)
            if (entity := self._world.entity(self._final.kind, key)) is not None
            and self._world.value(entity, self._final) is not None
        ]
        pairs: dict[str, list[tuple[str, str]]] = {}
        for left, right in combinations(subjects, 2):
            common = self._common(left, right)
            if common is not None:
                pairs.setdefault(common.text, []).append((left.key, right.key))
        return list(pairs.values())

    def _common(self, left: Entity, right: Entity) -> Value | None:
        lists = [entity.facts[self._final.slot].items for entity in (left, right)]
        others = {normalize_answer(item) for item in lists[1]}
        common = [item for item in lists[0] if normalize_answer(item) in others]
        if len(common) != 1:
            return None
        return self._world.country_named(common[0]) or Value(common[0])


def list_relations() -> list[Relation]:
    """Return the relations that intersection questions are made of."""
    return [RELATIONS[name] for name in _ASKS]
