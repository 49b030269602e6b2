"""Regions, cities and airports, out of GeoNames and of airportsdata, and what follows from them."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmenvs.data.search_qa.generation.countries import country_value
from llmenvs.data.search_qa.generation.entities import Entity, Value
from llmenvs.data.search_qa.generation.names import CountryNames
from llmenvs.data.search_qa.generation.sources import airports, geonames, subdivisions
from llmenvs.data.search_qa.normalization import normalize_answer

_EARTH_RADIUS_KM = 6371.0
_NEAR_KM = 60.0
"""How far an airport may lie from a city of the same name for it to be the city that it serves."""
_FOOT_M = 0.3048
_LATIN = re.compile(r"[A-Za-z\u00c0-\u017f' \u2019.-]+")
City = Mapping[str, Any]


class Gazetteer:
    """The cities of GeoNames with more than 15,000 inhabitants, by region.

    Args:
        names: the countries of the corpus.
    """

    def __init__(self, names: CountryNames) -> None:
        self.names = names
        self.region_names = {
            code: (name, kind, aliases)
            for code, name, kind, aliases in subdivisions()
            if _LATIN.fullmatch(name)
        }
        self.cities: dict[str, City] = {
            str(row["geonameid"]): row
            for row in geonames("cities15000").values()
            if row["countrycode"] in names.text
            and row["population"] > 0
            and _LATIN.fullmatch(row["name"])
            and f"{row['countrycode']}.{row['admin1code']}" in self.region_names
        }
        self.by_name: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.by_region: dict[str, list[str]] = defaultdict(list)
        for key, row in sorted(self.cities.items(), key=lambda item: _by_size(item[1])):
            self.by_region[region_of(row)].append(key)
            self.by_name[row["countrycode"], normalize_answer(row["name"])].append(key)

    def find(self, name: str, country: str, position: tuple[float, float] | None) -> str | None:
        """Return the city of that name in ``country``, near to ``position`` if one is given."""
        found = self.by_name.get((country, normalize_answer(name)), [])
        if position is not None:
            found = [
                key
                for key in found
                if distance_km(_position(self.cities[key]), position) < _NEAR_KM
            ]
        return found[0] if len(found) == 1 else None

    def city_value(self, key: str) -> Value:
        """Return a city as a value."""
        return Value(self.cities[key]["name"], key=key)


def region_of(city: City) -> str:
    """Return GeoNames' code of the region of ``city``."""
    return f"{city['countrycode']}.{city['admin1code']}"


def distance_km(left: tuple[float, float], right: tuple[float, float]) -> float:
    """Return the distance along the sphere between two (latitude, longitude) in degrees."""
    return float(_distances(np.array([left]), np.array(right))[0])


def region_entities(gazetteer: Gazetteer) -> Iterator[Entity]:
    """Yield the regions that have two cities or more, whose order by population is clear."""
    for code, keys in sorted(gazetteer.by_region.items()):
        sizes = [gazetteer.cities[key]["population"] for key in keys]
        if len(keys) < 2 or sizes[0] == sizes[1] or (len(keys) > 2 and sizes[1] == sizes[2]):
            continue
        name, kind, _ = gazetteer.region_names[code]
        country = code.partition(".")[0]
        facts = {
            "country": country_value(country, gazetteer.names),
            "largest": gazetteer.city_value(keys[0]),
            "second": gazetteer.city_value(keys[1]),
            "cities": Value(str(len(keys))),
            "inhabitants": Value(f"{sum(sizes):,}"),
        }
        if kind:
            facts["type"] = Value(kind.lower())
        yield Entity("region", code, name, country, facts)


def city_entities(gazetteer: Gazetteer) -> Iterator[Entity]:
    """Yield all cities; the nearest larger one is of the same country."""
    larger = _nearest_larger(gazetteer.cities)
    for key, row in sorted(gazetteer.cities.items()):
        code, country = region_of(row), row["countrycode"]
        name, _, aliases = gazetteer.region_names[code]
        facts = {
            "region": Value(name, aliases, key=code),
            "country": country_value(country, gazetteer.names),
            "population": Value(f"{row['population']:,}"),
            "timezone": Value(row["timezone"]),
            "latitude": Value(_degrees(row["latitude"], "N", "S")),
            "longitude": Value(_degrees(row["longitude"], "E", "W")),
        }
        if key in larger:
            nearest, distance = larger[key]
            facts["larger"] = gazetteer.city_value(nearest)
            facts["distance"] = Value(f"{distance:,.0f}")
        yield Entity("city", key, row["name"], country, facts)


def airport_entities(gazetteer: Gazetteer) -> Iterator[Entity]:
    """Yield the airports; the country stands in the passage of about every second one."""
    for number, row in enumerate(airports()):
        country, name = row["country"], row["name"].strip()
        if country not in gazetteer.names.text or not _LATIN.fullmatch(name):
            continue
        if not re.search(r"air|aero|field|base|strip", name, re.I):
            name += " Airport"
        position = float(row["lat"]), float(row["lon"])
        facts = {
            "iata": Value(row["iata"]),
            "latitude": Value(_degrees(position[0], "N", "S")),
            "longitude": Value(_degrees(position[1], "E", "W")),
        }
        city = gazetteer.find(row["city"], country, position)
        if city is not None:
            facts["city"] = gazetteer.city_value(city)
        elif _LATIN.fullmatch(row["city"]):
            facts["city"] = Value(row["city"])
        if city is None or number % 2:
            facts["country"] = country_value(country, gazetteer.names)
        metres = round(float(row["elevation"] or 0) * _FOOT_M)
        if metres > 0:
            facts["elevation"] = Value(f"{metres:,}")
        if len(row["icao"]) == 4 and row["icao"].isalpha():
            facts["icao"] = Value(row["icao"])
        yield Entity("airport", row["iata"], name, country, facts)


def _nearest_larger(cities: Mapping[str, City]) -> dict[str, tuple[str, float]]:
    by_country: dict[str, list[str]] = defaultdict(list)
    for key, city in cities.items():
        by_country[city["countrycode"]].append(key)
    nearest: dict[str, tuple[str, float]] = {}
    for keys in by_country.values():
        keys.sort(key=lambda key: _by_size(cities[key]))
        positions = np.array([_position(cities[key]) for key in keys])
        sizes = np.array([cities[key]["population"] for key in keys])
        for row in range(1, len(keys)):
            above = int(np.searchsorted(-sizes, -sizes[row], side="left"))
            if above:
                distances = _distances(positions[:above], positions[row])
                best = int(distances.argmin())
                if distances[best] >= 1:
                    nearest[keys[row]] = keys[best], float(distances[best])
    return nearest


def _distances(points: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distances in km of ``points`` (N, 2) from ``point`` (2,), by the haversine."""
    (latitudes, longitudes), (latitude, longitude) = np.radians(points).T, np.radians(point)
    haversine = (
        np.sin((latitudes - latitude) / 2) ** 2
        + np.cos(latitudes) * math.cos(latitude) * np.sin((longitudes - longitude) / 2) ** 2
    )
    distances: NDArray[np.float64] = 2 * _EARTH_RADIUS_KM * np.arcsin(np.sqrt(haversine))
    return distances


def _position(city: City) -> tuple[float, float]:
    return city["latitude"], city["longitude"]


def _by_size(city: City) -> tuple[int, int]:
    return -city["population"], city["geonameid"]


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.2f}° {positive if value >= 0 else negative}"


def names_of(entities: Iterable[Entity]) -> dict[str, int]:
    """Return how many of ``entities`` have each normalised name."""
    counts: dict[str, int] = defaultdict(int)
    for entity in entities:
        counts[normalize_answer(entity.name)] += 1
    return counts
