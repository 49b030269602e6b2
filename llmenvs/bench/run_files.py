"""The folder of a benchmark run: whose it is, and its episodes as they end.

An episode is written whole or not at all, whatever ends the run: what a kill or a full disk leaves
of a line is dropped, and that episode is played again.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmenvs.bench.episode_record import FILE_NAME, EpisodeRecord, record_of
from llmenvs.run_owner import check_owner, locked_folder
from llmenvs.trajectory import StopReason, Trajectory


class NotWrittenError(OSError):
    """A file of the run could not be written, as when the disk is full; what was there still is."""


class RunFiles:
    """What a run has on disk; used while the folder is `claimed`.

    Args:
        folder: of the run; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._owner = folder / "run.json"
        self._episodes = folder / FILE_NAME

    @contextmanager
    def claimed(
        self, identity: Mapping[str, Any], *, overwrite: bool = False, resume: bool = False
    ) -> Iterator[None]:
        """Hold the folder for this process and run while the block runs.

        Args:
            identity: what decides the run, JSON-ready.
            overwrite: whether what another run left there may be dropped.
            resume: whether the run must be there already.

        Raises:
            ValueError: the folder is another run's, and the message says in what it differs; or
                another process is in it; or there is nothing to resume.
            OSError: it cannot be made or written.
        """
        if resume and not self._owner.exists():
            raise ValueError(f"{self.folder} holds no run to resume: there is no run.json")
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked_folder(self.folder, doing="running a benchmark"):
            if overwrite:
                for path in (self._episodes, self._owner, self.folder / "summary.json"):
                    path.unlink(missing_ok=True)
            if self._owner.exists():
                check_owner(self._owner, identity)
            elif self._episodes.exists():
                raise ValueError(f"{self.folder} holds episodes of nobody's run; choose another")
            else:
                write_whole(self._owner, json.dumps(identity, indent=2) + "\n")
            yield

    def take_up(self, *, drop_invalid: bool = False) -> list[EpisodeRecord]:
        """Return the episodes that are there, without texts, and drop what is not whole.

        Args:
            drop_invalid: drop those that are not valid too, so that they are played again.
        """
        if not self._episodes.exists():
            return []
        whole = list(self._whole())
        kept = [(size, record) for size, record in whole if record.valid or not drop_invalid]
        if len(kept) < len(whole):
            self._keep([(size, record.valid) for size, record in whole])
        else:
            os.truncate(self._episodes, sum(size for size, _ in whole))
        return [record for _, record in kept]

    def append(self, trajectories: Sequence[Trajectory], record: EpisodeRecord) -> None:
        """Add an episode, whole or, where the disk is full, not at all.

        Raises:
            NotWrittenError: it cannot be written; the file is as it was.
        """
        rows = [{"env": record.env, **trajectory.to_dict()} for trajectory in trajectories]
        rows[-1]["record"] = record.to_dict()
        _append_whole(self._episodes, rows)

    def _whole(self) -> Iterator[tuple[int, EpisodeRecord]]:
        """Yield the size in bytes and the record of each episode that is there as a whole."""
        size = 0
        with self._episodes.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return  # the line at which the run was killed
                size += len(line)
                try:
                    row = json.loads(line)
                    if row["stop_reason"] == StopReason.SPLIT.value:
                        continue
                    record = record_of(row["record"])
                except (KeyError, TypeError, ValueError) as error:
                    raise ValueError(
                        f"{self._episodes}:{number}: is no episode ({error!r}); overwrite the run"
                    ) from error
                yield size, record.without_texts()
                size = 0

    def _keep(self, episodes: Sequence[tuple[int, bool]]) -> None:
        """Write the file again with those of its episodes, given by size, that are to stay."""
        unfinished = self._episodes.with_name(self._episodes.name + ".tmp")
        try:
            with self._episodes.open("rb") as old, unfinished.open("wb") as new:
                for size, stays in episodes:
                    lines = old.read(size)
                    if stays:
                        new.write(lines)
            os.replace(unfinished, self._episodes)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise


def write_records(path: Path, records: Iterable[EpisodeRecord]) -> None:
    """Write a file of records without trajectories, whole or not at all."""
    rows = ({"env": r.env, "stop_reason": r.stop_reason, "record": r.to_dict()} for r in records)
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))


def read_owner(folder: Path) -> Mapping[str, Any]:
    """Return what ``run.json`` says of the run in ``folder``.

    Raises:
        ValueError: there is no run, or its file cannot be read.
    """
    path = folder / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{folder} holds no run: there is no run.json") from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or "dataset_hashes" not in content:
        raise ValueError(f"{path} is not that of a benchmark run")
    return content


def write_whole(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    Raises:
        NotWrittenError: it cannot be written; what was there is there still.
    """
    unfinished = path.with_name(path.name + ".tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise NotWrittenError(error.errno, error.strerror, str(path)) from error


def _append_whole(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    # ASCII, so that lone surrogates survive.
    data = "".join(json.dumps(row) + "\n" for row in rows).encode("ascii")
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            written = 0
            while written < len(data):
                written += file.write(data[written:]) or 0
        except OSError as error:
            file.truncate(size)
            raise NotWrittenError(error.errno, error.strerror, str(path)) from error
