"""The relations that questions are made of: how each is searched for, asked for and spoken of.

A relation is a slot of one kind of passage. ``{x}`` stands for its subject. The queries are those
of a decomposition, where the subject is known; the phrases and asks make the question itself, where
the subject may be described by another relation's phrase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from llmenvs.data.search_qa.grammar import Grammar
from llmenvs.data.search_qa.wordings_countries import COUNTRIES
from llmenvs.data.search_qa.wordings_places import PLACES

GRAMMARS: Mapping[str, Grammar] = MappingProxyType({**PLACES, **COUNTRIES})
COUNTRY = "country"
"""What a relation leads to when its value is a country, which has several passages."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One kind of fact.

    Attributes:
        kind: of the passage that states it, a key of `GRAMMARS`.
        slot: of that passage's grammar.
        queries: search queries that name the subject.
        phrases: noun phrases for the value; empty where no question goes on from it.
        asks: questions for the value; empty where no question ends with it.
        leads_to: the kind of the value's own passage, or `COUNTRY`; empty for a plain value.
        is_list: the value is a list.
    """

    kind: str
    slot: str
    queries: Sequence[str]
    phrases: Sequence[str] = ()
    asks: Sequence[str] = ()
    leads_to: str = ""
    is_list: bool = False

    @property
    def name(self) -> str:
        """``kind.slot``."""
        return f"{self.kind}.{self.slot}"


def _country_of(kind: str, query: str, *phrases: str) -> Relation:
    return Relation(kind, "country", (query,), phrases, leads_to=COUNTRY)


_AIRPORT = (
    Relation(
        "airport",
        "city",
        ("Which city does {x} serve?", "{x}: city served by the airport"),
        ("the city served by {x}", "the city that {x} serves", "the city whose airport is {x}"),
        leads_to="city",
    ),
    _country_of(
        "airport",
        "In which country is {x} situated?",
        "the country where {x} is situated",
        "the country in which one lands at {x}",
        "the country in which {x} lies",
    ),
    Relation("airport", "elevation", ("At what elevation is {x}?", "elevation of {x}")),
)
_CITY = (
    Relation(
        "city",
        "region",
        ("In which region is the city {x}?", "city {x} belongs to which region"),
        ("the region to which {x} belongs", "the region that includes {x}"),
        (
            "Which region does {x} belong to?",
            "In which first-level division of its country is {x}?",
            "What is the name of the region that includes {x}?",
        ),
        leads_to="region",
    ),
    Relation(
        "city",
        "larger",
        ("Which is the nearest larger city to {x}?", "nearest larger city of {x} in the country"),
        ("the nearest larger city to {x}", "the closest city that is larger than {x}"),
        (
            "Which larger city of the same country is nearest to {x}?",
            "What is the closest city to {x} that has more inhabitants?",
            "Starting from {x}, which is the nearest larger city in the country?",
        ),
        leads_to="city",
    ),
    _country_of(
        "city",
        "In which country is the city {x}?",
        "the country of {x}",
        "the country where {x} is found",
    ),
    Relation(
        "city",
        "population",
        ("What is the population of the city {x}?", "population of city {x}"),
        asks=(
            "What is the population of {x}?",
            "According to GeoNames, how many people live in {x}?",
        ),
    ),
)
_REGION = (
    Relation(
        "region",
        "largest",
        ("Which is the most populous city of the region {x}?", "most populous city in region {x}"),
        ("the most populous city of {x}", "the city with the most inhabitants in {x}"),
        (
            "What is the most populous city of {x}?",
            "Which city has the most inhabitants in {x}?",
        ),
        leads_to="city",
    ),
    Relation(
        "region",
        "second",
        (
            "Which is the second most populous city of the region {x}?",
            "second most populous city in region {x}",
        ),
        ("the second most populous city of {x}", "the runner-up in population among cities of {x}"),
        (
            "What is the second most populous city of {x}?",
            "Which city comes second by population in {x}?",
        ),
        leads_to="city",
    ),
    _country_of(
        "region",
        "Of which country is {x} a region?",
        "the country that {x} is a region of",
        "the country with the administrative division {x}",
    ),
)
_NATURE = (
    _country_of(
        "peak",
        "Of which country is {x} the highest point?",
        "the country whose highest point is {x}",
        "the country that is topped by {x}",
    ),
    Relation(
        "peak",
        "elevation",
        ("What is the elevation of the summit {x}?", "elevation of {x} in metres"),
        asks=(
            "In metres, what is the elevation of {x}?",
            "How many metres above sea level does {x} rise?",
        ),
    ),
    Relation(
        "river",
        "mouth",
        ("In which country is the mouth of {x}?",),
        ("the country where {x} has its mouth", "the country in which {x} ends"),
        leads_to=COUNTRY,
    ),
    Relation(
        "river",
        "source",
        ("In which country is the source of {x}?",),
        ("the country where {x} rises", "the country of the source of {x}"),
        leads_to=COUNTRY,
    ),
    Relation(
        "river",
        "within",
        ("Within which country does {x} run?",),
        ("the country that {x} never leaves",),
        leads_to=COUNTRY,
    ),
    Relation("river", "length", ("What is the length of {x}?", "length of {x}")),
    _country_of(
        "site",
        "In which country is the World Heritage Site {x}?",
        "the country of the World Heritage Site {x}",
        "the country that protects {x} as World Heritage",
    ),
)
_COUNTRY = (
    Relation(
        "geography",
        "peak",
        ("What is the highest point of {x}?", "geography of {x}: highest point"),
        ("the highest point of {x}",),
        ("What is the highest point of {x}?", "Which place is the highest point of {x}?"),
        leads_to="peak",
    ),
    Relation(
        "geography",
        "longest",
        (
            "With which country does {x} share its longest land border?",
            "geography of {x}: longest land border",
        ),
        ("the country with which {x} has its longest land border",),
        (
            "With which country does {x} share its longest land border?",
            "Which neighbour has the longest land border with {x}?",
        ),
        leads_to=COUNTRY,
    ),
    Relation(
        "geography",
        "neighbours",
        ("With which countries does {x} share land borders?", "geography of {x}: land borders"),
        is_list=True,
    ),
    Relation("geography", "area", ("What is the area of {x}?", "geography of {x}: area")),
    Relation(
        "geography",
        "coastline",
        ("How long is the coastline of {x}?", "geography of {x}: coastline"),
    ),
    Relation(
        "people",
        "population",
        ("What is the national population of {x}?", "people of {x}: national population"),
    ),
    Relation("people", "age", ("What is the median age in {x}?", "people of {x}: median age")),
    Relation(
        "people",
        "demonym",
        ("What is the demonym for the people of {x}?", "people of {x}: demonym"),
        asks=(
            "What is a national of {x} called?",
            "Which demonym is used for the people of {x}?",
        ),
    ),
    Relation(
        "government",
        "capital",
        ("What is the capital of {x}?", "government of {x}: capital"),
        ("the capital of {x}", "the capital city of {x}"),
        ("What is the capital of {x}?", "Which city is the capital of {x}?"),
        leads_to="city",
    ),
    Relation(
        "government",
        "legislature",
        ("What is the legislature of {x} called?", "government of {x}: legislature"),
        asks=(
            "What is the legislature of {x} called?",
            "Which legislature passes the laws of {x}?",
        ),
    ),
    Relation(
        "government",
        "holiday",
        ("On which date is the national holiday of {x}?", "government of {x}: national holiday"),
        asks=(
            "On which date is the national holiday of {x}?",
            "When does {x} celebrate its national holiday?",
        ),
    ),
    Relation(
        "government",
        "independence",
        ("What is the date of independence of {x}?", "government of {x}: independence"),
        asks=(
            "On which date did {x} become independent?",
            "When did {x} reach independence?",
        ),
    ),
    Relation(
        "economy",
        "currency",
        ("What is the currency of {x}?", "economy of {x}: currency"),
        asks=(
            "What is the currency of {x}?",
            "Which currency is used in {x}?",
        ),
    ),
    Relation(
        "economy",
        "exports",
        (
            "What are the leading export commodities of {x}?",
            "economy of {x}: leading export commodities",
        ),
        is_list=True,
    ),
    Relation(
        "economy",
        "crops",
        (
            "What are the main agricultural products of {x}?",
            "economy of {x}: main agricultural products",
        ),
        is_list=True,
    ),
    Relation(
        "economy",
        "tld",
        ("What is the internet country code of {x}?",),
        asks=("Which internet country code does {x} have?",),
    ),
    Relation(
        "symbols",
        "anthem",
        ("What is the national anthem of {x}?", "symbols of {x}: title of the national anthem"),
        ("the national anthem of {x}",),
        (
            "What is the title of the national anthem of {x}?",
            "What is the national anthem of {x} called?",
        ),
        leads_to="anthem",
    ),
    Relation(
        "symbols",
        "symbol",
        ("What is a national symbol of {x}?", "symbols of {x}: national symbol"),
        asks=(
            "What is the national symbol of {x}?",
            "Which national symbol represents {x}?",
        ),
    ),
    Relation(
        "symbols",
        "aircraft",
        ("With which prefix are aircraft of {x} registered?",),
        asks=("What is the registration prefix of aircraft from {x}?",),
    ),
    _country_of(
        "anthem",
        "Of which country is {x} the national anthem?",
        "the country whose anthem is {x}",
        "the country that has {x} as its anthem",
    ),
    Relation(
        "anthem",
        "composer",
        ("Who composed the music of the anthem {x}?",),
        asks=("Who composed the music of {x}?", "Who is the composer of {x}?"),
    ),
    Relation(
        "anthem",
        "lyricist",
        ("Who wrote the lyrics of the anthem {x}?",),
        asks=("Who wrote the lyrics of {x}?", "By whom are the lyrics of {x}?"),
    ),
    Relation("anthem", "adopted", ("In which year was the anthem {x} adopted?",)),
)
RELATIONS: Mapping[str, Relation] = MappingProxyType(
    {relation.name: relation for relation in (*_AIRPORT, *_CITY, *_REGION, *_NATURE, *_COUNTRY)}
)
