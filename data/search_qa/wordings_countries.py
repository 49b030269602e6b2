"""The sentences about countries: five passages each, and the national anthems."""

from types import MappingProxyType

from llmenvs.data.search_qa.grammar import Grammar

_GEOGRAPHY = Grammar(
    opening=(
        "{name} has an area of {area} square kilometres.",
        "{name} covers an area of {area} square kilometres.",
        "{name} extends over an area of {area} square kilometres.",
    ),
    groups=(
        (
            "The highest point in the geography of the country is {peak}.",
            "Its highest point is {peak}.",
            "The land rises to its highest point at {peak}.",
        ),
        (
            "It shares land borders with {neighbours}.",
            "Its neighbours by land border are {neighbours}.",
            "By land it borders {neighbours}.",
        ),
        (
            "The longest of its land borders is the one with {longest}.",
            "Its longest land border separates it from {longest}.",
        ),
        (
            "The coastline of the country is {coastline} km long.",
            "Its coastline measures {coastline} km.",
        ),
        (
            "The climate is described as {climate}.",
            "Its climate is {climate}.",
        ),
    ),
)
_PEOPLE = Grammar(
    opening=(
        "{name} has a population of {population}.",
        "{name} is home to a population of {population}.",
        "{name} counts a population of {population}.",
    ),
    groups=(
        (
            "The demonym for one of its people is {demonym}.",
            "One of its nationals is called by the demonym {demonym}.",
        ),
        (
            "Half of the people are younger than the median age of {age} years.",
            "The median age is {age} years.",
        ),
        (
            "Life expectancy at birth stands at {life} years.",
            "A newborn has a life expectancy of {life} years.",
        ),
        (
            "The share of people who live in towns is {urban} percent.",
            "Of the people, {urban} percent live in urban areas.",
        ),
        (
            "On average a woman has {children} children.",
            "The fertility rate is {children} children for each woman.",
        ),
    ),
)
_GOVERNMENT = Grammar(
    opening=(
        "{name} is governed as a {type}.",
        "{name} has the government of a {type}.",
    ),
    groups=(
        (
            "The capital, where the government sits, is {capital}.",
            "Its capital is {capital}.",
            "The government has its seat in the capital {capital}.",
        ),
        (
            "The legislature is called the {legislature}.",
            "Laws are passed by its legislature, the {legislature}.",
        ),
        (
            "The national holiday falls on {holiday}.",
            "The country celebrates its national holiday on {holiday}.",
        ),
        (
            "It became independent on {independence}.",
            "The date of its independence is {independence}.",
        ),
        (
            "People may vote from the age of {suffrage}.",
            "The voting age is {suffrage}.",
        ),
    ),
)
_ECONOMY = Grammar(
    opening=(
        "{name} has a gross domestic product of {gdp} at official exchange rates.",
        "{name} produces a gross domestic product of {gdp} at official exchange rates.",
    ),
    groups=(
        (
            "The currency in use is the following: {currency}.",
            "Its economy counts in this currency: {currency}.",
            "For its currency it has {currency}.",
        ),
        (
            "The leading export commodities are {exports}.",
            "Its export commodities are led by {exports}.",
            "What the economy exports most is this list of commodities: {exports}.",
        ),
        (
            "The main agricultural products are {crops}.",
            "Its farms give these agricultural products above all: {crops}.",
        ),
        (
            "The rate of unemployment is {unemployment} percent.",
            "Unemployment stands at {unemployment} percent.",
        ),
        (
            "Internet addresses of the country end in {tld}.",
            "The country code on the internet is {tld}.",
        ),
    ),
)
_SYMBOLS = Grammar(
    opening=(
        "{name} has {colors} as its national colours.",
        "{name} uses the national colours {colors}.",
    ),
    groups=(
        (
            "The national anthem bears the title {anthem}.",
            "Its national anthem is called {anthem}.",
            "On solemn occasions the national anthem {anthem} is sung.",
        ),
        (
            "A national symbol of the country is the {symbol}.",
            "It is represented by its national symbol, the {symbol}.",
        ),
        (
            "Aircraft of the country are registered with the prefix {aircraft}.",
            "The registration prefix on its aircraft is {aircraft}.",
        ),
        (
            "Such emblems are laid down by law or by custom.",
            "The colours and emblems appear on flags, seals and uniforms.",
        ),
    ),
)
_ANTHEM = Grammar(
    opening=(
        "{name} is a national anthem.",
        "{name} is sung as a national anthem.",
        "{name} is the official anthem of a country.",
    ),
    groups=(
        (
            "It is the anthem of {country}.",
            "The country that it stands for is {country}.",
            "It is heard at state ceremonies of {country}.",
        ),
        (
            "The lyrics were written by {lyricist}.",
            "Its lyrics are the work of {lyricist}.",
            "The author of the lyrics is {lyricist}.",
        ),
        (
            "The music was composed by {composer}.",
            "Its music is a composition of {composer}.",
            "The composer of the music is {composer}.",
        ),
        (
            "It was adopted in {adopted}.",
            "The year of its adoption is {adopted}.",
        ),
        (
            "In English its title means {meaning}.",
            "The title can be translated as {meaning}.",
        ),
    ),
)
COUNTRIES = MappingProxyType(
    {
        "geography": _GEOGRAPHY,
        "people": _PEOPLE,
        "government": _GOVERNMENT,
        "economy": _ECONOMY,
        "symbols": _SYMBOLS,
        "anthem": _ANTHEM,
    }
)
