"""Tables of a tau2 database that share what a call leaves alone: records are copied when touched.

The tools of tau2 change records in place, and a database has thousands. A fork of its tables copies
references, and a record only once a tool reaches for it, so that the fork may be changed in any way
and what it was made of stays as it is.
"""

import copy
from collections.abc import Mapping
from typing import Any


class Records(dict[str, Any]):
    """The records of a table by key.

    While it is open, whatever a tool gets out of it is its own. Once it is sealed, the records are
    given out as they are: they may be read, and must not be changed.
    """

    def __init__(self, records: Mapping[str, Any]) -> None:
        super().__init__(records)
        self._own: set[str] = set()
        self._is_open = True

    def seal(self) -> None:
        """Give records out as they are from now on."""
        self._is_open = False

    def __reduce__(self) -> Any:
        return _sealed, (dict(self),)

    def __getitem__(self, key: str) -> Any:
        if self._is_open and key not in self._own and key in self:
            self[key] = copy.deepcopy(super().__getitem__(key))
        return super().__getitem__(key)

    def __setitem__(self, key: str, record: Any) -> None:
        self._own.add(key)
        super().__setitem__(key, record)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a record, or the default."""
        if key not in self:
            return default
        return self[key]

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a record, which the default becomes where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a record and return it, or the default."""
        record = self.get(key)
        removed = super().pop(key, *default)
        return removed if record is None else record

    def values(self) -> Any:
        """Return the records."""
        return [self[key] for key in self]

    def items(self) -> Any:
        """Return keys and records."""
        return [(key, self[key]) for key in self]

    def copy(self) -> dict[str, Any]:
        """Return a dict of the records."""
        return dict(self.items())


def _sealed(records: Mapping[str, Any]) -> Records:
    made = Records(records)
    made.seal()
    return made


def records_of(database: Any) -> dict[str, dict[str, Any]]:
    """Return the tables of a tau2 database by name, as they are."""
    return {name: _records(table) for name, table in database}


def fork_of(database: Any) -> Any:
    """Return a database that a tool may change without changing ``database``."""
    return database.model_copy(update={name: _forked(table) for name, table in database})


def seal(database: Any) -> None:
    """End the changes of a fork."""
    for records in records_of(database).values():
        if isinstance(records, Records):
            records.seal()


def _records(table: Any) -> dict[str, Any]:
    """Return the records of a table, which banking keeps beside a note about them."""
    records: dict[str, Any] = table if isinstance(table, dict) else table.data
    return records


def _forked(table: Any) -> Any:
    forked = Records(_records(table))
    return forked if isinstance(table, dict) else table.model_copy(update={"data": forked})
