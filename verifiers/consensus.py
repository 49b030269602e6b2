r"""Several completions of one prompt: the answer that most of them give, pass@k, best of n.

Answers are the same where a verifier says so, not where their text is: ``\frac{1}{2}`` and 0.5 are
one vote for one answer. Each new answer is compared with one of each kind that was found before, so
that n completions with m different answers take at most n * m comparisons.

Sources: majority vote, Wang et al., 2023, arXiv:2203.11171 (self-consistency); pass@k, Chen et al.,
2021, arXiv:2107.03374, equation 1.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmenvs.verifiers.verdict import Verdict, Verifier

ReadAnswer = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Consensus:
    """What several completions agree on.

    Attributes:
        answer: the answer with most votes, as the first completion that gave it wrote it; of
            several with as many, the one that was given first. None where no completion has one.
        share: its votes over the number of completions, in [0, 1].
        groups: which completions gave the same answer, each as ascending indices; the largest group
            first, of equally large ones the one that was first.
        answers: (n,) what each completion answered, None where it did not.
        undecided: (i, j) pairs of completions whose answers could not be compared, and count as
            different.
    """

    answer: str | None
    share: float
    groups: tuple[tuple[int, ...], ...]
    answers: tuple[str | None, ...]
    undecided: tuple[tuple[int, int], ...]


def majority_vote(
    completions: Sequence[str],
    *,
    verifier: Verifier | None = None,
    read_answer: ReadAnswer | None = None,
) -> Consensus:
    r"""Return what most of the completions answer.

    Args:
        completions: (n,) of one prompt, n at least 1.
        verifier: says whether two answers are the same: its target is the answer of the one, as
            text, its completion that of the other. `MathVerifier` by default.
        read_answer: from a completion to its answer, None where there is none; by default what the
            math verifier reads.

    Raises:
        ValueError: there are no completions, or they are a single str.

    >>> vote = majority_vote([r"\boxed{\frac{1}{2}}", "The answer is 3", "It is 0.5"])
    >>> vote.answer, round(vote.share, 3), vote.groups
    ('\\frac{1}{2}', 0.667, ((0, 2), (1,)))
    """
    if isinstance(completions, str) or not completions:
        raise ValueError(f"completions must be a list of at least one str, got {completions!r}")
    same = verifier or _math_verifier()
    answers = tuple(map(read_answer or read_math_answer, completions))
    groups: list[list[int]] = []
    undecided: list[tuple[int, int]] = []
    spelled: dict[str, list[int]] = {}
    for index, answer in enumerate(answers):
        if answer is None or not answer.strip():
            continue
        group = spelled.get(answer)
        if group is None:
            group = _group_of(index, answers, groups, same, undecided)
            spelled[answer] = group
        group.append(index)
    groups.sort(key=lambda group: (-len(group), group[0]))
    return Consensus(
        answer=answers[groups[0][0]] if groups else None,
        share=len(groups[0]) / len(completions) if groups else 0.0,
        groups=tuple(map(tuple, groups)),
        answers=answers,
        undecided=tuple(undecided),
    )


def _group_of(
    index: int,
    answers: tuple[str | None, ...],
    groups: list[list[int]],
    same: Verifier,
    undecided: list[tuple[int, int]],
) -> list[int]:
    """Return the group that the answer belongs to, a new one where there is none."""
    for group in groups:
        first = answers[group[0]]
        verdict = _compared(same, answers[index] or "", first or "")
        if verdict is None or verdict.success is None:
            undecided.append((group[0], index))
        elif verdict.success:
            return group
    groups.append([])
    return groups[-1]


def _compared(same: Verifier, answer: str, other: str) -> Verdict | None:
    """Return the verdict, or None where the verifier does not take an answer for a target."""
    try:
        return same(answer, other)
    except ValueError:
        return None


def read_math_answer(completion: str) -> str | None:
    r"""Return the final answer that the math verifier reads in a completion, None if there is none.

    >>> read_math_answer(r"So it is \boxed{7}.")
    '7'
    """
    from llmenvs.verifiers.math import extract  # loads what only mathematics needs

    found = extract(completion)
    return found.candidates[0] if found is not None and found.candidates else None


def pass_at_k(num_completions: int, num_correct: int, *, k: int) -> float:
    """Return the unbiased estimate of the chance that one of k completions is right.

    1 - C(n - c, k) / C(n, k), with n completions of which c are right. It is exact in integers, so
    that no n is too large.

    Args:
        num_completions: n, of one prompt. Leave out those that could not be decided.
        num_correct: c, from 0 to n.
        k: from 1 to n.

    Raises:
        ValueError: a number is out of range.

    >>> pass_at_k(4, 1, k=2)
    0.5
    """
    if not 0 <= num_correct <= num_completions or not 1 <= k <= num_completions:
        raise ValueError(
            "need 0 <= num_correct <= num_completions and 1 <= k <= num_completions, "
            f"got {num_correct=}, {num_completions=} and {k=}"
        )
    all_ = math.comb(num_completions, k)
    return (all_ - math.comb(num_completions - num_correct, k)) / all_


def pass_at_k_of(verdicts: Sequence[Verdict], *, k: int) -> float | None:
    """Return `pass_at_k` of the verdicts on one prompt; None where fewer than k are decided.

    >>> right = Verdict.scored(1.0, success=True)
    >>> pass_at_k_of([right, Verdict.scored(0.0, success=False)], k=1)
    0.5
    """
    decided = [verdict for verdict in verdicts if verdict.decided]
    if len(decided) < k:
        return None
    return pass_at_k(len(decided), sum(verdict.success is True for verdict in decided), k=k)


def best_of_n(verdicts: Sequence[Verdict]) -> int | None:
    """Return the index of the best verdict; of equal ones the first, None where none is decided.

    >>> best_of_n([Verdict.scored(0.2, success=False), Verdict.scored(0.9, success=True)])
    1
    """
    scored = [(i, verdict.score) for i, verdict in enumerate(verdicts) if verdict.score is not None]
    return max(scored, key=lambda row: row[1])[0] if scored else None


def _math_verifier() -> Verifier:
    from llmenvs.verifiers.math import MathVerifier  # loads what only mathematics needs

    return MathVerifier()
