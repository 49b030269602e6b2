"""Chains: from a named entity along relations, as hops of a decomposition and as a phrase."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmenvs.data.search_qa.generation.entities import Entity, Value
from llmenvs.data.search_qa.generation.world import World, countries_of, starts_from
from llmenvs.data.search_qa.normalization import normalize_answer
from llmenvs.data.search_qa.relations import COUNTRY, RELATIONS, Relation

MAX_HOPS = 4
_NAMED_STARTS = ("airport", "city", "peak", "river", "site", "anthem", COUNTRY)


@dataclass(frozen=True, slots=True)
class Chain:
    """A path through the facts.

    Attributes:
        start: the entity that the question names.
        relations: one for each hop.
        entities: the subject of each hop.
        values: the answer of each hop.
        phrases: noun phrases for ``start`` and for the value of each hop.
    """

    start: Entity
    relations: tuple[Relation, ...]
    entities: tuple[Entity, ...]
    values: tuple[Value, ...]
    phrases: tuple[str, ...]

    @property
    def countries(self) -> frozenset[str]:
        """All countries that it touches."""
        return countries_of((self.start, *self.entities), self.values)

    def hops(self, rng: np.random.Generator, *, first: int = 1) -> list[dict[str, Any]]:
        """Return the hops, the first of them being number ``first`` of the question."""
        subjects = [self.start.name, *(f"#{first + i}" for i in range(len(self.relations) - 1))]
        return [
            make_hop(relation, subject, entity, value, rng)
            for relation, subject, entity, value in zip(
                self.relations, subjects, self.entities, self.values, strict=True
            )
        ]


def make_hop(
    relation: Relation, subject: str, entity: Entity, value: Value, rng: np.random.Generator
) -> dict[str, Any]:
    """Return one hop of a decomposition."""
    return {
        "question": pick(relation.queries, rng).format(x=subject),
        "subject": subject,
        "relation": relation.name,
        "passage_id": entity.passage_id,
        "answer": list(value.items) if relation.is_list else value.text,
    }


def pick(options: Sequence[str], rng: np.random.Generator) -> str:
    """Return one of ``options``."""
    return options[int(rng.integers(len(options)))]


def patterns(final: Relation, *, min_hops: int = 2) -> list[tuple[str, tuple[Relation, ...]]]:
    """Return all (kind of the start, relations) that end with ``final``."""
    found: list[tuple[str, tuple[Relation, ...]]] = []
    pending: list[tuple[Relation, ...]] = [(final,)]
    while pending:
        path = pending.pop()
        if len(path) >= min_hops:
            found += [(kind, path) for kind in _NAMED_STARTS if starts_from(kind, path[0])]
        if len(path) < MAX_HOPS:
            pending += [(relation, *path) for relation in _before(path)]
    return found


def follow(
    world: World, start: Entity, relations: Sequence[Relation], rng: np.random.Generator
) -> Chain | None:
    """Return the chain from ``start``; None where a fact is missing, unclear or comes twice."""
    entities: list[Entity] = []
    values: list[Value] = []
    phrases = [start.name]
    key = start.key
    for relation in relations:
        entity = world.entity(relation.kind, key)
        value = None if entity is None else world.value(entity, relation)
        if entity is None or value is None or entity in entities:
            return None
        entities.append(entity)
        values.append(value)
        key = value.key
        phrases.append(pick(relation.phrases or ("{x}",), rng).format(x=phrases[-1]))
    chain = Chain(start, tuple(relations), tuple(entities), tuple(values), tuple(phrases))
    return chain if _is_clean(world, chain) else None


def mentions(text: str, name: str) -> bool:
    """Return whether the words of ``name`` stand in ``text``, one after the other.

    >>> mentions("the city served by Leon Airport", "León"), mentions("Leonard", "Leon")
    (True, False)
    """
    return f" {' '.join(words(name))} " in f" {' '.join(words(text))} "


def words(text: str) -> list[str]:
    """Return the words of ``text``, normalised.

    >>> words("São Paulo/Guarulhos")
    ['sao', 'paulo', 'guarulhos']
    """
    return normalize_answer(re.sub(r"[^\w\s.']", " ", text)).split()


def _before(path: Sequence[Relation]) -> Iterator[Relation]:
    """Yield the relations that may come before ``path``; one leads back nowhere."""
    for relation in RELATIONS.values():
        fits = relation.leads_to and starts_from(relation.leads_to, path[0]) and relation.phrases
        if fits and relation not in path and not _undone(relation, path[0]):
            yield relation


def _undone(relation: Relation, following: Relation) -> bool:
    """Return whether ``following`` leads from a value of ``relation`` back to its subject."""
    back = {
        ("geography.peak", "peak.country"),
        ("symbols.anthem", "anthem.country"),
        ("government.capital", "city.country"),
        ("peak.country", "geography.peak"),
        ("anthem.country", "symbols.anthem"),
        ("city.region", "region.country"),
    }
    return (relation.name, following.name) in back


def _is_clean(world: World, chain: Chain) -> bool:
    """Return whether no answer is given away by a name, or by the passage of an earlier hop."""
    answers = [value.text for value in chain.values]
    texts = [chain.start.name, *(world.passage(entity).text for entity in chain.entities)]
    return len({*map(normalize_answer, answers)}) == len(answers) and not any(
        mentions(text, answer) for hop, answer in enumerate(answers) for text in texts[: hop + 1]
    )
