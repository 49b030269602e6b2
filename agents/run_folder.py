"""The folder of one run of training: whose it is, and what is in it as of which iteration.

``run.json`` says what decides the run, so that the same command goes on with it and another is
refused. ``metrics.jsonl`` and ``transcripts.jsonl`` have one object a line with its ``iteration``;
they are wound back to the checkpoint from which a run goes on.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmenvs.agents.checkpoints import Checkpoints
from llmenvs.bench.records import write_trajectories
from llmenvs.run_owner import check_owner, locked_folder
from llmenvs.trajectory import Trajectory, episodes_of


class RunFolder:
    """Where a run is kept.

    Args:
        path: made if it is not there.
        keep_checkpoints: see `Checkpoints`.
    """

    def __init__(self, path: Path, *, keep_checkpoints: int = 2) -> None:
        self.path = path
        self.checkpoints = Checkpoints(path / "checkpoints", keep=keep_checkpoints)
        self.metrics = path / "metrics.jsonl"
        self.transcripts = path / "transcripts.jsonl"
        self.data = path / "data.jsonl"
        self.model = path / "model"
        self.tensorboard = path / "tensorboard"
        self.handed_over = path / "handed_over"
        self._owner = path / "run.json"

    @property
    def _contents(self) -> list[Path]:
        files = [self.metrics, self.transcripts, self.data, self._owner]
        folders = [self.checkpoints.folder, self.model, self.tensorboard, self.handed_over]
        return [*files, self.path / "summary.json", self.path / "wandb_run_id", *folders]

    @contextmanager
    def claimed(self, identity: Mapping[str, Any], *, overwrite: bool = False) -> Iterator[bool]:
        """Hold the folder for this process while the block runs; nothing in it is changed.

        Args:
            identity: what decides the run, JSON-ready.
            overwrite: whether what another run left there may be dropped.

        Yields:
            Whether the run is to `begin`, rather than go on.

        Raises:
            ValueError: it is another run's; the message says in what it differs. Or another
                process is training in it, or there are files of nobody's run.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with locked_folder(self.path, doing="training"):
            if not overwrite:
                self._check_owner(identity)
            yield overwrite or not self._owner.exists()

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Drop what is there, and make the folder this run's."""
        for path in self._contents:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        _write_whole(self._owner, json.dumps(identity, indent=2) + "\n")

    def rewind(self, iteration: int) -> None:
        """Drop the lines of iteration ``iteration`` and after it, and a line that is not whole."""
        for path in (self.metrics, self.transcripts):
            if path.exists():
                kept = (line for line, row in _rows(path) if row["iteration"] < iteration)
                _write_whole(path, "".join(kept))

    def write_data(self, trajectories: Sequence[Trajectory]) -> None:
        """Keep the episodes that were given to the run."""
        unfinished = self.data.with_name(self.data.name + ".tmp")
        unfinished.unlink(missing_ok=True)
        write_trajectories(unfinished, trajectories)
        os.replace(unfinished, self.data)

    def write_transcripts(
        self, iteration: int, trajectories: Sequence[Trajectory], *, num_episodes: int
    ) -> None:
        """Append the first episodes of an iteration."""
        chosen = [run for runs in episodes_of(trajectories)[:num_episodes] for run in runs]
        write_trajectories(self.transcripts, chosen, labels={"iteration": iteration})

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the metrics of all iterations, in order."""
        return [row for _, row in _rows(self.metrics)] if self.metrics.exists() else []

    def _check_owner(self, identity: Mapping[str, Any]) -> None:
        if not self._owner.exists():
            strangers = [path.name for path in self._contents if path.exists()]
            if strangers:
                raise ValueError(
                    f"{self.path} holds {strangers} of nobody's run; choose another folder, or "
                    "overwrite it"
                )
            return
        check_owner(self._owner, identity)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each whole line and what it says; the last one may have been cut off by a kill."""
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):
            return
        yield line, json.loads(line)


def _write_whole(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
