"""Checkpoints: written whole or not at all, checked by their SHA-256 before a byte is trusted.

A checkpoint after n iterations is the folder ``checkpoints/00000n`` with ``state.pt``, which holds
tensors and plain values alone, and ``manifest.json`` with its size and checksum. The folder gets
its name only when both are on the disk, so that a process killed at any time leaves the checkpoints
before it as they were.
"""

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

_STATE, _MANIFEST = "state.pt", "manifest.json"
_FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint is not what was written; the message names the file."""


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they are; made with the first one.
        keep: how many of the newest are kept, at least 2, so that one is left if the last is bad.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoints = Checkpoints(Path(folder), keep=2)
    ...     for iteration in (10, 20, 30):
    ...         path = checkpoints.save(iteration, {"weights": torch.zeros(2)})
    ...     checkpoints.iterations(), checkpoints.load(30)
    ([20, 30], {'weights': tensor([0., 0.])})
    """

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        if keep < 2:
            raise ValueError(f"keep must be at least 2, got {keep}")
        self.folder = folder
        self.keep = keep

    def iterations(self) -> list[int]:
        """Return the iterations after which there is a checkpoint, in order."""
        if not self.folder.exists():
            return []
        return sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdecimal())

    def path(self, iteration: int) -> Path:
        """Return the folder of one of them."""
        return self.folder / f"{iteration:06d}"

    def save(self, iteration: int, state: Mapping[str, Any]) -> Path:
        """Write ``state``, drop the oldest beyond ``keep``, and return the checkpoint's folder.

        Args:
            iteration: how many were made, at least 0; a checkpoint of that number is replaced.
            state: tensors, numbers, strings, None, and lists and dicts of them.
        """
        unfinished = self.folder / f"unfinished-{iteration}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        torch.save(dict(state), unfinished / _STATE)
        manifest = {
            "format": _FORMAT,
            "iteration": iteration,
            "file": _STATE,
            "bytes": (unfinished / _STATE).stat().st_size,
            "sha256": _sha256(unfinished / _STATE),
        }
        (unfinished / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        for path in (unfinished / _STATE, unfinished / _MANIFEST, unfinished):
            _to_disk(path)
        final = self.path(iteration)
        shutil.rmtree(final, ignore_errors=True)  # of a run that went on from an older one
        os.replace(unfinished, final)
        _to_disk(self.folder)
        for old in self.iterations()[: -self.keep]:
            shutil.rmtree(self.path(old))
        return final

    def load(self, iteration: int) -> dict[str, Any]:
        """Return the state of one of them.

        Raises:
            CheckpointError: it is missing or damaged; the message names the file, and the newest
                whole one before it.
        """
        try:
            return _load(self.path(iteration), iteration)
        except CheckpointError as error:
            older = self._whole_before(iteration)
            advice = (
                "there is no older one that is whole"
                if older is None
                else (
                    f"the one of iteration {older} is whole: resume_from={older} goes on from there"
                )
            )
            raise CheckpointError(f"{error}; {advice}") from error

    def _whole_before(self, iteration: int) -> int | None:
        for older in reversed([i for i in self.iterations() if i < iteration]):
            try:
                _load(self.path(older), older)
            except CheckpointError:
                continue
            return older
        return None


def _load(folder: Path, iteration: int) -> dict[str, Any]:
    file, manifest = folder / _STATE, _manifest(folder)
    if manifest["iteration"] != iteration:
        raise CheckpointError(f"{folder} is of iteration {manifest['iteration']}, not {iteration}")
    if not file.is_file():
        raise CheckpointError(f"{file} is missing")
    size = file.stat().st_size
    if size != manifest["bytes"]:
        raise CheckpointError(f"{file} is corrupt: it has {size} bytes, not {manifest['bytes']}")
    digest = _sha256(file)
    if digest != manifest["sha256"]:
        raise CheckpointError(
            f"{file} is corrupt: its SHA-256 is {digest[:16]}…, not {manifest['sha256'][:16]}…"
        )
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error
    return state


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / _MANIFEST
    if not file.is_file():
        raise CheckpointError(f"{file} is missing")
    try:
        manifest: dict[str, Any] = json.loads(file.read_bytes())
        version = manifest["format"]
        _ = manifest["iteration"], manifest["bytes"], manifest["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} is corrupt: {error!r}") from error
    if version != _FORMAT:
        raise CheckpointError(f"{file} has format {version!r}; this version reads {_FORMAT}")
    return manifest


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    """Wait until the file, or the names in the folder, would survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
