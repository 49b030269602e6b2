"""Names that worlds are filled with."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

_FIRST = (
    "Amara Bruno Chiara Dmitri Elena Farid Greta Hiroshi Ines Jonas Keiko Lucas Mei Nadia Oskar "
    "Priya Quentin Rosa Samir Tomas Ulla Viktor Wanda Ximena Yusuf Zofia Anders Beatriz Dalia"
)
_LAST = (
    "Abara Bergman Castillo Dubois Eriksen Fischer Gallo Haddad Ivanova Jensen Kowalski Lindqvist "
    "Moreau Nakamura Okafor Petrov Quiroga Rossi Silva Tanaka Ueda Varga Weber Xu Yilmaz Zeman"
)
FIRST_NAMES = tuple(_FIRST.split())
LAST_NAMES = tuple(_LAST.split())
MAX_PEOPLE = len(FIRST_NAMES)

T = TypeVar("T")


def people(rng: np.random.Generator, count: int) -> list[str]:
    """Draw ``count`` full names, at most `MAX_PEOPLE`; no two have the same first name.

    >>> people(np.random.default_rng(0), 2)
    ['Ulla Kowalski', 'Elena Kowalski']
    """
    firsts = some(rng, FIRST_NAMES, count)
    return [f"{first} {one(rng, LAST_NAMES)}" for first in firsts]


def one(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Draw one of ``items``."""
    return items[int(rng.integers(len(items)))]


def some(rng: np.random.Generator, items: Sequence[T], count: int) -> list[T]:
    """Draw ``count`` different ones of ``items``, in random order."""
    return [items[int(index)] for index in rng.permutation(len(items))[:count]]


def among(rng: np.random.Generator, low: int, high: int) -> int:
    """Draw an integer from ``low`` to ``high``, both included."""
    return int(rng.integers(low, high + 1))
