"""Values as short texts for messages, whatever they are."""

import re
import reprlib
from typing import Any

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
_MANY_BITS = 2000


class _ShortRepr(reprlib.Repr):
    """Shows the beginnings of containers and texts; an int is never written out in full."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 5
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 8
        self.maxstring = self.maxother = 120
        self.maxlong = 60

    def repr_int(self, x: int, level: int) -> str:
        """Write an int, or its size where writing it would take quadratic time."""
        if x.bit_length() > _MANY_BITS:
            return f"<an int of {x.bit_length()} bits>"
        return super().repr_int(x, level)


_SHORT = _ShortRepr()


def short_repr(value: Any, *, limit: int = 160) -> str:
    """Return ``repr`` of plain data in at most ``limit`` characters.

    >>> short_repr(list(range(1000))), short_repr(10**5000)
    ('[0, 1, 2, 3, 4, 5, 6, 7, ...]', '<an int of 16610 bits>')
    """
    return shorten(_SHORT.repr(value), limit=limit)


def shorten(text: str, *, limit: int = 160) -> str:
    r"""Return the text on one line, its middle left out where it is long, without addresses.

    >>> shorten("one\ntwo"), shorten("<f at 0x7f00>")
    ('one two', '<f at 0x…>')
    """
    safe = text[: 4 * limit].encode("utf-8", "backslashreplace").decode()  # lone surrogates
    line = " ".join(_ADDRESS.sub("at 0x…", safe).split())
    if len(text) > 4 * limit:
        line += "..."
    if len(line) <= limit:
        return line
    half = (limit - 3) // 2
    return f"{line[: limit - 3 - half]}...{line[-half:]}"
