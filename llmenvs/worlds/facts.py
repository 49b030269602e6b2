"""Whether an answer to the user tells a fact, in any of the usual ways of writing it."""

import re
from datetime import date
from decimal import Decimal

_NUMBER = re.compile(
    r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.])-?\d+(?:\.\d+)?(?!\w)"
)
_MONTHS = "January February March April May June July August September October November December"
_CLOCK = re.compile(r"(\d{2}):(\d{2})")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def tells(response: str, fact: str) -> bool:
    """Return whether ``response`` tells ``fact``.

    A number may have thousands separators and trailing zeros, and its sign does not count: a sum of
    -49.96 is told by "you spent 49.96". A date may be written out, and a time told by twelve hours.
    A text counts as whole words, whatever its case and spacing. A number within a date or a longer
    number does not count.

    >>> tells("You have 1,250.50 euros left.", "1250.5")
    True
    >>> tells("It arrives on 3 March 2026.", "2026-03-03")
    True
    >>> tells("Order A-17 was sent.", "A-1")
    False
    """
    if _ISO_DATE.fullmatch(fact):
        return any(_has_words(response, way) for way in _ways_of_writing(date.fromisoformat(fact)))
    if clock := _CLOCK.fullmatch(fact):
        return any(_has_words(response, way) for way in _ways_of_saying(*map(int, clock.groups())))
    if _NUMBER.fullmatch(fact):
        without_dates = _ISO_DATE.sub(" ", response)
        wanted = abs(Decimal(fact.replace(",", "")))
        found = (Decimal(n.replace(",", "")) for n in _NUMBER.findall(without_dates))
        return any(abs(number) == wanted for number in found)
    return _has_words(response, fact)


def _has_words(text: str, words: str) -> bool:
    pattern = r"\s+".join(map(re.escape, words.casefold().split()))
    return re.search(rf"(?<!\w){pattern}(?!\w)", text.casefold()) is not None


def _ways_of_writing(day: date) -> tuple[str, ...]:
    month = _MONTHS.split()[day.month - 1]
    names = (month, month[:3])
    return (
        day.isoformat(),
        *(f"{day.day} {name} {day.year}" for name in names),
        *(f"{name} {day.day}, {day.year}" for name in names),
    )


def _ways_of_saying(hour: int, minute: int) -> tuple[str, ...]:
    half, twelfth = "am" if hour < 12 else "pm", (hour - 1) % 12 + 1
    ways = [f"{hour:02}:{minute:02}", f"{hour}:{minute:02}"]
    for space in ("", " "):
        ways.append(f"{twelfth}:{minute:02}{space}{half}")
        if minute == 0:
            ways.append(f"{twelfth}{space}{half}")
    return tuple(ways)
