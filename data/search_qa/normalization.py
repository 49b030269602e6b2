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
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(_ARTICLE.sub(" ", _NOT_WORD.sub("", plain)).split())
