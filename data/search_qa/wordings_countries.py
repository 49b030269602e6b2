"""The sentences about countries: five passages each, and the national anthems.

A country's name comes up in other countries' passages too, so that its own ones repeat it.
"""

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
            "The highest point of {name} is {peak}.",
            "Nowhere is {name} higher than at its highest point, {peak}.",
            "From the lowlands {name} rises to its highest point at {peak}.",
        ),
        (
            "The country shares land borders with {neighbours}.",
            "Its land borders are those with {neighbours}.",
            "Going round its land borders one meets {neighbours}.",
        ),
        (
            "The longest land border of {name} is the one with {longest}.",
            "Its longest land border separates {name} from {longest}.",
            "No land border of {name} is as long as its longest land border, the one with"
            " {longest}.",
        ),
        (
            "The coastline of {name} is {coastline} km long.",
            "The length of the coastline of {name} is {coastline} km.",
            "To the sea {name} turns a coastline of {coastline} km.",
        ),
        (
            "The climate of {name} is described as {climate}.",
            "As for the weather, the climate of {name} is {climate}.",
        ),
    ),
)
_PEOPLE = Grammar(
    opening=(
        "{name} has a national population of {population}.",
        "{name} is home to a national population of {population} people.",
        "{name} counts a national population of {population}.",
    ),
    groups=(
        (
            "The demonym for one of the people of {name} is {demonym}.",
            "One of the nationals of {name} is called by the demonym {demonym}.",
            "By its demonym a person from {name} is known as {demonym}.",
        ),
        (
            "Half of the people of {name} are younger than the median age of {age} years.",
            "Midway between its oldest and its youngest {name} has a median age of {age} years.",
            "The median age in {name} is {age} years.",
        ),
        (
            "Life expectancy at birth in {name} stands at {life} years.",
            "A newborn of {name} has a life expectancy of {life} years.",
        ),
        (
            "The share of its people who live in towns is {urban} percent.",
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
            "The capital of {name}, where the government sits, is {capital}.",
            "Its capital is {capital}, from where the government rules {name}.",
            "The government of {name} has its seat in the capital {capital}.",
        ),
        (
            "The legislature of {name} is called the {legislature}.",
            "The laws of {name} are passed by its legislature, the {legislature}.",
            "As its legislature {name} has the {legislature}.",
        ),
        (
            "The national holiday of {name} falls on {holiday}.",
            "Each year {name} celebrates its national holiday on {holiday}.",
            "The day on which {name} keeps its national holiday is {holiday}.",
        ),
        (
            "The date of independence of {name} is {independence}.",
            "On the road to statehood {name} reached independence on {independence}.",
            "The independence of {name} dates from {independence}.",
        ),
        (
            "People may vote from the age of {suffrage}.",
            "The voting age is {suffrage}.",
        ),
    ),
)
_ECONOMY = Grammar(
    opening=(
        "{name} has an economy with a gross domestic product of {gdp}.",
        "{name} produces a gross domestic product of {gdp} with its economy.",
    ),
    groups=(
        (
            "The currency of {name} is the following: {currency}.",
            "The economy of {name} counts in this currency: {currency}.",
            "For its currency {name} has {currency}.",
        ),
        (
            "The leading export commodities of {name} are {exports}.",
            "Among export commodities {name} sells above all {exports}.",
            "Its list of leading export commodities gives {name} this order: {exports}.",
        ),
        (
            "The main agricultural products of {name} are {crops}.",
            "Farms in {name} give these main agricultural products: {crops}.",
            "Measured by weight the main agricultural products of {name} include {crops}.",
        ),
        (
            "The rate of unemployment is {unemployment} percent.",
            "Unemployment stands at {unemployment} percent.",
        ),
        (
            "The internet country code of {name} is {tld}.",
            "Web addresses from {name} end in the internet country code {tld}.",
            "On the net {name} goes by the internet country code {tld}.",
        ),
    ),
)
_SYMBOLS = Grammar(
    opening=(
        "{name} has {colors} as its national colours.",
        "{name} shows its national colours, {colors}.",
    ),
    groups=(
        (
            "The national anthem of {name} bears the title {anthem}.",
            "As its national anthem {name} has chosen {anthem}.",
            "On solemn days {name} hears its national anthem, {anthem}.",
        ),
        (
            "The national symbol of {name} is the {symbol}.",
            "Besides, {name} is represented by its national symbol, the {symbol}.",
            "As a national symbol {name} uses the {symbol}.",
        ),
        (
            "Aircraft of {name} are registered with the prefix {aircraft}.",
            "The prefix with which aircraft of {name} are registered is {aircraft}.",
            "In the air {name} can be told by the prefix {aircraft}, with which its aircraft are"
            " registered.",
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
            "As an anthem it was adopted in the year {adopted}.",
            "The year in which it was adopted is {adopted}.",
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
