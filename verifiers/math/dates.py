"""Read calendar dates written in English or in ISO form."""

import re

from llmenvs.verifiers.math.nodes import Text
from llmenvs.verifiers.math.tables import split_words

_MONTHS = split_words(
    "january february march april may june july august september october november december"
)
_NAMES = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS)
_SHAPES = (
    re.compile(
        rf"(?P<month>{_NAMES})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<year>\d{{4}}))?"
    ),
    re.compile(
        rf"(?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{_NAMES})\.?"
        r"(?:,? (?P<year>\d{4}))?"
    ),
    re.compile(r"(?P<year>\d{4})[- /](?P<month>\d{2})[- /](?P<day>\d{2})"),
)


def read_date(text: str) -> Text | None:
    """Return the date in ``text``, which is lower-case, in one notation.

    >>> read_date("march 5, 2024") == read_date("5 march 2024")
    True
    """
    for shape in _SHAPES:
        match = shape.fullmatch(text)
        if match is None:
            continue
        month = match["month"]
        number = int(month) if month.isdecimal() else _number(month)
        if 1 <= number <= 12 and 1 <= int(match["day"]) <= 31:
            return Text(f"date {match['year'] or ''}-{number}-{int(match['day'])}")
    return None


def _number(month: str) -> int:
    return 1 + next(at for at, name in enumerate(_MONTHS) if name.startswith(month[:3]))
