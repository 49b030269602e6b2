"""An index directory and its manifest: what is inside, and that it is still the same.

``manifest.json`` names the kind of the index, the format's version, the corpus by its hash, the
settings (tokenizer, formula, encoder) and each file with its size and SHA-256. Loading refuses
a directory that differs from its manifest in any of these. A directory appears under its name only
when it is complete: it is written beside it, under a name ending in ``.partial``.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from llmenvs.retrievers.passages import PASSAGES_FILE, file_hash

MANIFEST_FILE = "manifest.json"
FORMAT_VERSION = 1
"""Raised whenever a directory written before could not be read any more."""


class IndexMismatchError(ValueError):
    """An index directory is not what its manifest, or its caller, says."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index directory holds.

    Attributes:
        kind: ``"bm25"``, ``"dense"`` or ``"hybrid"``.
        num_passages: how many passages are indexed.
        corpus_sha256: the hash of the passages in their canonical form and order.
        settings: what the index was built with, JSON-ready.
        files: for each file, by its path in the directory, its ``bytes`` and ``sha256``.
        format_version: of the layout on disk.
    """

    kind: str
    num_passages: int
    corpus_sha256: str
    settings: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    format_version: int = FORMAT_VERSION


@contextmanager
def new_directory(path: str | PathLike[str], *, resume: bool = False) -> Iterator[Path]:
    """Yield a folder to fill, which becomes ``path`` when the block ends without an error.

    After an error, or a kill, the folder stays as ``path`` + ``.partial``.

    Args:
        path: where the index shall be.
        resume: yield what an earlier try has left; otherwise the folder is empty.

    Raises:
        FileExistsError: ``path`` exists and is not an empty directory.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"an index is only written to a new path, got {str(path)!r}")
    partial = path.with_name(path.name + ".partial")
    if not resume:
        shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, exist_ok=True)
    yield partial
    if path.exists():
        path.rmdir()
    partial.rename(path)


def write_manifest(
    folder: Path, *, kind: str, num_passages: int, corpus_sha256: str, settings: Mapping[str, Any]
) -> Manifest:
    """Describe the files that ``folder`` holds now, and return what was written."""
    files = {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": file_hash(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST_FILE
    }
    manifest = Manifest(kind, num_passages, corpus_sha256, settings, files)
    (folder / MANIFEST_FILE).write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
    return manifest


def read_manifest(
    folder: str | PathLike[str], *, kind: str | None = None, verify: bool = True
) -> Manifest:
    """Return the manifest of an index directory, after checking it against the files.

    Args:
        folder: the index directory.
        kind: what the index must be; anything by default.
        verify: hash every file. Sizes are always compared; without hashes a huge index opens at
            once, and a file that was changed in place goes unnoticed.

    Raises:
        IndexMismatchError: there is no index, it is of another kind or format, or a file is
            missing or not the one that was written.
    """
    folder = Path(folder)
    manifest = _parse(folder / MANIFEST_FILE)
    if kind is not None and manifest.kind != kind:
        raise IndexMismatchError(f"{folder} must be a {kind} index, got a {manifest.kind} index")
    for name, entry in manifest.files.items():
        _check_file(folder, name, entry, verify=verify)
    passages = manifest.files.get(PASSAGES_FILE)
    if passages is not None and passages["sha256"] != manifest.corpus_sha256:
        raise IndexMismatchError(f"{folder}: the corpus hash is not that of {PASSAGES_FILE}")
    return manifest


def _parse(path: Path) -> Manifest:
    try:
        fields = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise IndexMismatchError(f"{path.parent} is no index: it has no {path.name}") from error
    except ValueError as error:
        raise IndexMismatchError(f"{path} is no valid JSON: {error}") from error
    version = fields.get("format_version") if isinstance(fields, dict) else None
    if version != FORMAT_VERSION:
        raise IndexMismatchError(
            f"{path}: the format version must be {FORMAT_VERSION}, got {version!r}; "
            "build the index again"
        )
    try:
        return Manifest(**fields)
    except TypeError as error:
        raise IndexMismatchError(f"{path}: {error}") from error


def _check_file(folder: Path, name: str, entry: Mapping[str, Any], *, verify: bool) -> None:
    path = folder / name
    if not path.is_file():
        raise IndexMismatchError(f"{folder} lacks the file {name}")
    if path.stat().st_size != entry["bytes"]:
        raise IndexMismatchError(
            f"{path} must have {entry['bytes']} bytes, got {path.stat().st_size}"
        )
    if verify and file_hash(path) != entry["sha256"]:
        raise IndexMismatchError(f"{path} is not the file that was indexed: its hash differs")
