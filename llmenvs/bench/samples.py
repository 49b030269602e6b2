"""Several samples of one task: pass@k, the majority's answer, and the best of n."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from llmenvs.bench.episode_record import EpisodeRecord
from llmenvs.verifiers.consensus import best_of_n, majority_vote, pass_at_k
from llmenvs.verifiers.verdict import Status, Verdict


def sample_figures(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """Return the figures of samples; nothing where each episode has one alone.

    ``pass_at_k`` is the unbiased estimate, for k of 1, 2, 4 and so on, over the episodes of which
    as many samples are decided. ``majority_vote`` is the share of episodes whose most frequent
    answer is right, over those with answers that can be compared; a vote of none is wrong.
    ``best_of_n`` is the mean of the best rewards.
    """
    groups: dict[tuple[str, int], list[EpisodeRecord]] = defaultdict(list)
    for record in records:
        groups[record.env, record.episode].append(record)
    most = max((len(group) for group in groups.values()), default=0)
    if most < 2:
        return {}
    decided = [[one for one in group if one.valid] for group in groups.values()]
    decided = [sorted(group, key=lambda one: one.sample) for group in decided if group]
    votes = [vote for vote in map(_vote, decided) if vote is not None]
    best = [_best_reward(group) for group in decided]
    return {
        "samples": most,
        "pass_at_k": {str(k): _pass_at(decided, k) for k in _powers(most)},
        "majority_vote": float(np.mean(votes)) if votes else None,
        "best_of_n": float(np.mean(best)) if best else None,
    }


def _powers(most: int) -> list[int]:
    ks = [2**power for power in range(most.bit_length())]
    return ks if most in ks else [*ks, most]


def _pass_at(groups: Sequence[Sequence[EpisodeRecord]], k: int) -> float | None:
    rates = [
        pass_at_k(len(group), sum(bool(one.success) for one in group), k=k)
        for group in groups
        if len(group) >= k
    ]
    return float(np.mean(rates)) if rates else None


def _best_reward(group: Sequence[EpisodeRecord]) -> float:
    verdicts = [Verdict.scored(one.reward, success=bool(one.success)) for one in group]
    return group[best_of_n(verdicts) or 0].reward


def _vote(group: Sequence[EpisodeRecord]) -> bool | None:
    """Return whether the most frequent answer is right; None where answers do not compare."""
    target = group[0].target
    if group[0].wanted_calls is not None and not _is_plan(target):
        answers = {str(index): _calls_text(one) for index, one in enumerate(group)}
        vote = majority_vote(list(answers), verifier=_same_text, read_answer=answers.get)
    elif isinstance(target, str | list):
        read = {str(index): _extracted(one) for index, one in enumerate(group)}
        same = _same_text if isinstance(target, list) else None  # None compares as mathematics
        vote = majority_vote(list(read), verifier=same, read_answer=read.get)
    else:
        return None  # programs, and answers to users, are seldom the same in every word
    return bool(vote.groups and group[vote.groups[0][0]].success)


def _is_plan(target: Any) -> bool:
    return isinstance(target, Mapping) and "facts" in target


def _extracted(record: EpisodeRecord) -> str | None:
    extracted = (record.verdict or {}).get("extracted")
    return extracted if isinstance(extracted, str) else None


def _calls_text(record: EpisodeRecord) -> str | None:
    """Return the calls in one spelling, in any order; None where some cannot be read."""
    if record.call_problems:
        return None
    return json.dumps(sorted(json.dumps(call, sort_keys=True) for call in record.predicted_calls))


def _same_text(completion: str, target: Any) -> Verdict:
    same = " ".join(completion.split()).casefold() == " ".join(str(target).split()).casefold()
    return Verdict(float(same), same, Status.SCORED)
