"""Tell prose from mathematics."""

import re

from llmenvs.verifiers.math import vocabulary as words
from llmenvs.verifiers.math.normalize import GLUED_WORD
from llmenvs.verifiers.math.tables import split_words
from llmenvs.verifiers.math.units import known_unit

_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textbf|operatorname|begin|end)\s*\{[^{}]*\}")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_WORD = re.compile(r"(?<![A-Za-z_^{])[A-Za-z]{2,}")
_SHORT = frozenset(
    split_words(
        "is of the to in so we it an be by as at if on he no this that my are was its has for "
        "not but since"
    )
)


def is_wordy(text: str) -> bool:
    """Return whether ``text`` has words of a sentence beside the mathematics in it."""
    bare = _COMMAND.sub(" ", _TEXT.sub(" ", GLUED_WORD.sub(" ", text)))
    return any(_is_word(match.group()) for match in _WORD.finditer(bare))


def _is_word(word: str) -> bool:
    lowered = word.lower()
    if lowered in _SHORT:
        return True
    if len(word) < 4 or word.isupper():
        return False
    known = word in words.FUNCTIONS or word in words.CONSTANTS or word in words.GREEK
    return not known and known_unit(word) is None
