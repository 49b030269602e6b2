"""Countries, their anthems, highest points and heritage sites, out of the World Factbook.

A fact that the Factbook qualifies, or gives in two versions (several capitals, dates or authors,
an unnamed summit), is left out: its question would have more than one right answer.
"""

import re
from collections.abc import Iterator, Mapping

from llmenvs.data.search_qa.generation.entities import Entity, Value
from llmenvs.data.search_qa.generation.names import CountryNames
from llmenvs.data.search_qa.generation.sources import FactbookEntry
from llmenvs.data.search_qa.grammar import join_list
from llmenvs.data.search_qa.normalization import normalize_answer

_PARENTHESIS = re.compile(r"\s*\([^()]*\)")
_HIGHEST = re.compile(r"^(?P<name>[^\d;]+?)(?: \((?P<other>[^)]*)\))? (?P<metres>[\d,]+)(?: m\b|$)")
_NO_SUMMIT = re.compile(r"unnamed|location|tee|lighthouse|border|secondary|near |elevation", re.I)
_BORDER = re.compile(r"^(?P<name>[^\d]+?) (?P<km>[\d,.]+) km(?: \([^)]*\))?$")
_DATE = re.compile(
    r"\b\d{1,2} (?:January|February|March|April|May|June|July|August|September"
    r"|October|November|December)\b"
)
_UNSURE = re.compile(
    r"unknown|collective|traditional|no lyrics|multiple|committee|disputed|none|arranged|presumed"
    r"|adapted|\bor\b|\[| and |,|;|\(",
    re.I,
)
_SITE_TYPES = {"c": "cultural", "n": "natural", "m": "mixed"}


def country_entities(names: CountryNames) -> Iterator[Entity]:
    """Yield the five entities of each country, and those that the Factbook describes with it."""
    for code, page in names.pages.items():
        yield _entity("geography", code, names, _geography(code, page, names))
        yield _entity("people", code, names, _people(page))
        yield _entity("government", code, names, _government(page))
        yield _entity("economy", code, names, _economy(page))
        yield _entity("symbols", code, names, _symbols(page))
        yield from _anthem(code, page, names)
        yield from _peak(code, page, names)
        yield from _sites(code, page, names)


def country_value(code: str, names: CountryNames) -> Value:
    """Return the country of ``code`` as a value."""
    return Value(names.text[code], names.aliases[code], key=code)


def _entity(kind: str, code: str, names: CountryNames, facts: Mapping[str, Value]) -> Entity:
    return Entity(kind, code, names.text[code], code, facts)


def _given(**facts: Value | None) -> dict[str, Value]:
    return {slot: value for slot, value in facts.items() if value is not None and value.text}


def _plain(text: str) -> str:
    return _PARENTHESIS.sub("", text).strip(" .,;")


def _figure(text: str, pattern: str = r"^-?\$?[\d,.]+") -> Value | None:
    match = re.search(pattern, text)
    return Value(match[0].rstrip(".,")) if match and re.search(r"[1-9]", match[0]) else None


def _geography(code: str, page: FactbookEntry, names: CountryNames) -> dict[str, Value]:
    borders = land_borders(page, names)
    summit = _summit(page)
    climate = page.text("Geography", "Climate").split(";")[0].strip(" .")
    longest = max(borders, key=lambda other: borders[other], default=None) if borders else None
    neighbours = [f"{names.text[other]} ({km:,.0f} km)" for other, km in borders.items()]
    total_area = page.text("Geography", "Area", "total")
    return _given(
        area=_figure(total_area),
        peak=Value(_summit_name(summit), _other_names(summit), key=code) if summit else None,
        neighbours=Value(join_list(neighbours), items=tuple(names.text[other] for other in borders))
        if borders
        else None,
        longest=country_value(longest, names) if longest and len(borders) > 1 else None,
        coastline=_figure(page.text("Geography", "Coastline")),
        climate=Value(climate) if 0 < len(climate) < 100 and ". " not in climate else None,
    )


def land_borders(page: FactbookEntry, names: CountryNames) -> dict[str, float]:
    """Return the length in km of the border with each neighbour; empty unless all are clear."""
    text = page.text("Geography", "Land boundaries", "border countries")
    borders: dict[str, float] = {}
    for piece in filter(None, text.split(";")):
        match = _BORDER.match(piece.strip())
        code = names.code_of(match["name"]) if match else None
        if match is None or code is None or code in borders:
            return {}
        borders[code] = float(match["km"].replace(",", ""))
    lengths = sorted(borders.values(), reverse=True)
    return borders if len(lengths) < 2 or lengths[0] > lengths[1] else {}


def _summit(page: FactbookEntry) -> re.Match[str] | None:
    match = _HIGHEST.match(page.text("Geography", "Elevation", "highest point"))
    return None if match is None or _NO_SUMMIT.search(match["name"]) else match


def _summit_name(summit: re.Match[str]) -> str:
    return _plain(summit["name"])


def _other_names(summit: re.Match[str]) -> tuple[str, ...]:
    other = summit["other"] or ""
    before, on, _ = _summit_name(summit).partition(" on ")
    clear = other and not re.search(r"\d|highest|point|island", other)
    return (*([other] if clear else []), *([before] if on else []))


def _people(page: FactbookEntry) -> dict[str, Value]:
    section = "People and Society"
    noun = _plain(page.text(section, "Nationality", "noun"))
    clear = re.fullmatch(r"[^,;/\d]+", noun) and not re.search(r"\b(?:or|none|na)\b", noun, re.I)
    return _given(
        population=_figure(page.text(section, "Population", "total")),
        demonym=Value(noun) if clear else None,
        age=_figure(page.text(section, "Median age", "total")),
        life=_figure(page.text(section, "Life expectancy at birth", "total population")),
        urban=_figure(page.text(section, "Urbanization", "urban population")),
        children=_figure(page.text(section, "Total fertility rate")),
    )


def _government(page: FactbookEntry) -> dict[str, Value]:
    section = "Government"
    independence = page.text(section, "Independence")
    holiday = page.text(section, "National holiday")
    date = re.match(r"(\d{1,2} [A-Z][a-z]+ \d{4})(?: \(|$)", independence)
    days = _DATE.findall(holiday)
    kind = _plain(page.text(section, "Government type").split(";")[0])
    suffrage = re.match(r"(\d\d) years of age", page.text(section, "Suffrage"))
    return _given(
        type=Value(kind) if 0 < len(kind) < 80 else None,
        capital=_capital(page.text(section, "Capital", "name")),
        legislature=_legislature(page.text(section, "Legislative branch", "legislature name")),
        holiday=Value(days[0]) if len(days) == 1 and ";" not in holiday else None,
        independence=Value(date[1]) if date and ";" not in independence else None,
        suffrage=Value(f"{suffrage[1]} years") if suffrage else None,
    )


def _capital(text: str) -> Value | None:
    others = tuple(re.findall(r"\(([^(),;]+)\)", text))
    name = _plain(text)
    unclear = re.search(r";|,| in |\bno\b|none|capital", text.replace("D.C.", ""), re.I)
    return None if unclear or not name else Value(name, tuple(o for o in others if o != "city"))


def _legislature(text: str) -> Value | None:
    others = tuple(re.findall(r"\(([^(),;]+)\)", text))
    name = re.sub(r"^[Tt]he ", "", _plain(text))
    return Value(name, others) if name and not re.search(r"[;/]| or |none", name) else None


def _economy(page: FactbookEntry) -> dict[str, Value]:
    section = "Economy"
    currency = re.match(
        r"(.+?)(?: \(([A-Z]{2,3})\))? per US dollar",
        page.text(section, "Exchange rates", "Currency"),
    )
    gdp = page.text(section, "GDP (official exchange rate)")
    tld = re.match(r"\.[a-z]{2}$", page.text("Communications", "Internet country code"))
    return _given(
        gdp=_figure(gdp, r"^\$[\d,.]+(?: [mbtr]+illion)?"),
        currency=_currency(currency[1]) if currency else None,
        exports=_products(page.text(section, "Exports - commodities")),
        crops=_products(page.text(section, "Agricultural products")),
        unemployment=_figure(
            next(
                filter(
                    None,
                    (
                        page.text(section, "Unemployment rate", f"Unemployment rate {year}")
                        for year in (2024, 2023, 2022)
                    ),
                ),
                "",
            )
        ),
        tld=Value(tld[0], (tld[0].strip("."),)) if tld else None,
    )


def _currency(text: str) -> Value | None:
    if re.search(r" or |/|\(", text):
        return None
    singular = text[:-1] if text.endswith("s") else text
    return Value(text, (singular,) if singular != text else ())


def _products(text: str) -> Value | None:
    items = [item.strip() for item in re.sub(r"\s*\(.*", "", text).split(",")]
    if len(items) < 3 or any(not item or " and " in item or "/" in item for item in items):
        return None
    return Value(join_list(items[:5]), items=tuple(items[:5]))


def _symbols(page: FactbookEntry) -> dict[str, Value]:
    section = "Government"
    title = _anthem_title(page)
    symbol = _plain(page.text(section, "National symbol(s)"))
    clear = symbol and not re.search(r"[,;/]| and | or |^a ", symbol) and len(symbol.split()) <= 4
    colors = [_plain(color) for color in page.text(section, "National color(s)").split(",")]
    aircraft = page.text("Transportation", "Civil aircraft registration country code prefix")
    return _given(
        colors=Value(join_list(colors))
        if all(re.fullmatch(r"[a-z -]+", c) for c in colors)
        else None,
        anthem=Value(title[0], (title[1],) if title[1] else (), key=_slug(title[0]))
        if title
        else None,
        symbol=Value(symbol) if clear else None,
        aircraft=Value(aircraft) if re.fullmatch(r"[A-Z0-9]{1,3}", aircraft) else None,
    )


def _anthem_title(page: FactbookEntry) -> tuple[str, str] | None:
    text = page.text("Government", "National anthem(s)", "title")
    match = re.match(r'^"([^"]+)"\s*(?:\(([^()]+)\))?$', text)
    if match is None or re.search(r"national anthem|[.;!?]", match[1], re.I):
        return None
    return match[1], (match[2] or "").strip(" .\"'")


def _anthem(code: str, page: FactbookEntry, names: CountryNames) -> Iterator[Entity]:
    title = _anthem_title(page)
    if title is None:
        return
    words, _, music = page.text("Government", "National anthem(s)", "lyrics/music").partition("/")
    adopted = re.match(r"adopted (\d{4})", page.text("Government", "National anthem(s)", "history"))
    facts = _given(
        country=country_value(code, names),
        lyricist=_person(words),
        composer=_person(music or words),
        adopted=Value(adopted[1]) if adopted else None,
        meaning=Value(title[1]) if title[1] and ". " not in title[1] else None,
    )
    yield Entity("anthem", _slug(title[0]), title[0], code, facts)


def _person(text: str) -> Value | None:
    if not text or _UNSURE.search(text):
        return None
    return Value(" ".join(_cased(word) for word in text.split()))


def _cased(word: str) -> str:
    """Return a surname, which the Factbook writes in capitals, as it is usually written."""
    if not word.isupper() or len(word) < 2 or "." in word:
        return word
    return re.sub(r"[^\W\d_]+", lambda match: match[0].capitalize(), word)


def _peak(code: str, page: FactbookEntry, names: CountryNames) -> Iterator[Entity]:
    summit = _summit(page)
    if summit is None:
        return
    lowest = re.match(r"^(.+?) (-?[\d,]+) m$", page.text("Geography", "Elevation", "lowest point"))
    facts = _given(
        country=country_value(code, names),
        elevation=Value(summit["metres"]),
        mean=_figure(page.text("Geography", "Elevation", "mean elevation")),
        lowest=Value(lowest[1]) if lowest else None,
    )
    yield Entity("peak", code, _summit_name(summit), code, facts)


def _sites(code: str, page: FactbookEntry, names: CountryNames) -> Iterator[Entity]:
    heritage = ("Government", "National heritage")
    total = _figure(page.text(*heritage, "total World Heritage Sites"))
    for piece in page.text(*heritage, "selected World Heritage Site locales").split(";"):
        mark = re.search(r"\(([cnm])\)\s*$", piece)
        name = re.sub(r"\s*\([cnm]\)\s*$", "", piece).strip(" .")
        if not 6 <= len(name) <= 90 or re.search(r"\d \w|note|[.?!] ", name):
            continue
        facts = _given(
            country=country_value(code, names),
            type=Value(_SITE_TYPES[mark[1]]) if mark else None,
            sites=total if total and total.text != "1" else None,
        )
        yield Entity("site", f"{code}-{_slug(name)}", name, code, facts)


def _slug(text: str) -> str:
    return "-".join(normalize_answer(text).split())[:60]
