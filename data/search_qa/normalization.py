"""How answers are compared here: case, accents, punctuation, articles and commas do not count."""

import re
import unicodedata

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_NOT_WORD = re.compile(r"[^\w\s]|_")


def normalize_answer(text: str) -> str:
    """Return ``text`` so that equal answers are equal strings.

    Source: the normalisation of SQuAD's evaluation script, and the removal of accents.

    >>> normalize_answer("The São Tomé!"), normalize_answer("2,149")
    ('sao tome', '2149')
    """
    plain = _NOT_WORD.sub("", without_accents(text.casefold()))
    return " ".join(_ARTICLE.sub(" ", plain).split())


def without_accents(text: str) -> str:
    """Return ``text`` with its letters bare.

    >>> without_accents("São Tomé")
    'Sao Tome'
    """
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char))
