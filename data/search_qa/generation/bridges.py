"""Bridge questions: the answer of each hop is the subject of the next."""

from collections.abc import Mapping, Sequence

import numpy as np

from llmenvs.data.search_qa.generation.chains import follow, patterns, pick
from llmenvs.data.search_qa.generation.entities import Entity
from llmenvs.data.search_qa.generation.rows import Draft, make_draft
from llmenvs.data.search_qa.generation.world import World
from llmenvs.data.search_qa.relations import RELATIONS, Relation

Starts = Mapping[str, Sequence[Entity]]
"""The entities of one split that a question may name, by kind."""


class BridgeDrafts:
    """Draws bridge questions whose answer is of one relation.

    Args:
        world: the facts.
        starts: what questions may name.
        final: the relation.
        num_hops: how long the chains are.
    """

    def __init__(self, world: World, starts: Starts, final: Relation, *, num_hops: int) -> None:
        self._world = world
        self._starts = starts
        self._paths = [
            (kind, path)
            for kind, path in patterns(final)
            if len(path) == num_hops and starts.get(kind)
        ]

    def draw(self, rng: np.random.Generator) -> Draft | None:
        """Return a question, or None where the path that was drawn leads nowhere."""
        if not self._paths:
            return None
        kind, path = self._paths[int(rng.integers(len(self._paths)))]
        starts = self._starts[kind]
        chain = follow(self._world, starts[int(rng.integers(len(starts)))], path, rng)
        if chain is None:
            return None
        return make_draft(
            self._world,
            kind="bridge",
            question=pick(path[-1].asks, rng).format(x=chain.phrases[-2]),
            hops=chain.hops(rng),
            answer=chain.values[-1],
            countries=chain.countries,
        )


def final_relations() -> list[Relation]:
    """Return the relations that a bridge question can end with."""
    return [relation for relation in RELATIONS.values() if relation.asks]
