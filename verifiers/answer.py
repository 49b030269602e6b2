"""Verify a short answer in ``<answer>`` tags against one or several golds.

The policy's own last ``<answer>`` counts (`answer_spans`), compared after SQuAD's normalisation
(`answer_metrics`). With ``shaped=True`` the score is Search-R1's format-shaped reward
(`search_reward`), which also looks at the form of the episode.
"""

from typing import Any, Literal

from llmenvs.verifiers.answer_metrics import (
    AnswerScores,
    as_golds,
    normalize_answer,
    score_answer,
)
from llmenvs.verifiers.answer_spans import extract_answer, information_blocks
from llmenvs.verifiers.search_reward import (
    SearchRewards,
    holds_gold,
    is_well_formed_transcript,
    search_reward,
)
from llmenvs.verifiers.verdict import Status, Verdict

__all__ = [
    "AnswerScores",
    "AnswerVerifier",
    "extract_answer",
    "normalize_answer",
    "score_answer",
]

Metric = Literal["em", "f1", "cover_em"]


class AnswerVerifier:
    """Score an answer in ``<answer>`` tags by exact match, token F1 or cover-EM, in [0, 1].

    ``target`` is a list of gold answers, of which the best counts; a str alone is one gold. A
    success is an exact match, and with ``metric="cover_em"`` an answer that contains a gold. The
    parts hold all three metrics, whichever one is the score. An answer without tags is no answer.
    Cover-EM pays for naming everything, so prefer it for evaluation. The cost is linear.

    Args:
        metric: what the score is: "em", "f1" or "cover_em".
        shaped: score by Search-R1's format-shaped reward instead, which needs "em"; ``completion``
            is then the episode after its prompt with the ``<information>`` that it was given.
        retrieval_bonus: added by the shaped reward where a gold was retrieved but not answered; 0
            in some of Search-R1's scripts.

    Raises:
        ValueError: the metric is unknown or is not "em" with ``shaped``, the bonus is not in
            [0, 0.8]; on a call, ``target`` is no list of str, is empty or holds a blank gold.

    >>> AnswerVerifier()("It is <answer>The Beatles</answer>", ["Beatles"]).score
    1.0
    >>> AnswerVerifier(metric="f1")("<answer> green tea </answer>", ["tea"]).score
    0.6666666666666666
    >>> AnswerVerifier(shaped=True)("It is <answer>Beatles</answer>", ["Beatles"]).score
    0.8
    """

    def __init__(
        self, *, metric: Metric = "em", shaped: bool = False, retrieval_bonus: float = 0.1
    ) -> None:
        if metric not in AnswerScores._fields:
            raise ValueError(f"metric must be 'em', 'f1' or 'cover_em', got {metric!r}")
        if shaped and metric != "em":
            raise ValueError(f"the shaped reward needs metric 'em', got {metric!r}")
        if not 0.0 <= retrieval_bonus <= 0.8:
            raise ValueError(f"retrieval_bonus must be in [0, 0.8], got {retrieval_bonus!r}")
        self.metric = metric
        self.shaped = shaped
        self.rewards = SearchRewards(retrieval=retrieval_bonus)

    def __call__(self, completion: str, target: Any) -> Verdict:
        """Judge the last answer of ``completion`` against the golds in ``target``."""
        golds = as_golds(target)
        answer = extract_answer(completion)
        scores = None if answer is None else score_answer(answer, golds)
        if self.shaped:
            return self._shaped(completion, golds, answer, scores)
        if scores is None:
            return Verdict.no_answer("no closed <answer>")
        score: float = getattr(scores, self.metric)
        success = scores.cover_em == 1.0 if self.metric == "cover_em" else scores.em == 1.0
        return Verdict.scored(
            score,
            success=success,
            parts=scores._asdict(),
            reason=_reason(scores, golds),
            extracted=answer,
        )

    def _shaped(
        self, completion: str, golds: list[str], answer: str | None, scores: AnswerScores | None
    ) -> Verdict:
        correct = None if scores is None else scores.em == 1.0
        well_formed = is_well_formed_transcript(completion)
        retrieved = holds_gold(information_blocks(completion), golds)
        score = search_reward(
            correct=correct, well_formed=well_formed, retrieved=retrieved, rewards=self.rewards
        )
        parts = {"well_formed": float(well_formed), "retrieved": float(retrieved)}
        if scores is not None:
            parts |= scores._asdict()
        answered = "no closed <answer>" if scores is None else _reason(scores, golds)
        return Verdict(
            score,
            correct is True,
            Status.NO_ANSWER if answer is None else Status.SCORED,
            parts,
            f"{answered}; {'well formed' if well_formed else 'not well formed'}",
            answer,
        )


def _reason(scores: AnswerScores, golds: list[str]) -> str:
    if scores.em:
        return "equals a gold"
    shown = golds[0] if len(golds[0]) <= 80 else golds[0][:79] + "…"
    others = f" nor any of {len(golds) - 1} others" if len(golds) > 1 else ""
    part = "contains a gold but is not" if scores.cover_em else "is not"
    return f"{part} {shown!r}{others}"
