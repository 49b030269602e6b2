"""Preference pairs from rollouts: two episodes of one task, one solved and one not.

An episode that could not be decided is in no pair. Two episodes make a pair only if they begin with
the same tokens, so that both answer the same prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmenvs.bench.metrics import is_solved
from llmenvs.trajectory import Trajectory, episodes_of

Episode = tuple[Trajectory, ...]
"""The runs of one episode, in order; one where its template did not split it."""


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two episodes that answer the same prompt.

    Attributes:
        chosen: solved.
        rejected: not solved.
    """

    chosen: Episode
    rejected: Episode


def preference_pairs(
    trajectories: Sequence[Trajectory],
    *,
    max_per_prompt: int | None = None,
    rng: np.random.Generator,
) -> list[PreferencePair]:
    """Return pairs of the episodes of each prompt, in the order of the prompts.

    Every solved and every unsolved episode is in at least one pair, if the other kind is there and
    ``max_per_prompt`` allows it; no pair comes twice, and of equal episodes one is taken.

    Args:
        trajectories: of whole episodes, from `rollout`.
        max_per_prompt: pairs at most, at least 1; all if None.
        rng: of who is paired with whom.
    """
    if max_per_prompt is not None and max_per_prompt < 1:
        raise ValueError(f"max_per_prompt must be at least 1, got {max_per_prompt}")
    prompts: dict[tuple[object, bytes], dict[bytes, Episode]] = {}
    for runs in episodes_of(trajectories):
        if runs[0].valid and any(run.generated_mask.any() for run in runs):
            first = runs[0]
            prompt = first.info.get("task_id"), first.token_ids[: first.prompt_length].tobytes()
            whole = b"".join(run.token_ids.tobytes() for run in runs)
            prompts.setdefault(prompt, {}).setdefault(whole, tuple(runs))
    pairs: list[PreferencePair] = []
    for episodes in prompts.values():
        chosen = [episode for episode in episodes.values() if is_solved(episode[0])]
        rejected = [episode for episode in episodes.values() if not is_solved(episode[0])]
        pairs += _matched(chosen, rejected, max_per_prompt, rng)
    return pairs


def _matched(
    chosen: list[Episode],
    rejected: list[Episode],
    max_pairs: int | None,
    rng: np.random.Generator,
) -> list[PreferencePair]:
    if not chosen or not rejected:
        return []
    count = max(len(chosen), len(rejected))
    count = count if max_pairs is None else min(count, max_pairs)
    better, worse = rng.permutation(len(chosen)), rng.permutation(len(rejected))
    return [
        PreferencePair(chosen[better[i % len(better)]], rejected[worse[i % len(worse)]])
        for i in range(count)
    ]
