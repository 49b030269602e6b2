"""What a run leaves on disk: episodes as JSON lines, and one summary."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llmenvs.bench.run_files import write_whole
from llmenvs.trajectory import Trajectory


def write_trajectories(
    path: Path, trajectories: Iterable[Trajectory], *, labels: Mapping[str, Any] | None = None
) -> int:
    """Append ``trajectories`` to ``path``, one JSON object a line, as `Trajectory.to_dict` has it.

    Args:
        path: made if it is not there.
        trajectories: the episodes.
        labels: more keys for every line, ``{"phase": "before"}`` for example.

    Returns:
        The number of lines written.
    """
    count = 0
    with path.open("a", encoding="utf-8") as file:
        for trajectory in trajectories:
            row = {**(labels or {}), **trajectory.to_dict()}
            file.write(json.dumps(row) + "\n")  # ASCII, so that lone surrogates survive
            count += 1
    return count


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write ``summary.json`` in ``folder``, whole or not at all."""
    write_whole(folder / "summary.json", json.dumps(summary, indent=2) + "\n")
