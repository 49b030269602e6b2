"""`PassageStore`: a corpus on disk, read passage by passage through a memory map.

``passages.jsonl`` holds one JSON object ``{"id", "title", "text"}`` a line, ``offsets.npy`` where
each line starts. The file is written in one canonical form, so that its SHA-256 names the corpus:
the same passages in the same order give the same hash, wherever they were read from.
"""

import hashlib
import json
import mmap
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, overload

import numpy as np
from numpy.typing import NDArray

from llmenvs.retrievers.retriever import Passage

PASSAGES_FILE = "passages.jsonl"
OFFSETS_FILE = "offsets.npy"


class PassageStore(Sequence[Passage]):
    """The passages in the folder ``folder``, as `write_passages` left them.

    Args:
        folder: holds ``passages.jsonl`` and ``offsets.npy``.
        in_memory: read the files at once; by default they stay on disk.

    Memory: none to speak of where the files stay on disk, else that of the files.
    """

    def __init__(self, folder: Path, *, in_memory: bool = False) -> None:
        self.folder = folder
        self._in_memory = in_memory
        offsets = np.load(folder / OFFSETS_FILE, mmap_mode=None if in_memory else "r")
        self._offsets: NDArray[np.int64] = np.asarray(offsets)  # a plain view is faster to index
        self._bytes = _read(folder / PASSAGES_FILE, in_memory=in_memory)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, position: int) -> Passage: ...
    @overload
    def __getitem__(self, position: slice) -> list[Passage]: ...
    def __getitem__(self, position: int | slice) -> Passage | list[Passage]:
        if isinstance(position, slice):
            return [self._passage(n) for n in range(*position.indices(len(self)))]
        if not -len(self) <= position < len(self):
            raise IndexError(f"position must be below {len(self)}, got {position}")
        return self._passage(position % len(self))

    def __iter__(self) -> Iterator[Passage]:
        for position in range(len(self)):
            yield self._passage(position)

    def _passage(self, position: int) -> Passage:
        line = self._bytes[self._offsets[position] : self._offsets[position + 1]]
        row = json.loads(line.decode("utf-8", "surrogatepass"))
        return Passage(row["id"], row["title"], row["text"])

    def __reduce__(self) -> tuple[Any, ...]:
        # A memory map does not pickle; the other process opens the files itself.
        return (_reopen, (self.folder, self._in_memory))


def write_passages(passages: Iterable[Passage], folder: Path) -> PassageStore:
    """Write ``passages`` into ``folder`` one by one and return them as a store.

    Raises:
        ValueError: two passages have the same id.
    """
    folder.mkdir(parents=True, exist_ok=True)
    offsets = array("q", [0])
    id_hashes = array("q")
    with (folder / PASSAGES_FILE).open("wb") as file:
        for passage in passages:
            offsets.append(offsets[-1] + file.write(_line(passage)))
            id_hashes.append(hash(passage.passage_id))
    np.save(folder / OFFSETS_FILE, np.frombuffer(offsets, np.int64))
    store = PassageStore(folder)
    _refuse_repeated_ids(store, np.frombuffer(id_hashes, np.int64))
    return store


def as_corpus(passages: Iterable[Passage]) -> Sequence[Passage]:
    """Return ``passages`` as a sequence: themselves, if they are one.

    Raises:
        ValueError: two passages have the same id.
    """
    if isinstance(passages, PassageStore):
        return passages  # `write_passages` has looked
    corpus = passages if isinstance(passages, Sequence) else tuple(passages)
    first: dict[str, int] = {}
    for position, passage in enumerate(corpus):
        known = first.setdefault(passage.passage_id, position)
        if known != position:
            raise _repeated(passage.passage_id, known, position)
    return corpus


def corpus_hash(passages: Iterable[Passage]) -> str:
    """Return the SHA-256 of ``passages`` in their canonical form, as 64 hex digits."""
    if isinstance(passages, PassageStore):
        return file_hash(passages.folder / PASSAGES_FILE)
    digest = hashlib.sha256()
    for passage in passages:
        digest.update(_line(passage))
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _line(passage: Passage) -> bytes:
    row = {"id": passage.passage_id, "title": passage.title, "text": passage.text}
    # Lone surrogates are no valid UTF-8, but a corpus may hold them: they are kept as they are.
    return (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _read(path: Path, *, in_memory: bool) -> bytes | mmap.mmap:
    if in_memory or path.stat().st_size == 0:  # an empty file cannot be mapped
        return path.read_bytes()
    file: IO[bytes]
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _reopen(folder: Path, in_memory: bool) -> PassageStore:  # noqa: FBT001 - pickle passes it so
    return PassageStore(folder, in_memory=in_memory)


def _refuse_repeated_ids(store: PassageStore, id_hashes: NDArray[np.int64]) -> None:
    """Raise if an id comes twice; eight bytes an id, where a set would hold every string."""
    order = np.argsort(id_hashes, kind="stable")
    same = np.flatnonzero(np.diff(id_hashes[order]) == 0)
    for first, second in zip(order[same], order[same + 1], strict=True):
        passage_id = store[int(first)].passage_id
        if passage_id == store[int(second)].passage_id:
            raise _repeated(passage_id, int(first), int(second))


def _repeated(passage_id: str, first: int, second: int) -> ValueError:
    return ValueError(
        f"passage ids must be unique, got {passage_id!r} at positions {first} and {second}"
    )
