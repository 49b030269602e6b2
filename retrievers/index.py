"""Opening an index directory of any kind."""

from os import PathLike

from llmenvs.retrievers.bm25 import BM25Retriever
from llmenvs.retrievers.dense import DenseRetriever
from llmenvs.retrievers.hybrid import HybridRetriever
from llmenvs.retrievers.manifest import IndexMismatchError, read_manifest
from llmenvs.retrievers.retriever import StoredRetriever

_CLASSES: dict[str, type[StoredRetriever]] = {
    "bm25": BM25Retriever,
    "dense": DenseRetriever,
    "hybrid": HybridRetriever,
}


def load_retriever(path: str | PathLike[str], *, mmap: bool = True) -> StoredRetriever:
    """Return the retriever in the index directory ``path``, whatever its kind.

    Raises:
        IndexMismatchError: there is no index, or it was changed since it was written.
    """
    kind = read_manifest(path, verify=False).kind
    if kind not in _CLASSES:
        raise IndexMismatchError(f"{path}: the kind must be one of {list(_CLASSES)}, got {kind!r}")
    return _CLASSES[kind].load(path, mmap=mmap)
