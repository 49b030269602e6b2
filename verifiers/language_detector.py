"""Is a text surely in another language than it should be? A thin layer over py3langid.

py3langid (a maintained langid.py; Lui and Baldwin, 2012) is a naive Bayes model over byte n-grams:
deterministic, offline, some 50 µs a sentence. Its confidence is used to convict only: a sentence of
mathematics looks like many languages a little, and like a wrong one surely but rarely.
"""

import copy
import functools
from typing import Any

try:
    from py3langid.langid import (  # type: ignore[import-untyped]  # it has no types
        MODEL_FILE,
        LanguageIdentifier,
    )
except ImportError as error:
    raise ImportError(
        "telling languages apart needs py3langid: pip install 'llmenvs[language]'"
    ) from error

SURE = 0.8
"""Probability from which another language is believed."""

CANDIDATES = (
    "af ar bg bn ca cs da de el en es et fa fi fr he hi hr hu hy id it ja ka ko lt lv mk mr ms ne "
    "nl no pl ps pt ro ru sk sl sq sr sv sw ta te th tl tr uk ur vi zh"
)
"""The languages that a text is compared with, besides the one that it should be in. Rare ones are
left out: short sentences of common languages are often taken for them."""

_SIBLINGS = (
    "da nn no",
    "hr sr bs sl",
    "id ms jv",
    "cs sk",
    "bg mk ru uk be",
    "es gl pt ca oc",
    "hi mr ne sa",
    "af nl",
    "fa ps ur ug ar",
)
"""Languages so close that more is asked before one is believed to be another."""

SURE_OF_A_SIBLING = 0.95


def is_surely_another(text: str, language: str) -> bool:
    """Return whether ``text`` is in another language than ``language``, beyond doubt.

    >>> is_surely_another("Zuerst addieren wir die beiden Zahlen.", "en")
    True
    >>> is_surely_another("Let n be even.", "en")
    False
    """
    found, confidence = _identifier(language).classify(text)
    close = any({found, language} <= set(group.split()) for group in _SIBLINGS)
    return bool(found != language and confidence >= (SURE_OF_A_SIBLING if close else SURE))


@functools.cache
def _identifier(language: str) -> Any:
    """Return the model over the candidates and ``language``; nothing in it changes afterwards."""
    identifier = copy.copy(_model())
    languages = {*CANDIDATES.split(), language}
    identifier.set_languages(languages & set(identifier.labels))
    return identifier


@functools.cache
def _model() -> Any:
    """Return the model over all its languages: to load it takes longer than to narrow it down."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
