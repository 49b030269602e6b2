"""The facts as a graph: from an entity along a relation to a value, and to its entity."""

from collections.abc import Iterable, Sequence

from llmenvs.data.search_qa.generation.corpus import write_passage
from llmenvs.data.search_qa.generation.entities import COUNTRY_KINDS, Entity, Value
from llmenvs.data.search_qa.grammar import read_fact
from llmenvs.data.search_qa.relations import COUNTRY, GRAMMARS, Relation
from llmenvs.retrievers.retriever import Passage


class World:
    """The entities of the corpus and their passages.

    Args:
        entities: all of them.
    """

    def __init__(self, entities: Iterable[Entity]) -> None:
        self.entities = {entity.passage_id: entity for entity in entities}
        self.passages = {key: write_passage(entity) for key, entity in self.entities.items()}
        self.country_codes = sorted(
            entity.key for entity in self.entities.values() if entity.kind == "government"
        )
        self._countries = {
            value.text: value
            for entity in self.entities.values()
            for slot in ("country", "longest")
            if (value := entity.facts.get(slot)) is not None
        }

    def entity(self, kind: str, key: str) -> Entity | None:
        """Return the entity of ``kind`` and ``key`` that a question may be about, if any."""
        entity = self.entities.get(f"{kind}/{key}")
        return None if entity is None or entity.ambiguous else entity

    def of_kind(self, kind: str) -> list[Entity]:
        """Return the entities of ``kind`` that a question may be about; countries for `COUNTRY`."""
        if kind == COUNTRY:
            return [self.entities[f"government/{code}"] for code in self.country_codes]
        return [e for e in self.entities.values() if e.kind == kind and not e.ambiguous]

    def country_named(self, name: str) -> Value | None:
        """Return the country whose name in text is ``name`` as a value."""
        return self._countries.get(name)

    def names_of_country(self, code: str) -> tuple[str, ...]:
        """Return all names of the country of ``code``."""
        return next(
            (value.text, *value.aliases) for value in self._countries.values() if value.key == code
        )

    def passage(self, entity: Entity) -> Passage:
        """Return the passage about ``entity``."""
        return self.passages[entity.passage_id]

    def value(self, entity: Entity, relation: Relation) -> Value | None:
        """Return the value of ``relation``, if it can be read out of the entity's passage."""
        value = entity.facts.get(relation.slot)
        if value is None or entity.kind != relation.kind:
            return None
        text = self.passage(entity).text
        grammar = GRAMMARS[relation.kind]
        found = read_fact(grammar, text, name=entity.name, slot=relation.slot)
        return value if found == value.text else None


def starts_from(kind: str, relation: Relation) -> bool:
    """Return whether ``relation`` can be asked of an entity of ``kind`` or of `COUNTRY`."""
    return relation.kind == kind or (kind == COUNTRY and relation.kind in COUNTRY_KINDS)


def countries_of(entities: Sequence[Entity], values: Sequence[Value]) -> frozenset[str]:
    """Return all countries that a chain over ``entities`` and ``values`` touches."""
    touched = {code for entity in entities for code in (entity.country, *entity.also_in)}
    return frozenset(touched | {value.key for value in values if len(value.key) == 2})
