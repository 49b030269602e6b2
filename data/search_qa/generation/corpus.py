"""The corpus: which entities are in it, and the passage of each."""

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from llmenvs.data.search_qa.generation.countries import country_entities
from llmenvs.data.search_qa.generation.entities import COUNTRY_KINDS, Entity
from llmenvs.data.search_qa.generation.names import CountryNames
from llmenvs.data.search_qa.generation.places import (
    Gazetteer,
    airport_entities,
    city_entities,
    names_of,
    region_entities,
)
from llmenvs.data.search_qa.generation.rivers import river_entities
from llmenvs.data.search_qa.generation.sources import factbook
from llmenvs.data.search_qa.grammar import slots_of, write_sentence
from llmenvs.data.search_qa.normalization import normalize_answer
from llmenvs.data.search_qa.relations import GRAMMARS
from llmenvs.retrievers.retriever import Passage

NUM_CITIES = 5_600
NUM_AIRPORTS = 3_700
_FEWEST_SENTENCES = 3
_TITLES = {
    "geography": "Geography of {}",
    "people": "People of {}",
    "government": "Government of {}",
    "economy": "Economy of {}",
    "symbols": "Symbols of {}",
}


def corpus_entities() -> list[Entity]:
    """Return all entities with a passage, those of a shared name marked as ambiguous."""
    names = CountryNames(factbook())
    gazetteer = Gazetteer(names)
    national = [*country_entities(names), *river_entities(names)]
    by_kind: dict[str, list[Entity]] = defaultdict(list)
    for entity in [*_with_capitals(national, gazetteer), *region_entities(gazetteer)]:
        by_kind[entity.kind].append(entity)
    by_kind["airport"] = _chosen_airports(list(airport_entities(gazetteer)))
    linked = [
        value.key
        for kind in ("government", "region", "airport")
        for entity in by_kind[kind]
        for slot, value in entity.facts.items()
        if value.key and slot in ("capital", "largest", "second", "city")
    ]
    by_kind["city"] = _chosen_cities(list(city_entities(gazetteer)), linked)
    return [
        entity
        for kind in GRAMMARS
        for entity in _marked(_of_one_meaning(by_kind[kind]))
        if num_sentences(entity) >= _FEWEST_SENTENCES
    ]


def write_passage(entity: Entity) -> Passage:
    """Return the passage about ``entity``; its wordings depend on the entity alone."""
    grammar = GRAMMARS[entity.kind]
    facts = {"name": entity.name} | {slot: value.text for slot, value in entity.facts.items()}
    sentences = [
        write_sentence(_choice(wordings, entity.passage_id, number), facts)
        for number, wordings in enumerate(_possible(entity, [grammar.opening, *grammar.groups]))
    ]
    title = _TITLES.get(entity.kind, "{}").format(entity.name)
    return Passage(entity.passage_id, title[:1].upper() + title[1:], " ".join(sentences))


def num_sentences(entity: Entity) -> int:
    """Return how many sentences there are to write; 0 where the first one lacks its facts."""
    grammar = GRAMMARS[entity.kind]
    groups = list(_possible(entity, [grammar.opening, *grammar.groups]))
    return len(groups) if groups and groups[0][0] in grammar.opening else 0


def _possible(entity: Entity, groups: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    known = {"name", *entity.facts}
    for group in groups:
        wordings = [wording for wording in group if known.issuperset(slots_of(wording))]
        if wordings:
            yield wordings


def _choice(options: Sequence[str], *key: object) -> str:
    return options[zlib.crc32(repr(key).encode()) % len(options)]


def _with_capitals(entities: Iterable[Entity], gazetteer: Gazetteer) -> Iterator[Entity]:
    """Yield ``entities``, with each capital linked to its city where there is just one."""
    for entity in entities:
        capital = entity.facts.get("capital")
        key = capital and gazetteer.find(capital.text, entity.country, None)
        if capital and key:
            linked = replace(capital, text=gazetteer.cities[key]["name"], key=key)
            entity = replace(entity, facts={**entity.facts, "capital": linked})
        yield entity


def _chosen_airports(entities: Sequence[Entity]) -> list[Entity]:
    """Return those whose city is known, then others that share a word with them."""
    linked = [entity for entity in entities if "city" in entity.facts and entity.facts["city"].key]
    return _with_distractors(entities, {entity.key for entity in linked}, NUM_AIRPORTS)


def _chosen_cities(entities: Sequence[Entity], linked: Iterable[str]) -> list[Entity]:
    """Return the cities that other passages link to, and others that share a word with them."""
    by_key = {entity.key: entity for entity in entities}
    keys = set(linked)
    for key in sorted(keys):  # which are taken before there are too many must not be by chance
        larger = by_key[key].facts.get("larger")
        if larger is not None and len(keys) < NUM_CITIES:
            keys.add(larger.key)
    return _with_distractors(entities, keys, NUM_CITIES)


def _with_distractors(entities: Sequence[Entity], keys: set[str], total: int) -> list[Entity]:
    words = {word for entity in entities if entity.key in keys for word in _words(entity)}
    others = [entity for entity in entities if entity.key not in keys]
    others.sort(key=lambda entity: (-_shared(entity, words), zlib.crc32(entity.key.encode())))
    chosen = keys | {entity.key for entity in others[: max(0, total - len(keys))]}
    return [entity for entity in entities if entity.key in chosen]


def _words(entity: Entity) -> list[str]:
    return [word for word in re.split(r"[\s-]", normalize_answer(entity.name)) if len(word) > 3]


def _shared(entity: Entity, words: set[str]) -> float:
    """Return the share of an entity's name that is ``words``, but 0 for a whole name."""
    own = _words(entity)
    shared = sum(word in words for word in own)
    return 0.0 if len(own) < 2 else min(shared / len(own), 0.75)


def _of_one_meaning(entities: Sequence[Entity]) -> list[Entity]:
    """Return ``entities`` less those that share a key: an anthem of several countries."""
    counts = Counter(entity.key for entity in entities)
    return [entity for entity in entities if counts[entity.key] == 1]


def _marked(entities: Sequence[Entity]) -> Iterator[Entity]:
    counts = names_of(entities)
    for entity in entities:
        several = counts[normalize_answer(entity.name)] > 1 and entity.kind not in COUNTRY_KINDS
        yield replace(entity, ambiguous=several)
