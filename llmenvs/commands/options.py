"""Words ``NAME=VALUE`` of a command line."""

import json
from collections.abc import Sequence
from typing import Any


def parse_options(words: Sequence[str], *, flag: str) -> dict[str, Any]:
    """Read ``name=value`` words; a value is read as JSON, or as text where it is none.

    Args:
        words: what followed the flag, each time that it came.
        flag: for messages.

    Raises:
        ValueError: a word has no "=", or a name comes twice.

    >>> parse_options(["max_length=3", "unit=words"], flag="--option")
    {'max_length': 3, 'unit': 'words'}
    """
    options: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name in options:
            raise ValueError(f"{flag} must be NAME=VALUE, each name once, got {word!r}")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options
