r"""Compare a short answer with a gold one: SQuAD's normalisation, exact match, token F1, cover-EM.

Source: Rajpurkar et al., SQuAD (2016, arXiv:1606.05250), as Search-R1 (Jin et al., 2025,
arXiv:2503.09516) applies it: lower case, without ASCII punctuation, without English articles, runs
of whitespace as one space. Two deviations, both where the original rewards a wrong answer:

- A gold that normalises to nothing ("A", "?") would equal every other answer that does. Such a gold
  is compared stripped and case-folded instead, by every metric.
- Cover-EM asks for whole words: "Rome" does not cover "Romeo", nor "5" the year 1955. Characters of
  scripts that are written without spaces are words of their own.

What SQuAD's normalisation does beyond English prose stays as it is: "C#" and "C++" are equal, curly
quotes are no punctuation, "Jean-Paul" becomes one word.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana, Han
)
_SPACED_WORD = rf"[^\W{_UNSPACED}]"


class AnswerScores(NamedTuple):
    """How well an answer fits its golds, by the best of them for each metric.

    Attributes:
        em: 1.0 if it equals a gold, else 0.0.
        f1: harmonic mean of token precision and recall, in [0, 1].
        cover_em: 1.0 if it contains a gold as whole words, else 0.0.
    """

    em: float
    f1: float
    cover_em: float


def normalize_answer(text: str) -> str:
    """Return ``text`` in lower case, without ASCII punctuation, articles and surplus whitespace.

    >>> normalize_answer(" The U.S.A.,  a country")
    'usa country'
    """
    text = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLE.sub(" ", text).split())


def score_answer(answer: str, golds: Sequence[str]) -> AnswerScores:
    """Return the scores of ``answer``, for each metric against the gold that it fits best.

    Args:
        answer: as extracted, of any length; the cost is linear in it.
        golds: at least one, none of them blank (see `as_golds`).

    >>> score_answer("the city of Rome", ["Milan", "Rome"])
    AnswerScores(em=0.0, f1=0.5, cover_em=1.0)
    >>> score_answer("the", ["A"]).em, score_answer(" a ", ["A"]).em
    (0.0, 1.0)
    """
    prediction = normalize_answer(answer)
    tokens = Counter(prediction.split())
    best = AnswerScores(0.0, 0.0, 0.0)
    for gold in golds:
        expected = normalize_answer(gold)
        if not expected:
            scores = _same(answer.strip().casefold() == gold.strip().casefold())
        elif expected == prediction:
            scores = _same(equal=True)
        else:
            covered = float(expected in prediction and _has_words(prediction, expected))
            scores = AnswerScores(0.0, _token_f1(tokens, Counter(expected.split())), covered)
        best = AnswerScores(*map(max, best, scores))
    return best


def as_golds(target: Any) -> list[str]:
    """Return the golds of a target: a list of str, or a single str.

    Raises:
        ValueError: it is anything else, it is empty, or a gold is blank.
    """
    if isinstance(target, str):
        golds = [target]
    elif isinstance(target, Iterable) and not isinstance(target, bytes | dict):
        golds = list(target)  # also a tuple, and the array that a Parquet column gives
    else:
        raise ValueError(f"target must be a list of str, got {target!r}")
    if not golds:
        raise ValueError("target must hold at least one gold answer, got an empty list")
    for index, gold in enumerate(golds):
        if not isinstance(gold, str):
            raise ValueError(f"target must be a list of str, got {gold!r} at index {index}")
        if not gold.strip():
            raise ValueError(f"target must not hold a blank gold, got {gold!r} at index {index}")
    return golds


def _same(equal: bool) -> AnswerScores:  # noqa: FBT001 - the one thing that it is about
    return AnswerScores(1.0, 1.0, 1.0) if equal else AnswerScores(0.0, 0.0, 0.0)


def _token_f1(prediction: Counter[str], gold: Counter[str]) -> float:
    common = (prediction & gold).total()
    if common == 0:
        return 0.0
    precision, recall = common / prediction.total(), common / gold.total()
    return 2 * precision * recall / (precision + recall)


def _has_words(text: str, words: str) -> bool:
    """Return whether ``words`` stands in ``text`` and does not begin or end within a word."""
    before = rf"(?<!{_SPACED_WORD})" if re.match(_SPACED_WORD, words) else ""
    after = rf"(?!{_SPACED_WORD})" if re.match(_SPACED_WORD, words[-1]) else ""
    return re.search(before + re.escape(words) + after, text) is not None
