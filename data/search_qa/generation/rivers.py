"""Rivers, pieced together from what the Factbook says of them in each country that they cross."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from llmenvs.data.search_qa.generation.countries import country_value
from llmenvs.data.search_qa.generation.entities import Entity, Value
from llmenvs.data.search_qa.generation.names import CountryNames
from llmenvs.data.search_qa.grammar import join_list
from llmenvs.data.search_qa.normalization import normalize_answer

_RIVER = re.compile(
    r"^(?P<name>[^\d(]+?)(?: \((?P<other>(?!shared|mouth)[^()]+)\))?"
    r"(?: river)?(?: (?P<role>source|mouth))?"
    r"(?: \(shared with (?P<shared>[^()]+)\))? [-\u2013] (?P<km>[\d,]+) km$"
)


@dataclass(frozen=True, slots=True)
class _Mention:
    name: str
    km: str
    source: str | None
    mouth: str | None
    countries: frozenset[str]


def river_entities(names: CountryNames) -> Iterator[Entity]:
    """Yield the rivers on whose length, source, mouth and countries all mentions agree."""
    mentions: dict[str, list[_Mention]] = defaultdict(list)
    for code, page in names.pages.items():
        for piece in page.text("Geography", "Major rivers (by length in km)").split(";"):
            mention = _mention(code, piece.strip(), names)
            if mention is not None:
                mentions[normalize_answer(mention.name)].append(mention)
    for key, found in mentions.items():
        if len(set(found)) == 1:
            yield from _river(key, found[0], names)


def _mention(code: str, text: str, names: CountryNames) -> _Mention | None:
    match = _RIVER.match(text)
    if match is None or "/" in match["name"]:
        return None
    ends = {match["role"]: code} if match["role"] else {}
    countries = {code}
    for part in re.split(r", and |, | and ", match["shared"] or ""):
        other = names.code_of(re.sub(r"\s*\[[sm]\]", "", part))
        if part and other is None:
            return None
        if other is not None:
            countries.add(other)
            for mark, end in (("[s]", "source"), ("[m]", "mouth")):
                if mark in part:
                    ends[end] = other
    name = re.sub(r"^River | [Rr]iver$", "", match["other"] or match["name"]).strip()
    if not re.fullmatch(r"[\w' -]+", name):
        return None
    return _Mention(name, match["km"], ends.get("source"), ends.get("mouth"), frozenset(countries))


def _river(key: str, river: _Mention, names: CountryNames) -> Iterator[Entity]:
    facts = {"length": Value(river.km)}
    others = sorted(river.countries - {river.source, river.mouth})
    if len(river.countries) == 1:
        facts["within"] = country_value(others[0], names)
    elif river.source is None or river.mouth is None:
        return
    else:
        facts["source"] = country_value(river.source, names)
        facts["mouth"] = country_value(river.mouth, names)
        if others:
            facts["between"] = Value(join_list([names.text[code] for code in others]))
    home = river.mouth or others[0]
    yield Entity(
        "river",
        "-".join(key.split()),
        f"the {river.name} River",
        home,
        facts,
        also_in=tuple(sorted(river.countries - {home})),
    )
