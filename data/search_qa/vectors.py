"""Dense and hybrid search over the bundled corpus, whose vectors are made on first use.

The vectors (14,000 of 384 numbers in half precision, 10.6 MB) are not in the package: with it they
would be nine tenths of it. Making them takes minutes on a CPU, shows how far it is, goes on where
it was stopped, and happens once: they are kept in a folder of the user's cache.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmenvs.data.search_qa.loading import load_corpus
from llmenvs.progress import progress_bar
from llmenvs.retrievers.bm25 import BM25Retriever
from llmenvs.retrievers.dense import DenseRetriever
from llmenvs.retrievers.encoders import Encoder, minilm_encoder
from llmenvs.retrievers.hybrid import HybridRetriever
from llmenvs.retrievers.passages import corpus_hash
from llmenvs.retrievers.retriever import Passage
from llmenvs.retrievers.vectors import SHARD_SIZE, encode_shards

_VECTORS = "vectors.npy"
_DESCRIPTION = "vectors.json"
_SHARDS = "shards"


def dense_retriever(
    folder: Path | None = None,
    *,
    encoder: Encoder | None = None,
    show_progress: bool = True,
) -> DenseRetriever:
    """Return a dense retriever over the bundled corpus.

    Args:
        folder: keeps the vectors, (D, dimension) float16; by default `default_folder`. Vectors of
            another corpus or encoder that are found in it are made again.
        encoder: by default all-MiniLM-L6-v2, which works without a network.
        show_progress: show a bar on standard error while the vectors are made.

    Raises:
        ImportError: the extra ``[dense]`` is not installed.
    """
    folder = folder if folder is not None else default_folder()
    encoder = encoder if encoder is not None else minilm_encoder()
    passages = load_corpus()
    vectors = _stored(folder, passages, encoder)
    if vectors is None:
        vectors = _make(folder, passages, encoder, show_progress=show_progress)
    return DenseRetriever.from_vectors(passages, vectors, encoder=encoder)


def hybrid_retriever(
    folder: Path | None = None,
    *,
    encoder: Encoder | None = None,
    show_progress: bool = True,
) -> HybridRetriever:
    """Return BM25 and `dense_retriever` over the bundled corpus, fused by rank."""
    dense = dense_retriever(folder, encoder=encoder, show_progress=show_progress)
    return HybridRetriever(BM25Retriever.from_passages(load_corpus()), dense)


def default_folder() -> Path:
    """Return where vectors are kept unless a caller says otherwise."""
    return Path.home() / ".cache" / "llmenvs" / "search_qa"


def _stored(
    folder: Path, passages: tuple[Passage, ...], encoder: Encoder
) -> NDArray[np.float16] | None:
    try:
        description = json.loads((folder / _DESCRIPTION).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if description != _describe(passages, encoder):
        return None
    vectors: NDArray[np.float16] = np.load(folder / _VECTORS)
    return vectors


def _make(
    folder: Path, passages: tuple[Passage, ...], encoder: Encoder, *, show_progress: bool
) -> NDArray[np.float16]:
    (folder / _DESCRIPTION).unlink(missing_ok=True)  # it vouches for the vectors beside it
    description = _describe(passages, encoder)
    num_shards = -(-len(passages) // SHARD_SIZE)
    with progress_bar("encoding passages", total=num_shards, shown=show_progress) as bar:
        shards = encode_shards(
            passages,
            encoder,
            folder / _SHARDS,
            corpus_sha256=description["corpus_sha256"],
            progress=lambda done, total: bar.advance(f"{done} of {total}"),
        )
    vectors = np.concatenate([shard.astype(np.float16) for shard in shards])
    np.save(folder / _VECTORS, vectors)
    (folder / _DESCRIPTION).write_text(json.dumps(description), "utf-8")
    for path in (folder / _SHARDS).iterdir():
        path.unlink()
    (folder / _SHARDS).rmdir()
    return vectors


def _describe(passages: tuple[Passage, ...], encoder: Encoder) -> Mapping[str, Any]:
    return {"corpus_sha256": corpus_hash(passages), "encoder": dict(encoder.settings)}
