"""Which countries are for training and which for testing.

Questions join neighbouring countries, so that the test countries are picked as groups of
neighbours, group by group from the continent that has the least share in the test set so far.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from llmenvs.data.search_qa.generation.countries import land_borders
from llmenvs.data.search_qa.generation.names import CountryNames
from llmenvs.data.search_qa.generation.sources import geonames

TEST_SHARE = 0.27
GROUP_SIZE = 7
_STREAM = 1
_FOR_TRAINING = frozenset({"US"})
"""A fourth of all airports: the test set would be about one country."""


def test_countries(names: CountryNames, *, seed: int) -> frozenset[str]:
    """Return the codes of the countries whose questions are test questions."""
    rng = np.random.default_rng([seed, _STREAM])
    continents = _by_continent(names)
    neighbours = {code: sorted(land_borders(page, names)) for code, page in names.pages.items()}
    chosen: set[str] = set()
    while len(chosen) < TEST_SHARE * len(names.text):
        members = min(
            continents.values(), key=lambda codes: (len(chosen & set(codes)) / len(codes), codes)
        )
        free = [code for code in members if code not in chosen | _FOR_TRAINING]
        chosen |= _group(free[rng.integers(len(free))], neighbours, chosen, rng)
    return frozenset(chosen)


def _group(
    start: str, neighbours: Mapping[str, Sequence[str]], taken: set[str], rng: np.random.Generator
) -> set[str]:
    group = [start]
    while len(group) < GROUP_SIZE:
        border = {code for member in group for code in neighbours[member]} - {
            *group,
            *taken,
            *_FOR_TRAINING,
        }
        if not border:
            break
        # Those with most neighbours in the group keep it compact.
        ranked = sorted(border, key=lambda code: (-len({*neighbours[code]} & {*group}), code))
        group.append(ranked[rng.integers(min(2, len(ranked)))])
    return set(group)


def _by_continent(names: CountryNames) -> dict[str, list[str]]:
    continents: dict[str, list[str]] = defaultdict(list)
    for row in geonames("countries").values():
        if row["iso"] in names.text:
            continents[row["continentcode"]].append(row["iso"])
    return {
        code: sorted(members) for code, members in sorted(continents.items()) if len(members) > 3
    }
