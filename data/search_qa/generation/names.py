"""Country names: how they stand in text, what else they are called, and which code they mean."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from llmenvs.data.search_qa.generation.sources import FactbookEntry, geonames
from llmenvs.data.search_qa.normalization import normalize_answer

_RENAMED = MappingProxyType(
    {
        "CI": "Ivory Coast",
        "MO": "Macau",
        "NL": "Netherlands",
        "TL": "Timor-Leste",
        "VA": "Vatican City",
        "VI": "United States Virgin Islands",
    }
)
_WITH_ARTICLE = frozenset(
    {
        *("AE", "BS", "CD", "CF", "CG", "CK", "DO", "FK", "FO", "GB", "GM", "IM", "KM"),
        *("KY", "MH", "MP", "MV", "NL", "PH", "SB", "SC", "TC", "US", "VG", "VI"),
    }
)
_OTHER_NAMES = MappingProxyType(
    {
        "CD": ("DR Congo", "DRC", "Congo-Kinshasa", "Democratic Republic of Congo"),
        "CG": ("Congo-Brazzaville", "Congo", "Republic of Congo"),
        "CI": ("Cote d'Ivoire",),
        "CV": ("Cape Verde",),
        "CZ": ("Czech Republic",),
        "FM": ("Federated States of Micronesia",),
        "GB": ("UK", "Great Britain", "Britain"),
        "KP": ("DPRK",),
        "KR": ("Republic of Korea", "Korea"),
        "MK": ("Macedonia",),
        "MM": ("Burma",),
        "SZ": ("Swaziland",),
        "TL": ("East Timor",),
        "TR": ("Turkiye", "Turkey (Turkiye)"),
        "US": ("USA", "United States of America", "America", "U.S."),
        "VA": ("Holy See", "Vatican", "Holy See (Vatican City)"),
    }
)
_LEFT_OUT = frozenset(
    ("AN", "AQ", "AX", "BQ", "BV", "CS", "EH", "GS", "HM", "IO", "PS", "SJ", "TF", "UM", "XK")
)
"""No longer there, without inhabitants, disputed, or not a page of their own in the Factbook."""


class CountryNames:
    """The countries and territories of the corpus.

    Args:
        pages: the Factbook by its own codes.
    """

    def __init__(self, pages: Mapping[str, FactbookEntry]) -> None:
        self.pages: dict[str, FactbookEntry] = {}
        self.text: dict[str, str] = {}
        self.aliases: dict[str, tuple[str, ...]] = {}
        self._codes: dict[str, str] = {}
        for row in geonames("countries").values():
            code, page = row["iso"], pages.get(row["fips"].lower())
            if page is None or code in _LEFT_OUT:
                continue
            name = _RENAMED.get(code, row["name"].strip())
            self.pages[code] = page
            self.text[code] = f"the {name}" if code in _WITH_ARTICLE else name
            self.aliases[code] = _distinct([name, *_OTHER_NAMES.get(code, ()), *_forms(page)])
        for code, names in self.aliases.items():
            for name in names:
                self._codes.setdefault(normalize_answer(name), code)

    def code_of(self, name: str) -> str | None:
        """Return the code of the country called ``name``, in whatever form."""
        return self._codes.get(normalize_answer(re.sub(r"\s*\(.*?\)", "", name)))


def _forms(page: FactbookEntry) -> Iterable[str]:
    for form in ("conventional short form", "conventional long form", "local short form"):
        name = page.text("Government", "Country name", form)
        if name and name.lower() not in ("none", "na") and len(name) < 60 and "/" not in name:
            yield name


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for name in names:
        kept.setdefault(normalize_answer(name), name)
    return tuple(kept.values())
