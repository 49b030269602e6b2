"""Encoding a corpus shard by shard, so that a build that was killed goes on where it stopped.

A shard is a file of vectors for a run of passages, written under another name and then renamed: it
is whole or it is not there. ``vectors.json`` beside them says of which corpus and encoder they are;
shards of another one are encoded again.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmenvs.retrievers.encoders import Encoder
from llmenvs.retrievers.retriever import Passage

Progress = Callable[[int, int], None]
"""Called with the passages that are done and their total."""

SHARD_SIZE = 1024
"""Passages a file."""
_DESCRIPTION = "vectors.json"


class VectorShards:
    """The vectors of a corpus, in files; iterating reads one file (S, D) after the other."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for path in self._paths:
            yield np.load(path)


def encode_shards(
    passages: Sequence[Passage],
    encoder: Encoder,
    folder: Path,
    *,
    corpus_sha256: str,
    progress: Progress | None = None,
) -> VectorShards:
    """Encode ``passages`` into files in ``folder``, but for the files that are there already.

    Args:
        passages: the corpus, in order.
        encoder: makes the vectors.
        folder: made if need be; holds nothing else.
        corpus_sha256: names the corpus; files of another one are not used.
        progress: called after each file, and first for those that were there.
    """
    description = {
        "corpus_sha256": corpus_sha256,
        "encoder": dict(encoder.settings),
        "shard_size": SHARD_SIZE,
    }
    _keep_only_shards_of(folder, description)
    paths: list[Path] = []
    for start in range(0, len(passages), SHARD_SIZE):
        stop = min(start + SHARD_SIZE, len(passages))
        path = folder / f"{start:012d}.npy"
        if not path.exists():
            texts = [passages[position].indexed_text for position in range(start, stop)]
            _write_whole(path, encoder.encode_passages(texts))
        paths.append(path)
        if progress is not None:
            progress(stop, len(passages))
    return VectorShards(paths)


def encode_all(
    passages: Sequence[Passage], encoder: Encoder, *, progress: Progress | None = None
) -> list[NDArray[np.float32]]:
    """Encode ``passages`` into memory, as a list of vectors (S, D) in order."""
    shards = []
    for start in range(0, len(passages), SHARD_SIZE):
        stop = min(start + SHARD_SIZE, len(passages))
        texts = [passages[position].indexed_text for position in range(start, stop)]
        shards.append(encoder.encode_passages(texts))
        if progress is not None:
            progress(stop, len(passages))
    return shards


def _keep_only_shards_of(folder: Path, description: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _DESCRIPTION
    if path.exists() and json.loads(path.read_text("utf-8")) == description:
        return
    for shard in folder.glob("*.npy*"):
        shard.unlink()
    path.write_text(json.dumps(description), "utf-8")


def _write_whole(path: Path, vectors: NDArray[np.float32]) -> None:
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("wb") as file:
        np.save(file, vectors)
    unfinished.rename(path)
