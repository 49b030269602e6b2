"""Random inputs of tests, drawn from one generator."""

import string
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

ItemT = TypeVar("ItemT")


class Dice:
    """Draws plain Python values with a `numpy.random.Generator`.

    >>> Dice(np.random.default_rng([0])).ints(3, 1, 6)
    [6, 4, 4]
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def number(self, low: int, high: int) -> int:
        """Return a number from ``low`` to ``high``, both included."""
        return int(self._rng.integers(low, high, endpoint=True))

    def ints(self, count: int, low: int, high: int) -> list[int]:
        """Return so many numbers from ``low`` to ``high``."""
        return [self.number(low, high) for _ in range(count)]

    def distinct(self, count: int, low: int, high: int) -> list[int]:
        """Return so many different numbers from ``low`` to ``high``, in random order."""
        return [low + int(x) for x in self._rng.permutation(high - low + 1)[:count]]

    def decimal(self, low: int, high: int, *, digits: int = 1) -> float:
        """Return a number from ``low`` to ``high`` with so many digits behind the point."""
        scale = 10**digits
        return float(self.number(low * scale, high * scale) / scale)

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self._rng.random() < probability)

    def choice(self, items: Sequence[ItemT]) -> ItemT:
        """Return one of the items."""
        return items[self.number(0, len(items) - 1)]

    def choices(self, items: Sequence[ItemT], count: int) -> list[ItemT]:
        """Return so many of the items; one may come again."""
        return [self.choice(items) for _ in range(count)]

    def shuffled(self, items: Sequence[ItemT]) -> list[ItemT]:
        """Return the items in random order."""
        return [items[int(index)] for index in self._rng.permutation(len(items))]

    def word(self, length: int, letters: str = string.ascii_lowercase) -> str:
        """Return a text of so many of the letters."""
        return "".join(self.choices(letters, length))

    def words(
        self, count: int, *, longest: int = 5, letters: str = string.ascii_lowercase
    ) -> list[str]:
        """Return so many words of 1 to ``longest`` letters."""
        return [self.word(self.number(1, longest), letters) for _ in range(count)]

    def grid(self, rows: int, columns: int, cells: Sequence[ItemT]) -> list[list[ItemT]]:
        """Return rows of cells."""
        return [self.choices(cells, columns) for _ in range(rows)]
