"""What is measured of a batch of episodes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmenvs.trajectory import Trajectory, episodes_of


@dataclass(frozen=True, slots=True)
class EpisodeMetrics:
    """Means over episodes; those that are not valid count in ``valid_share`` alone.

    Attributes:
        episodes: how many there are, valid or not.
        valid_share: of them.
        reward_mean: of the undiscounted returns; NaN without a valid episode.
        success_mean: share of verdicts that say success; an episode cut before its verdict counts
            as not solved.
        turns_mean: turns in an episode.
        generated_tokens: of all valid episodes.
    """

    episodes: int
    valid_share: float
    reward_mean: float
    success_mean: float
    turns_mean: float
    generated_tokens: int


def episode_metrics(trajectories: Sequence[Trajectory]) -> EpisodeMetrics:
    """Measure ``trajectories``, at least one; an episode that was split counts once."""
    episodes = episodes_of(trajectories)
    valid = [runs for runs in episodes if runs[0].valid]
    if not valid:
        return EpisodeMetrics(len(episodes), 0.0, np.nan, np.nan, np.nan, 0)
    return EpisodeMetrics(
        episodes=len(episodes),
        valid_share=len(valid) / len(episodes),
        reward_mean=float(np.mean([runs[0].total_reward for runs in valid])),
        success_mean=float(np.mean([is_solved(runs[0]) for runs in valid])),
        turns_mean=float(np.mean([sum(len(t.turn_rewards) for t in runs) for runs in valid])),
        generated_tokens=int(sum(t.generated_mask.sum() for runs in valid for t in runs)),
    )


def is_solved(trajectory: Trajectory) -> bool:
    """Return whether a verdict says success; an episode cut before its verdict is not solved."""
    verdict = trajectory.info.get("verdict")
    return bool(verdict is not None and verdict.success)
