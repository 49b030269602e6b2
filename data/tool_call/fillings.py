"""What the slots of requests are filled with: names, dates, times and amounts.

A date or a time stands in a request as people write it, and in the call as the tool asks for it.
"""

from datetime import date, timedelta

from llmenvs.data.tool_call.grammar import Filling, coded, same

CITIES = same(
    "Lisbon", "Oslo", "Nairobi", "Lima", "Osaka", "Prague", "Dublin", "Montreal", "Hanoi",
    "Tallinn", "Cape Town", "Valparaíso", "Kraków", "Austin", "Perth", "Ghent", "Turin", "Quito",
    "Izmir", "Bergen",
)  # fmt: skip
PEOPLE = same(
    "Amara Okafor", "Jonas Weber", "Mei Tanaka", "Lucía Fernández", "Tom Brennan", "Priya Nair",
    "Elif Demir", "Noah Lindqvist", "Zanele Dube", "Pavel Novák", "Hana Kim", "Omar Haddad",
)  # fmt: skip
LANGUAGES = coded(
    fr="French", de="German", es="Spanish", it="Italian", pt="Portuguese", pl="Polish",
    ja="Japanese", sv="Swedish", tr="Turkish", nl="Dutch",
)  # fmt: skip
CURRENCIES = coded(
    EUR="euros", USD="US dollars", GBP="British pounds", JPY="Japanese yen", CHF="Swiss francs",
    SEK="Swedish kronor", INR="Indian rupees", ZAR="South African rand",
)  # fmt: skip
AMOUNTS = [
    Filling(f"{cents / 100:,.2f}", cents / 100)
    for cents in (1250, 4999, 8025, 12075, 23050, 45610, 87525, 125050, 310475, 999995)
]

_FIRST = date(2027, 1, 4)
_DAYS = [_FIRST + timedelta(days=17 * step) for step in range(20)]
DATES = [Filling(f"{day.day} {day:%B} {day.year}", day.isoformat()) for day in _DAYS]
LATER_DATES = [
    Filling(f"{day:%B} {day.day}, {day.year}", day.isoformat())
    for day in (day + timedelta(days=365) for day in _DAYS)
]


def _spoken(hour: int, minute: int) -> str:
    half = "am" if hour < 12 else "pm"
    clock = (hour - 1) % 12 + 1
    return f"{clock}:{minute:02} {half}" if minute else f"{clock} {half}"


TIMES = [
    Filling(_spoken(hour, minute), f"{hour:02}:{minute:02}")
    for hour in (6, 8, 9, 11, 13, 15, 17, 19, 21)
    for minute in (0, 15, 30, 45)
]
DURATIONS = [
    Filling("a quarter of an hour", 15),
    Filling("half an hour", 30),
    Filling("three quarters of an hour", 45),
    Filling("one hour", 60),
    Filling("an hour and a half", 90),
    Filling("two hours", 120),
]
