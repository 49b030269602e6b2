r"""How text becomes the terms that BM25 counts.

Text is lower-cased and freed of its accents, then split into runs of letters and digits; a Chinese
or Japanese character, which stands between no spaces, is a term of its own. Stop words are dropped
and, if asked for, terms are reduced to their stems.

Source: the English stop words are those of Lucene's EnglishAnalyzer; the stemmers are Snowball's,
through PyStemmer.
"""

import re
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmenvs.retrievers.optional import import_extra

TOKENIZER_VERSION = 1
"""Raised whenever the same settings would split some text in another way."""

_ENGLISH = """
a an and are as at be but by for if in into is it no not of on or such that the their then there
these they this to was will with
"""
ENGLISH_STOP_WORDS = tuple(_ENGLISH.split())

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TERM = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_ACCENTS = dict.fromkeys(range(0x0300, 0x0370))


@dataclass(frozen=True, slots=True)
class WordTokenizer:
    """Splits text into terms.

    Attributes:
        stop_words: terms that are dropped, in lower case.
        stemmer: the language of a Snowball stemmer, such as ``"english"``; None for no stemming.

    Raises:
        ValueError: there is no stemmer of that name.

    >>> WordTokenizer()("Beyoncé sang in the Super Bowl's 47th half-time")
    ['beyonce', 'sang', 'super', 'bowl', 's', '47th', 'half', 'time']
    """

    stop_words: tuple[str, ...] = ENGLISH_STOP_WORDS
    stemmer: str | None = None
    _dropped: frozenset[str] = field(init=False, repr=False, compare=False)
    _local: threading.local = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_dropped", frozenset(self.stop_words))
        object.__setattr__(self, "_local", threading.local())
        if self.stemmer is not None:
            snowball = import_extra("Stemmer", extra="search")
            if self.stemmer not in snowball.algorithms():
                known = ", ".join(snowball.algorithms())
                raise ValueError(f"stemmer must be one of {known}; got {self.stemmer!r}")

    def __call__(self, text: str) -> list[str]:
        """Return the terms of ``text``, in their order, repeated as they are."""
        terms = [term for term in _TERM.findall(_folded(text)) if term not in self._dropped]
        return terms if self.stemmer is None else self._stem(terms)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-ready settings that `from_dict` reads."""
        return {
            "version": TOKENIZER_VERSION,
            "stop_words": list(self.stop_words),
            "stemmer": self.stemmer,
        }

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "WordTokenizer":
        """Return the tokenizer with these settings.

        Raises:
            ValueError: they were written by another version of this tokenizer.
        """
        if settings.get("version") != TOKENIZER_VERSION:
            raise ValueError(
                f"tokenizer version must be {TOKENIZER_VERSION}, got {settings.get('version')!r}"
            )
        return cls(stop_words=tuple(settings["stop_words"]), stemmer=settings["stemmer"])

    def _stem(self, terms: list[str]) -> list[str]:
        # A Snowball stemmer keeps a buffer of its own, so each thread has one.
        if not hasattr(self._local, "stemmer"):
            self._local.stemmer = import_extra("Stemmer", extra="search").Stemmer(self.stemmer)
        stems: list[str] = self._local.stemmer.stemWords(terms)
        return stems

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.stop_words, self.stemmer))


def _folded(text: str) -> str:
    """Return ``text`` in lower case, compatibility forms resolved, without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).translate(_ACCENTS)
    return unicodedata.normalize("NFKC", decomposed).casefold()
