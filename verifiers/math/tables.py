"""Tables of names, written as running text."""


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of ``text`` in order."""
    return tuple(text.split())
