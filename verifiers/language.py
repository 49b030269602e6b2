"""How much of the reasoning is in the language that was asked for?

R1's language consistency (DeepSeek-AI, 2025, arXiv:2501.12948, section 2.3.2): the share of the
words of the chain of thought that are in the target language. The paper says no more, so these
rules are ours:

1. What counts as a word, and what is left out, is `llmenvs.verifiers.language_words`.
2. A word in a script that the language is not written in is foreign.
3. Of the words in its own script, a detector (py3langid) judges stretches of whole sentences with
   at least `JUDGED_WORDS` words together. They are foreign where it is sure of another language;
   a text too short to judge gets the benefit of the doubt.
4. One word counts at most three times, or as often as a tenth of the number of distinct words: to
   repeat it does not pay.
5. Reasoning with fewer than ``min_words`` words, as an empty block or one of symbols, scores 0.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmenvs.verifiers.answer_spans import policy_text
from llmenvs.verifiers.language_detector import is_surely_another
from llmenvs.verifiers.language_words import Word, words_of
from llmenvs.verifiers.verdict import Verdict

JUDGED_WORDS = 5.0
"""Fewest words that the detector judges."""

_MAX_STRETCHES = 1_000
_STRETCH_RATIO = 6  # a sentence without an end is cut at so many times the fewest words

_MAX_JUDGED_CHARS = 2_000

_LATIN = (
    "af ca cs cy da de en eo es et eu fi fr ga gl hr hu id is it la lt lv ms mt nl no pl pt ro sk "
    "sl sq sv sw tl tr vi"
)
_CYRILLIC = "be bg kk ky mk mn ru sr tg tt uk"
SCRIPTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_LATIN.split(), frozenset({"Latin"})),
    **dict.fromkeys(_CYRILLIC.split(), frozenset({"Cyrillic"})),
    **dict.fromkeys(("ar", "fa", "ps", "ug", "ur"), frozenset({"Arabic"})),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), frozenset({"Devanagari"})),
    **dict.fromkeys(("as", "bn"), frozenset({"Bengali"})),
    "am": frozenset({"Ethiopic"}),
    "el": frozenset({"Greek"}),
    "gu": frozenset({"Gujarati"}),
    "he": frozenset({"Hebrew"}),
    "hy": frozenset({"Armenian"}),
    "ja": frozenset({"Han", "Kana"}),
    "ka": frozenset({"Georgian"}),
    "km": frozenset({"Khmer"}),
    "kn": frozenset({"Kannada"}),
    "ko": frozenset({"Hangul"}),
    "lo": frozenset({"Lao"}),
    "ml": frozenset({"Malayalam"}),
    "my": frozenset({"Myanmar"}),
    "or": frozenset({"Oriya"}),
    "pa": frozenset({"Gurmukhi"}),
    "si": frozenset({"Sinhala"}),
    "ta": frozenset({"Tamil"}),
    "te": frozenset({"Telugu"}),
    "th": frozenset({"Thai"}),
    "zh": frozenset({"Han"}),
}
"""Language (ISO 639-1) -> the scripts that it is written in."""

_TELLING: Mapping[str, frozenset[str]] = {"zh": frozenset({"Kana"})}
"""Scripts that are foreign, and tell whose the words beside them are: Han with kana is Japanese."""


class LanguageVerifier:
    """Score the share of the words of the reasoning that are in the target language, in [0, 1].

    A success is a share of at least ``min_share``. ``parts`` has the number of ``words`` and of
    those ``foreign``, and the reason shows a foreign one.

    Args:
        language: such as "en" or "zh-Hans"; None where each target is the language of its row.
        block: the tag of the reasoning; all blocks of it count together, one that the prompt opened
            or that was cut off included; None for the whole completion.
        min_share: least share of a success, in (0, 1].
        min_words: fewest words that can be judged, at least 1.

    Raises:
        ValueError: the language is not known, or a number is out of range; on a call, the same of
            a target.

    >>> verifier = LanguageVerifier("en")
    >>> verifier("<think>So it is even, 所以答案是四。</think>4", None).score
    0.5
    >>> verifier("<think></think>4", None).score
    0.0
    """

    def __init__(
        self,
        language: str | None = None,
        *,
        block: str | None = "think",
        min_share: float = 0.9,
        min_words: int = 3,
    ) -> None:
        if not 0 < min_share <= 1 or min_words < 1:
            raise ValueError(
                f"need 0 < min_share <= 1 and min_words >= 1, got {min_share=} and {min_words=}"
            )
        if language is not None:
            primary_language(language)
        self.language = language
        self.block = block
        self.min_share = min_share
        self.min_words = min_words

    def __call__(self, completion: str, target: str | None = None) -> Verdict:
        """Judge the reasoning in ``completion``; ``target`` is its language, or None."""
        language = self.language if target is None else target
        if language is None or (target is not None and self.language is not None):
            raise ValueError(
                "target must be a language exactly where the verifier has none, "
                f"got {target=} and language={self.language!r}"
            )
        code = primary_language(language)
        words = words_of(reasoning_of(completion, self.block))
        count = count_words(words, code)
        total = count.own + count.foreign
        if total < self.min_words:
            return Verdict.no_answer(f"{total:.0f} words, fewer than {self.min_words}")
        share = count.own / total
        parts = {"words": total, "foreign": count.foreign}
        reason = f"{share:.0%} of {total:.0f} words are {code}"
        if count.example:
            reason += f", {count.example[:40]!r} is not"
        return Verdict.scored(share, success=share >= self.min_share, parts=parts, reason=reason)


def primary_language(language: Any) -> str:
    """Return the code of a language without its region and script.

    Raises:
        ValueError: it is not known.

    >>> primary_language("zh-Hans-CN")
    'zh'
    """
    code = language.replace("_", "-").split("-")[0].lower() if isinstance(language, str) else ""
    if code not in SCRIPTS:
        raise ValueError(
            f"a language must be one of {', '.join(sorted(SCRIPTS))}, got {language!r}"
        )
    return code


def reasoning_of(completion: str, block: str | None) -> str:
    r"""Return what stands in the blocks of that tag, one to a line; all if ``block`` is None.

    What the environment wrote, in ``<information>`` between the blocks, is left out. Such a tag
    within a block is the policy's own, and hides nothing.

    >>> reasoning_of("opened by the prompt</think> 4 <think>cut off", "think")
    'opened by the prompt\ncut off'
    """
    if block is None:
        return policy_text(completion)
    tag = re.compile(rf"<(?P<slash>/?)(?P<name>{re.escape(block)}|information)>")
    bodies = []
    first = completion.find(f"</{block}>")
    opened_by_prompt = first >= 0 and f"<{block}>" not in completion[:first]
    inside = block if opened_by_prompt else ""
    start = 0
    for match in tag.finditer(completion):
        if not inside and not match["slash"]:
            inside, start = match["name"], match.end()
        elif inside == match["name"] and match["slash"]:
            if inside == block:
                bodies.append(completion[start : match.start()])
            inside = ""
    if inside == block:
        bodies.append(completion[start:])
    return "\n".join(bodies)


@dataclass(frozen=True, slots=True)
class WordCount:
    """The weight of the words in the language and not in it, and one of the latter."""

    own: float
    foreign: float
    example: str


def count_words(words: list[Word], language: str) -> WordCount:
    """Return how many of ``words`` are in ``language``, by the rules of this module."""
    foreign = {id(word) for word in words if word.script not in SCRIPTS[language]}
    judged = SCRIPTS[language] | _TELLING.get(language, frozenset())
    for stretch in _stretches([word for word in words if word.script in judged]):
        text = " ".join(word.text for word in stretch)[:_MAX_JUDGED_CHARS]
        if is_surely_another(text, language):
            foreign.update(map(id, stretch))
    example = next((word.text for word in words if id(word) in foreign), "")
    most = max(3, len({word.text.lower() for word in words}) // 10)
    return WordCount(
        _capped((word for word in words if id(word) not in foreign), most),
        _capped((word for word in words if id(word) in foreign), most),
        example,
    )


def _stretches(words: list[Word]) -> Iterator[list[Word]]:
    """Yield whole sentences together that have enough words; the rest goes to the last."""
    fewest = max(JUDGED_WORDS, sum(word.weight for word in words) / _MAX_STRETCHES)
    stretch: list[Word] = []
    weight = 0.0
    before: list[Word] = []
    for position, word in enumerate(words):
        stretch.append(word)
        weight += word.weight
        ends = position + 1 == len(words) or words[position + 1].sentence != word.sentence
        if weight >= fewest and (ends or weight >= _STRETCH_RATIO * fewest):
            if before:
                yield before
            before, stretch, weight = stretch, [], 0.0
    if before:
        yield before + stretch


def _capped(words: Iterable[Word], most: int) -> float:
    """Return the weight of ``words``, each distinct one counted at most ``most`` times."""
    times = Counter((word.text.lower(), word.weight) for word in words)
    return sum(weight * min(count, most) for (_, weight), count in times.items())
