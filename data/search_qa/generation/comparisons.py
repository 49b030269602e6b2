"""Comparison questions: a number decides which of several entities the question is about.

Either the entities are named and the question goes on from the one that is chosen, or they are
described and the answer is the chosen one. So the answer is never one of the names in the question,
and a guess between them earns nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from llmenvs.data.search_qa.generation.bridges import Starts
from llmenvs.data.search_qa.generation.chains import Chain, follow, make_hop, patterns, pick
from llmenvs.data.search_qa.generation.entities import Entity, Value
from llmenvs.data.search_qa.generation.intersections import ENTRIES
from llmenvs.data.search_qa.generation.rows import Draft, make_draft
from llmenvs.data.search_qa.generation.world import World, countries_of
from llmenvs.data.search_qa.relations import COUNTRY, RELATIONS, Relation

_MARGIN = 1.15
"""How many times the smaller number the larger one is at least (years differ by 5)."""


@dataclass(frozen=True, slots=True)
class _Scale:
    kind: str
    relation: Relation
    noun: str
    largest: str
    smallest: str
    ratio: bool = True


_SCALES = (
    _Scale(
        "airport",
        RELATIONS["airport.elevation"],
        "airport",
        "at the higher elevation",
        "at the lower elevation",
    ),
    _Scale(
        "peak",
        RELATIONS["peak.elevation"],
        "summit",
        "with the greater elevation",
        "with the smaller elevation",
    ),
    _Scale("river", RELATIONS["river.length"], "river", "of greater length", "of smaller length"),
    _Scale(
        "city",
        RELATIONS["city.population"],
        "city",
        "with the larger population",
        "with the smaller population",
    ),
    _Scale(
        "anthem",
        RELATIONS["anthem.adopted"],
        "anthem",
        "that was adopted later",
        "that was adopted earlier",
        ratio=False,
    ),
)
_COUNTRY_SCALES = (
    _Scale(
        COUNTRY,
        RELATIONS["geography.area"],
        "country",
        "with the largest area",
        "with the smallest area",
    ),
    _Scale(
        COUNTRY,
        RELATIONS["geography.coastline"],
        "country",
        "with the longest coastline",
        "with the shortest coastline",
    ),
    _Scale(
        COUNTRY,
        RELATIONS["people.population"],
        "country",
        "with the largest population",
        "with the smallest population",
    ),
)


class NamedComparisonDrafts:
    """Draws questions that name two or three entities and go on from one of them.

    Args:
        world: the facts.
        starts: what questions may name.
        final: the relation of the answer.
    """

    def __init__(self, world: World, starts: Starts, final: Relation) -> None:
        self._world = world
        self._starts = starts
        self._paths = [
            (scale, path)
            for scale in (*_SCALES, *_COUNTRY_SCALES)
            for kind, path in patterns(final, min_hops=1 if scale.kind == COUNTRY else 2)
            if kind == scale.kind and len(path) == (1 if kind == COUNTRY else 2)
        ]

    def draw(self, rng: np.random.Generator) -> Draft | None:
        """Return a question, or None where what was drawn has no clear order or leads nowhere."""
        if not self._paths:
            return None
        scale, path = self._paths[int(rng.integers(len(self._paths)))]
        pool = self._starts.get(scale.kind, ())
        count = 3 if scale.kind == COUNTRY else 2
        if len(pool) < count:
            return None
        named = [pool[int(row)] for row in rng.choice(len(pool), count, replace=False)]
        measured = _measure(self._world, scale, [entity.key for entity in named])
        if measured is None:
            return None
        operation = pick(("max", "min"), rng)
        best = _best(operation, [value for _, value in measured])
        chain = follow(self._world, named[best], path, rng)
        if chain is None:
            return None
        return self._draft(scale, named, measured, operation, chain, rng)

    def _draft(
        self,
        scale: _Scale,
        named: Sequence[Entity],
        measured: Sequence[tuple[Entity, Value]],
        operation: str,
        chain: Chain,
        rng: np.random.Generator,
    ) -> Draft | None:
        names = [entity.name for entity in named]
        hops = [
            make_hop(scale.relation, name, entity, value, rng)
            for name, (entity, value) in zip(names, measured, strict=True)
        ]
        select = {
            "operation": operation,
            "hops": list(range(1, len(names) + 1)),
            "candidates": names,
        }
        going_on = chain.hops(rng, first=len(names) + 1)
        going_on[0] |= {"subject": "#best", "select": select}
        going_on[0]["question"] = pick(chain.relations[0].queries, rng).format(x="#best")
        phrase = f"that {scale.noun}"
        for relation in chain.relations[:-1]:
            phrase = pick(relation.phrases, rng).format(x=phrase)
        which = scale.largest if operation == "max" else scale.smallest
        listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        ask = pick(chain.relations[-1].asks, rng).format(x=phrase)
        entities = [*named, *(entity for entity, _ in measured)]
        return make_draft(
            self._world,
            kind="comparison",
            question=f"Of {listed}, consider the {scale.noun} {which}. {ask}",
            hops=[*hops, *going_on],
            answer=chain.values[-1],
            countries=chain.countries | countries_of(entities, ()),
        )


class DescribedComparisonDrafts:
    """Draws questions for the larger or smaller of two countries or cities that are described.

    Args:
        world: the facts.
        starts: what questions may name.
    """

    def __init__(self, world: World, starts: Starts) -> None:
        self._world = world
        self._starts = starts

    def draw(self, rng: np.random.Generator) -> Draft | None:
        """Return a question, or None where what was drawn has no clear order or leads nowhere."""
        scales = (*_COUNTRY_SCALES, _SCALES[3])
        scale = scales[int(rng.integers(len(scales)))]
        entries = [r for r in ENTRIES if r.leads_to == scale.kind]
        chains = [self._entry(pick_relation(entries, rng), rng) for _ in range(2)]
        if None in chains:
            return None
        first, second = (chain for chain in chains if chain is not None)
        keys = [first.values[-1].key, second.values[-1].key]
        measured = _measure(self._world, scale, keys) if keys[0] != keys[1] else None
        if measured is None:
            return None
        operation = pick(("max", "min"), rng)
        best = _best(operation, [value for _, value in measured])
        hops = [*first.hops(rng), *second.hops(rng, first=2)]
        for number, (entity, value) in enumerate(measured, start=1):
            hops.append(make_hop(scale.relation, f"#{number}", entity, value, rng))
        which = scale.largest if operation == "max" else scale.smallest
        return make_draft(
            self._world,
            kind="comparison",
            question=f"Which is the {scale.noun} {_of_two(which)}:"
            f" {first.phrases[-1]} or {second.phrases[-1]}?",
            hops=hops,
            answer=(first, second)[best].values[-1],
            countries=first.countries | second.countries,
            select={"operation": operation, "hops": [3, 4], "candidates": ["#1", "#2"]},
        )

    def _entry(self, relation: Relation, rng: np.random.Generator) -> Chain | None:
        pool = self._starts.get(relation.kind, ())
        if not pool:
            return None
        return follow(self._world, pool[int(rng.integers(len(pool)))], (relation,), rng)


def pick_relation(options: Sequence[Relation], rng: np.random.Generator) -> Relation:
    """Return one of ``options``."""
    return options[int(rng.integers(len(options)))]


def _of_two(which: str) -> str:
    for superlative, comparative in (
        ("largest", "larger"),
        ("smallest", "smaller"),
        ("longest", "longer"),
        ("shortest", "shorter"),
    ):
        which = which.replace(superlative, comparative)
    return which


def _measure(world: World, scale: _Scale, keys: Sequence[str]) -> list[tuple[Entity, Value]] | None:
    """Return the entity and number of each key; None unless all are known and far apart."""
    measured: list[tuple[Entity, Value]] = []
    for key in keys:
        entity = world.entity(scale.relation.kind, key)
        value = None if entity is None else world.value(entity, scale.relation)
        if entity is None or value is None:
            return None
        measured.append((entity, value))
    numbers = sorted(_number(value) for _, value in measured)
    for smaller, larger in pairwise(numbers):
        if smaller <= 0 or (larger < smaller * _MARGIN if scale.ratio else larger < smaller + 5):
            return None
    return measured


def _best(operation: str, values: Sequence[Value]) -> int:
    numbers = [_number(value) for value in values]
    return numbers.index(max(numbers) if operation == "max" else min(numbers))


def _number(value: Value) -> float:
    return float(value.text.replace(",", ""))
