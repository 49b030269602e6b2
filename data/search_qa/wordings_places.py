"""The sentences about places: airports, cities, regions, peaks, rivers, heritage sites."""

from types import MappingProxyType

from llmenvs.data.search_qa.grammar import Grammar

_AIRPORT = Grammar(
    opening=(
        "{name} is an airport known by the IATA code {iata}.",
        "{name}, whose IATA code is {iata}, is an airfield for civil aviation.",
        "{name} is listed among the world's airports under the IATA code {iata}.",
    ),
    groups=(
        (
            "The city that it serves is {city}.",
            "Travellers use it to reach the city of {city}.",
            "It handles the air traffic of the city of {city}.",
            "As an airport it serves {city} and the surrounding area.",
        ),
        (
            "The country in which it lies is {country}.",
            "It belongs to the network of airports of {country}.",
            "It is situated on the territory of {country}.",
        ),
        (
            "Its landing area reaches an elevation of {elevation} metres above sea level.",
            "The elevation of the field is {elevation} metres.",
            "The highest point of its runways has an elevation of {elevation} metres.",
        ),
        (
            "Pilots find it in charts under the ICAO indicator {icao}.",
            "Air traffic control refers to it by the ICAO location indicator {icao}.",
        ),
        (
            "The reference point of the airport is near latitude {latitude} and longitude"
            " {longitude}.",
            "Its coordinates are about {latitude}, {longitude}.",
        ),
    ),
)
_CITY = Grammar(
    opening=(
        "{name} is a city in {region}, which is part of {country}.",
        "{name} is an urban settlement of {region} in {country}.",
        "{name}, a populated place in {country}, belongs to {region}.",
    ),
    groups=(
        (
            "The population of the city is {population} according to GeoNames.",
            "According to GeoNames it has a population of {population}.",
            "It is home to a population of {population} people in the count kept by GeoNames.",
        ),
        (
            "The nearest larger city in the country is {larger}, {distance} km away.",
            "To find a larger city one travels {distance} km to {larger}, the nearest one in"
            " the country.",
            "With a distance of {distance} km, {larger} is the nearest city of the country that"
            " is larger.",
        ),
        (
            "Clocks follow the time zone {timezone}.",
            "The local time zone is {timezone}.",
        ),
        (
            "It lies at latitude {latitude} and longitude {longitude}.",
            "On the map it is found near {latitude}, {longitude}.",
        ),
    ),
)
_REGION = Grammar(
    opening=(
        "{name} is a first-level administrative division of {country}.",
        "{name} is one of the regions into which {country} is divided.",
        "{name} forms a region at the highest level of administration in {country}.",
    ),
    groups=(
        (
            "The most populous city of the region is {largest}, followed by {second} as the"
            " second most populous.",
            "Its most populous city is {largest}; the second most populous is {second}.",
            "Among its cities {largest} is the most populous, and the second most populous one is"
            " {second}.",
        ),
        (
            "GeoNames lists {cities} cities with more than 15,000 inhabitants there.",
            "There are {cities} places of more than 15,000 inhabitants in the region.",
        ),
        (
            "Together these cities hold {inhabitants} inhabitants.",
            "They have {inhabitants} inhabitants taken together.",
        ),
        (
            "Officially the division is classed as: {type}.",
            "In the terms of ISO 3166-2 its type is: {type}.",
        ),
    ),
)
_PEAK = Grammar(
    opening=(
        "{name} is the highest point of a country.",
        "{name} is a summit that tops a whole country.",
        "{name} is a national high point.",
    ),
    groups=(
        (
            "No place in {country} lies higher.",
            "It is the highest elevation in {country}.",
            "The country whose highest point it marks is {country}.",
        ),
        (
            "Its summit reaches an elevation of {elevation} metres above sea level.",
            "The elevation at the top is {elevation} metres.",
            "It rises to an elevation of {elevation} metres.",
        ),
        (
            "By contrast, the mean elevation of the country is {mean} metres.",
            "The land around it is lower, with a mean elevation of {mean} metres in the country.",
        ),
        (
            "The lowest point of the same country is {lowest}.",
            "At the other extreme, the country's lowest point is {lowest}.",
        ),
    ),
)
_RIVER = Grammar(
    opening=(
        "{name} flows over a length of {length} km.",
        "{name}, one of the major rivers of the world, has a length of {length} km.",
        "{name} has a length of {length} km from source to mouth.",
    ),
    groups=(
        (
            "The river has its source in {source}.",
            "The source of the river is in {source}.",
            "The river rises in {source}, where its source is.",
        ),
        (
            "The mouth of the river lies in {mouth}.",
            "The river reaches its mouth in {mouth}.",
            "The country of its mouth is {mouth}.",
        ),
        (
            "On its way it also touches {between}.",
            "Between source and mouth it passes {between}.",
        ),
        (
            "The river runs within {within} for its whole course.",
            "The course of the river stays within {within}.",
            "The river is at home within {within} alone.",
        ),
        (
            "Geographers count it among the major rivers of the countries that it crosses.",
            "The length is given from the farthest source to the mouth.",
        ),
    ),
)
_SITE = Grammar(
    opening=(
        "{name} is inscribed on the World Heritage List.",
        "{name} has been recognised by UNESCO as World Heritage.",
        "{name} is a World Heritage Site.",
    ),
    groups=(
        (
            "The country in which the site lies is {country}.",
            "It is protected as heritage of {country}.",
            "The site is found in {country}.",
        ),
        (
            "It was listed for its value as {type} heritage.",
            "UNESCO classes the site as {type} heritage.",
        ),
        (
            "The World Heritage List holds {sites} sites of the country.",
            "It is among {sites} sites of the country on the World Heritage List.",
        ),
        (
            "Sites on the list are held to be of outstanding value to humanity.",
            "A site of this rank enjoys protection under an international convention.",
        ),
    ),
)
PLACES = MappingProxyType(
    {
        "airport": _AIRPORT,
        "city": _CITY,
        "region": _REGION,
        "peak": _PEAK,
        "river": _RIVER,
        "site": _SITE,
    }
)
