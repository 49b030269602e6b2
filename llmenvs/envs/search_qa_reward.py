"""What an episode of ``SearchQA-v0`` is worth: the answer, and what else may count.

The answer is scored by the answer verifier, on the policy's last completion alone. Format and
retrieval are known from the episode itself, not read back out of its text, so that no page can
imitate them.
"""

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from llmenvs.verifiers.answer import AnswerVerifier, normalize_answer
from llmenvs.verifiers.search_reward import holds_gold, is_well_formed_episode, search_reward
from llmenvs.verifiers.verdict import Status, Verdict

PARTS = ("em", "f1", "cover_em", "format", "answer_retrieved", "passage_recall")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What counts besides the answer.

    Attributes:
        turns: what the policy wrote, turn by turn.
        answer_retrieved: a gold answer stood in a retrieved passage.
        passage_recall: the share of the gold passages that were retrieved, in [0, 1]; None where
            the task names none.
    """

    turns: Sequence[str]
    answer_retrieved: bool
    passage_recall: float | None


class SearchQAReward:
    """A weighted sum of the parts of a verdict, or Search-R1's format-shaped reward.

    Args:
        weights: by part, finite. The parts are ``em``, ``f1`` and ``cover_em`` of the answer;
            ``format``, 1.0 where every turn is a thought and a search and the last one a thought
            and an answer, with nothing in between; ``answer_retrieved``; ``passage_recall``.
        shaped: the score is `search_reward` instead, and ``weights`` are not read.

    Raises:
        ValueError: an unknown part, or a weight that is not finite.
    """

    def __init__(self, weights: Mapping[str, float], *, shaped: bool = False) -> None:
        unknown = sorted(set(weights) - set(PARTS))
        if unknown or not weights or not all(map(math.isfinite, weights.values())):
            raise ValueError(
                f"reward_weights must be finite, for some of {list(PARTS)}, got {dict(weights)}"
            )
        self.weights = dict(weights)
        self.shaped = shaped
        self._verifier = AnswerVerifier()

    def __call__(self, completion: str, answers: Sequence[str], evidence: Evidence) -> Verdict:
        """Judge the last ``completion`` of an episode.

        Raises:
            ValueError: a part that has a weight is not defined, since there are no gold passages.
        """
        answered = self._verifier(completion, answers)
        parts = dict.fromkeys(("em", "f1", "cover_em"), 0.0) | dict(answered.parts)
        well_formed = is_well_formed_episode(evidence.turns)
        parts["format"] = float(well_formed)
        parts["answer_retrieved"] = float(evidence.answer_retrieved)
        if evidence.passage_recall is not None:
            parts["passage_recall"] = evidence.passage_recall
        if self.shaped:
            score = search_reward(
                correct=None if answered.status is Status.NO_ANSWER else answered.success,
                well_formed=well_formed,
                retrieved=evidence.answer_retrieved,
            )
        else:
            score = sum(weight * parts[part] for part, weight in self.weights.items())
        return Verdict(
            score, answered.success, answered.status, parts, answered.reason, answered.extracted
        )


def stands_in(texts: Sequence[str], answers: Sequence[str]) -> bool:
    """Return `holds_gold` of ``texts``, which are normalised only where an answer may stand.

    Normalising every page costs more than all else in a turn. A page that holds an answer holds its
    longest word, and to see that, the page need not be taken apart.
    """
    words = _longest_words(tuple(answers))
    pages = ((text, _without_punctuation(text.lower())) for text in texts)
    likely = [text for text, page in pages if any(word in page for word in words)]
    return bool(likely) and holds_gold(likely, answers)


@lru_cache(maxsize=1024)
def _longest_words(answers: tuple[str, ...]) -> tuple[bytes, ...]:
    words = (max(normalize_answer(answer).split(), key=len, default="") for answer in answers)
    return tuple(_without_punctuation(word) for word in words if word)


def _without_punctuation(text: str) -> bytes:
    # No byte of a character beyond ASCII is an ASCII one, so bytes may be dropped one by one.
    return text.encode("utf-8", "surrogatepass").translate(None, _PUNCTUATION)


_PUNCTUATION = string.punctuation.encode()
