"""Retrievers: which passages answer a query?"""

from llmenvs.retrievers.bm25 import BM25Retriever
from llmenvs.retrievers.client import HTTPRetriever
from llmenvs.retrievers.corpus import read_corpus
from llmenvs.retrievers.dense import DenseRetriever
from llmenvs.retrievers.encoders import Encoder, load_encoder, minilm_encoder
from llmenvs.retrievers.hybrid import HybridRetriever
from llmenvs.retrievers.index import load_retriever
from llmenvs.retrievers.manifest import IndexMismatchError
from llmenvs.retrievers.retriever import Hit, Passage, Retriever, RetrieverError, StoredRetriever
from llmenvs.retrievers.tokenization import WordTokenizer

__all__ = [
    "BM25Retriever",
    "DenseRetriever",
    "Encoder",
    "HTTPRetriever",
    "Hit",
    "HybridRetriever",
    "IndexMismatchError",
    "Passage",
    "Retriever",
    "RetrieverError",
    "StoredRetriever",
    "WordTokenizer",
    "load_encoder",
    "load_retriever",
    "minilm_encoder",
    "read_corpus",
]
