"""Multi-hop questions about real facts, and the corpus in which their answers stand.

`load_corpus` and `load_questions` read the bundled files; `next_query`, `read_hop_answer` and
`final_answer` follow a question's decomposition through passages. ``DATASHEET.md`` says where the
facts are from and how the questions were made;
``python -m llmenvs.data.search_qa.generation`` makes them again.
"""

from llmenvs.data.search_qa.decomposition import final_answer, next_query, read_hop_answer
from llmenvs.data.search_qa.loading import load_corpus, load_questions
from llmenvs.data.search_qa.normalization import normalize_answer

__all__ = [
    "final_answer",
    "load_corpus",
    "load_questions",
    "next_query",
    "normalize_answer",
    "read_hop_answer",
]
