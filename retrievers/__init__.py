"""Retrievers: which passages answer a query?"""

from llmenvs.retrievers.bm25 import BM25Retriever
from llmenvs.retrievers.corpus import read_corpus
from llmenvs.retrievers.retriever import Hit, Passage, Retriever, RetrieverError, StoredRetriever
from llmenvs.retrievers.tokenization import WordTokenizer

__all__ = [
    "BM25Retriever",
    "Hit",
    "Passage",
    "Retriever",
    "RetrieverError",
    "StoredRetriever",
    "WordTokenizer",
    "read_corpus",
]
