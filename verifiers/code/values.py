"""What stands for the values that are not plain data: iterators, and objects of other types.

Without dataclasses, since it is imported by every process inside a sandbox.
"""

from typing import Any


class Iterated:
    """An iterator, view, range or deque that a function returned, as the items it gave.

    Attributes:
        items: plain data.
    """

    __slots__ = ("items",)

    def __init__(self, items: tuple[Any, ...]) -> None:
        self.items = items

    def __repr__(self) -> str:
        return f"Iterated({self.items!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is Iterated and self.items == other.items

    def __hash__(self) -> int:
        return hash(self.items)


class Opaque:
    """A value that is not plain data: equal to nothing, and neither true nor false.

    Attributes:
        type_name: all that is known of it.
    """

    __slots__ = ("type_name",)

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<{self.type_name} object>"

    def __bool__(self) -> bool:
        raise TypeError(f"a {self.type_name} object is not plain data, so its truth is not known")

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return hash(self.type_name)
