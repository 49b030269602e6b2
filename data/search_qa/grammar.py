"""Sentences with slots: what writes a passage from facts, and reads facts out of a passage.

A `Grammar` is an opening sentence, which names the subject, and groups of sentences of which a
passage has at most one each. Every sentence comes in several wordings; ``{slot}`` stands for a
fact. Reading is the inverse of writing: it needs the wordings and the subject's name, never the
facts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

_SLOT = re.compile(r"\{(\w+)\}")
_WITHIN_SENTENCE = r"(?:St\. |Ste\. |[^.]|\.(?! [A-Z]))+?"
"""What a slot may hold: anything but the end of a sentence."""
_BEFORE = r"(?:^|(?<=\. ))"
_AFTER = r"(?= [A-Z]|$)"
_LIST_ITEM = re.compile(r"(.+?)(?: \([\d,.]+ km\))?(?:, (?:and )?| and |$)")
_MEASURED_ITEM = re.compile(r"(.+?) \([\d,.]+ km\)(?:, | and |$)")


@dataclass(frozen=True, slots=True)
class Grammar:
    """The sentences of one kind of passage.

    Attributes:
        opening: wordings of the first sentence; each begins with ``{name}``.
        groups: for each further sentence its wordings.
    """

    opening: Sequence[str]
    groups: Sequence[Sequence[str]]

    def slots(self) -> frozenset[str]:
        """Return the facts that a passage can state."""
        wordings = [*self.opening, *(wording for group in self.groups for wording in group)]
        return frozenset(slot for wording in wordings for slot in slots_of(wording)) - {"name"}


def slots_of(wording: str) -> tuple[str, ...]:
    """Return the slots of ``wording`` in their order.

    >>> slots_of("{name} serves {city}.")
    ('name', 'city')
    """
    return tuple(_SLOT.findall(wording))


def write_sentence(wording: str, facts: Mapping[str, str]) -> str:
    """Return ``wording`` with its slots filled, starting with a capital letter.

    >>> write_sentence("{name} is in {country}.", {"name": "the Alps", "country": "Europe"})
    'The Alps is in Europe.'
    """
    text = _SLOT.sub(lambda match: facts[match[1]], wording)
    return text[:1].upper() + text[1:]


def read_fact(grammar: Grammar, text: str, *, name: str, slot: str) -> str | None:
    """Return what the passage ``text`` says about ``name`` in ``slot``; None where it does not.

    >>> airports = Grammar(["{name} is an airport in {country}."], [["It serves {city}."]])
    >>> read_fact(airports, "Rio Airport is an airport in Peru. It serves Lima.",
    ...           name="Rio Airport", slot="city")
    'Lima'
    >>> read_fact(airports, "Rio Airport is an airport in Peru.", name="Ria Airport",
    ...           slot="country") is None
    True
    """
    if text[: len(name)].casefold() != name.casefold():
        return None
    rest = text[len(name) :]
    openings = (_pattern(wording.removeprefix("{name}")).match(rest) for wording in grammar.opening)
    found = [match for match in openings if match]
    if not found:
        return None
    for match in found:
        if slot in match.groupdict():
            return match[slot]
    for group in grammar.groups:
        for wording in group:
            if slot in slots_of(wording):
                stated = _pattern(wording).search(rest)
                if stated is not None:
                    return stated[slot]
    return None


def join_list(items: Sequence[str]) -> str:
    """Return ``items`` as they are listed in a sentence.

    >>> join_list(["gold", "tin", "rice"])
    'gold, tin and rice'
    """
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]]))


def read_list(text: str) -> tuple[str, ...]:
    """Return the members of a list in a sentence; those with a length may hold an "and".

    >>> read_list("gold, tin and rice")
    ('gold', 'tin', 'rice')
    >>> read_list("Bosnia and Herzegovina (932 km) and Serbia (241 km)")
    ('Bosnia and Herzegovina', 'Serbia')
    """
    item = _MEASURED_ITEM if " km)" in text else _LIST_ITEM
    return tuple(match[1] for match in item.finditer(text))


@cache
def _pattern(wording: str) -> re.Pattern[str]:
    literal = _SLOT.split(wording)
    parts = [
        f"(?P<{part}>{_WITHIN_SENTENCE})" if number % 2 else re.escape(part)
        for number, part in enumerate(literal)
    ]
    return re.compile(_BEFORE + "".join(parts) + _AFTER)
