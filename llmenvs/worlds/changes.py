"""What happened to a world: the difference of two states as a multiset of changes.

Two ways of doing the same thing are equal here: the key that a world made for a new record does not
count, and neither do case and spacing in a text.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llmenvs.worlds.world import World


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        table: in which table.
        key: of the record; None of a new one whose key the world made.
        fields: (name, value) of what is new in the record; empty where it was removed.
    """

    table: str
    key: Any
    fields: tuple[tuple[str, Any], ...]


def changes_between(before: World, after: World) -> Counter[Change]:
    """Return what was done to ``before`` to make ``after``: each field of a record is a change.

    A new record is one change with all its fields. A world whose state is not in tables of frozen
    records tells its changes itself, by a method ``changes_since(before)``.
    """
    tell = getattr(after, "changes_since", None)
    if tell is not None:
        told: Counter[Change] = tell(before)
        return told
    return Counter(_changes(before, after))


def _changes(before: World, after: World) -> Iterator[Change]:
    for name, old in before.tables.items():
        new = after.tables[name]
        if new == old:
            continue
        named = before.has_named_keys(name)
        yield from (Change(name, key, ()) for key in old if key not in new)
        for key, record in new.items():
            if key not in old:
                shown = key if named else None
                yield Change(name, shown, tuple(_fields(record).items()))
            elif record != old[key]:
                was = _fields(old[key])
                for item in _fields(record).items():
                    if was[item[0]] != item[1]:
                        yield Change(name, key, (item,))


def _fields(record: Any) -> dict[str, Any]:
    return {f.name: _plain(getattr(record, f.name)) for f in dataclasses.fields(record)}


def _plain(value: Any) -> Any:
    return " ".join(value.casefold().split()) if isinstance(value, str) else value
