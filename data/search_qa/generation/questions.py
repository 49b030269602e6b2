"""The two question sets."""

import zlib
from collections.abc import Sequence

import numpy as np

from llmenvs.data.search_qa.generation.bridges import BridgeDrafts, Starts, final_relations
from llmenvs.data.search_qa.generation.chains import MAX_HOPS, words
from llmenvs.data.search_qa.generation.comparisons import (
    DescribedComparisonDrafts,
    NamedComparisonDrafts,
)
from llmenvs.data.search_qa.generation.findable import Findable
from llmenvs.data.search_qa.generation.intersections import IntersectionDrafts, list_relations
from llmenvs.data.search_qa.generation.rows import Draft, Row, entities_in, names_in
from llmenvs.data.search_qa.generation.selection import Drafts, Selection, finished, within_shares
from llmenvs.data.search_qa.generation.world import World
from llmenvs.data.search_qa.normalization import normalize_answer
from llmenvs.data.search_qa.relations import COUNTRY, RELATIONS

# The rarest first: there are caps on what all sorts together ask of a country or a relation.
_SHARES = {
    "intersection": 0.12,
    "described": 0.05,
    "named": 0.11,
    "4-hop": 0.18,
    "3-hop": 0.26,
    "2-hop": 0.28,
}
_STREAM = {"test": 2, "train": 3}
_ROUNDS = 4
"""What a relation could not give is shared out to the others, this often."""
_FEWEST_PER_RELATION = 20
_LITERALS_FOR_TEST = 2
"""Every second plain answer that both splits could ask for is for the test set alone."""


def make_questions(
    world: World,
    test_countries: frozenset[str],
    *,
    num_train: int,
    num_test: int,
    seed: int,
) -> tuple[list[Row], list[Row]]:
    """Return the rows for training and for testing, about as many as are asked for.

    The test set is chosen first. No name that is on the chain of one of its questions, and no name
    of a test country, comes up in a question for training.
    """
    train_countries = frozenset(world.country_codes) - test_countries
    findable = Findable(world.passages.values())
    shared = _literals(world, test_countries) & _literals(world, train_countries)
    test = Selection(
        test_countries,
        size=num_test,
        check=findable,
        forbidden=frozenset(filter(_is_for_training, shared)),
    )
    test_drafts = _select(world, test, test_countries, num_test, "test", seed)
    train = Selection(
        train_countries,
        size=num_train,
        check=findable,
        forbidden=frozenset(
            name for draft in test_drafts for name in (*names_in(draft.row), draft.answer)
        ),
        forbidden_in_text=frozenset(
            name for draft in test_drafts for name in entities_in(draft.row)
        ),
        forbidden_countries=frozenset(
            " ".join(words(name))
            for code in test_countries
            for name in world.names_of_country(code)
        ),
    )
    train_drafts = _select(world, train, train_countries, num_train, "train", seed)
    return finished(train_drafts, split="train"), finished(test_drafts, split="test")


def _select(
    world: World,
    selection: Selection,
    countries: frozenset[str],
    total: int,
    split: str,
    seed: int,
) -> list[Draft]:
    rng = np.random.default_rng([seed, _STREAM[split]])
    sources = _sources(world, _starts(world, countries), total)
    for name, share in _SHARES.items():
        wanted, drafts = round(share * total), sources[name]
        for _ in range(_ROUNDS):
            quota = -(-wanted // max(1, len(drafts)))
            if quota < 1:
                break
            added = [selection.fill(source, quota, rng) for source in drafts]
            drafts = [source for source, num in zip(drafts, added, strict=True) if num == quota]
            wanted -= sum(added)
    return within_shares(selection.drafts)


def _sources(world: World, starts: Starts, total: int) -> dict[str, list[Drafts]]:
    finals = final_relations()
    bridges: dict[str, list[Drafts]] = {
        f"{num_hops}-hop": [BridgeDrafts(world, starts, r, num_hops=num_hops) for r in finals]
        for num_hops in range(MAX_HOPS, 1, -1)
    }
    # Where few questions are wanted, they are about few relations, so that shares stay small.
    every = -(-len(finals) * _FEWEST_PER_RELATION // max(1, round(_SHARES["named"] * total)))
    return bridges | {
        "named": [NamedComparisonDrafts(world, starts, r) for r in finals[:: max(1, every)]],
        "described": [DescribedComparisonDrafts(world, starts)],
        "intersection": [IntersectionDrafts(world, starts, r) for r in list_relations()],
    }


def _starts(world: World, countries: frozenset[str]) -> Starts:
    kinds = [*dict.fromkeys(relation.kind for relation in RELATIONS.values()), COUNTRY]
    return {
        kind: [
            entity
            for entity in world.of_kind(kind)
            if {entity.country, *entity.also_in} <= countries
        ]
        for kind in kinds
    }


def _literals(world: World, countries: frozenset[str]) -> set[str]:
    """Return the normalised values of facts about ``countries``, no numbers and no entities."""
    relations = {(relation.kind, relation.slot) for relation in RELATIONS.values()}
    texts: list[Sequence[str]] = [
        value.items or (value.text,)
        for entity in world.entities.values()
        if entity.country in countries
        for slot, value in entity.facts.items()
        if (entity.kind, slot) in relations and not value.key
    ]
    normalized = {
        normalize_answer(text)
        for items in texts
        for text in items
        if world.country_named(text) is None
    }
    return {text for text in normalized if any(char.isalpha() for char in text)}


def _is_for_training(literal: str) -> bool:
    return zlib.crc32(literal.encode()) % _LITERALS_FOR_TEST > 0
