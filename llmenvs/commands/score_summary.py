"""Sum up verdicts as they come: means with their intervals, counts, and the parts.

Rows that are not decided are counted and enter no mean: a failure of ours is not a zero. The
intervals are those of `llmenvs.bench.intervals`.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from llmenvs.bench.intervals import RunningMean, wilson_interval
from llmenvs.verifiers.verdict import Status, Verdict


class Summary:
    """What is known of the verdicts so far; mutable, of constant size."""

    def __init__(self) -> None:
        self.score = RunningMean()
        self.num_successes = 0
        self.statuses: Counter[Status] = Counter()
        self.parts: dict[str, RunningMean] = {}

    def add(self, verdict: Verdict) -> None:
        """Count one verdict."""
        self.statuses[verdict.status] += 1
        if verdict.score is None:
            return
        self.score.add(verdict.score)
        self.num_successes += bool(verdict.success)
        for name, value in verdict.parts.items():
            if math.isfinite(value):
                self.parts.setdefault(name, RunningMean()).add(value)

    @property
    def num_rows(self) -> int:
        """All rows, decided or not."""
        return self.statuses.total()

    @property
    def success_mean(self) -> float | None:
        """Share of successes among the decided rows; None without any."""
        return self.num_successes / self.score.count if self.score.count else None

    def success_interval(self) -> tuple[float, float] | None:
        """Return Wilson's interval of the success rate."""
        return wilson_interval(self.num_successes, self.score.count)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``summary.json``."""
        return {
            "episodes": self.num_rows,
            "valid_share": self.score.count / self.num_rows if self.num_rows else None,
            "reward_mean": self.score.mean,
            "reward_ci95_normal": self.score.normal_interval(),
            "success_mean": self.success_mean,
            "success_ci95_wilson": self.success_interval(),
            "status_counts": {status.value: self.statuses[status] for status in Status},
            "part_means": {name: part.mean for name, part in sorted(self.parts.items())},
        }

    def lines(self) -> Mapping[str, str]:
        """Return the rows of the table: what -> how much."""
        undecided = self.num_rows - self.score.count
        lines = {"rows": f"{self.num_rows:,}"}
        if undecided:
            lines["undecided (in no mean)"] = f"{undecided:,}"
        lines["mean score"] = _with_interval(
            self.score.mean, self.score.normal_interval(), "95 % normal"
        )
        lines["success rate"] = _with_interval(
            self.success_mean, self.success_interval(), "95 % Wilson"
        )
        lines |= {f"status {status.value}": f"{self.statuses[status]:,}" for status in Status}
        for name, part in sorted(self.parts.items()):
            rows = "" if part.count == self.score.count else f" ({part.count:,} rows)"
            lines[f"part {name}"] = f"{part.mean:.4g}{rows}"
        return lines


def _with_interval(value: float | None, interval: tuple[float, float] | None, kind: str) -> str:
    if value is None:
        return "none decided"
    if interval is None:
        return f"{value:.4f}"
    return f"{value:.4f}  [{interval[0]:.4f}, {interval[1]:.4f}]  {kind}"
