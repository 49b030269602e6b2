"""The seven public question sets that Search-R1 trains and evaluates on, from files of your own.

Nothing is downloaded. Each set is read in the form in which its authors publish it and in that of
the Hugging Face hub, which agree but for how lists are nested; and in that of FlashRAG, from which
Search-R1's own files are made: ``{"id", "question", "golden_answers"}``.

| set | its fields |
|---|---|
| `nq` | NQ-open: `question`, `answer` (a list) |
| `triviaqa` | `question`, `answer` with `value` and `aliases`; capitalised in the authors' files |
| `popqa` | `question`, `possible_answers` (a list, or JSON of one) |
| `hotpotqa`, `2wikimultihopqa` | `question`, `answer`, `supporting_facts`, `context` |
| `musique` | `question`, `answer`, `answer_aliases`, `paragraphs`, `question_decomposition` |
| `bamboogle` | `Question`, `Answer` |

Three sets bring the passages that their questions are about, of which `read_qa_passages` makes a
corpus; a passage's id follows from its title and text, and a task's ``gold_passages`` are such ids.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmenvs.retrievers.retriever import Passage
from llmenvs.task_files import read_rows
from llmenvs.tasks import TaskSet

Row = Mapping[str, Any]

_FAULTS = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What reading a row of another form can raise."""


def load_public_qa(path: Path, *, dataset: str) -> TaskSet:
    """Read questions as tasks of ``SearchQA-v0``.

    A question is stripped and ends in a question mark, as Search-R1's scripts have it. A task has
    ``answers`` and ``dataset``, and where the file says so ``gold_passages``, ``hops``,
    ``supporting_titles``, ``kind``. MuSiQue's questions that cannot be answered are left out.

    Args:
        path: a ``.jsonl``, ``.parquet`` or ``.json`` file; the last holds a list of rows, or, as
            TriviaQA's, an object with the list as ``Data``.
        dataset: a key of `READERS`, such as ``"hotpotqa"``.

    Raises:
        ValueError: an unknown set, no rows, or a row of another form; the message names its place.
        OSError: the file cannot be read.
        ModuleNotFoundError: Parquet without pyarrow.
    """
    read = _reader(dataset)
    tasks, places = [], []
    for number, (place, row) in enumerate(_rows(path)):
        if row.get("answerable") is False:
            continue
        try:
            task = _flashrag(row) if "golden_answers" in row else read(row)
            question = _text(row, "question", "Question").strip()
            if not question or not task["answers"]:
                raise ValueError("needs a question and at least one answer")
        except _FAULTS as error:
            reason = f"needs {error}" if isinstance(error, KeyError) else error
            raise ValueError(
                f"{place}: is no row of {dataset}: {reason}; it has {sorted(row)}"
            ) from error
        given = next((row[key] for key in ("id", "_id", *_IDS) if key in row), number)
        tasks.append(
            {
                "task_id": f"{dataset}-{given}",
                "question": question if question.endswith("?") else question + "?",
                "dataset": dataset,
                **task,
            }
        )
        places.append(place)
    if not tasks:
        raise ValueError(f"{path}: there is no question in it")
    return TaskSet(tasks, places=places)


def read_qa_passages(path: Path, *, dataset: str) -> Iterator[Passage]:
    """Yield the passages that the questions of a file come with, each once, in its order.

    Args:
        path: as in `load_public_qa`.
        dataset: ``"hotpotqa"``, ``"2wikimultihopqa"`` or ``"musique"``.

    Raises:
        ValueError: another set, or a row without passages.
        OSError: the file cannot be read.
    """
    if dataset not in _PASSAGES:
        raise ValueError(f"dataset must be one of {sorted(_PASSAGES)}, got {dataset!r}")
    seen: set[str] = set()
    for place, row in _rows(path):
        try:
            passages = [passage for passage, _ in _PASSAGES[dataset](row)]
        except _FAULTS as error:
            raise ValueError(f"{place}: has no passages of {dataset}: {error!r}") from error
        for passage in passages:
            if passage.passage_id not in seen:
                seen.add(passage.passage_id)
                yield passage


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path.suffix != ".json":
        yield from read_rows(path)
        return
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: is not JSON ({error})") from error
    rows = content.get("Data") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path}: must hold a list of objects, or one as 'Data'")
    for number, row in enumerate(rows):
        yield f"{path}: row {number}", row


def _reader(dataset: str) -> Callable[[Row], dict[str, Any]]:
    if dataset not in READERS:
        raise ValueError(f"dataset must be one of {sorted(READERS)}, got {dataset!r}")
    return READERS[dataset]


# One function for each form: the answers, and what else the row knows.


def _flashrag(row: Row) -> dict[str, Any]:
    return {"answers": _texts(row["golden_answers"])}


def _nq(row: Row) -> dict[str, Any]:
    return {"answers": _texts(row["answer"])}


def _triviaqa(row: Row) -> dict[str, Any]:
    answer = row["answer"] if "answer" in row else row["Answer"]
    value = _text(answer, "value", "Value")
    if value == "<unk>":  # what the hub's test split has in place of the answers
        raise ValueError("the answer is '<unk>': is this the test split, which has none?")
    return {"answers": _texts([value, *(answer.get("aliases") or answer.get("Aliases") or [])])}


def _popqa(row: Row) -> dict[str, Any]:
    return {"answers": _texts(_unpacked(row["possible_answers"]))}


def _hotpotqa(row: Row) -> dict[str, Any]:
    task: dict[str, Any] = {"answers": _texts([_text(row, "answer")])}
    if row.get("type"):
        task["kind"] = row["type"]
    if _unpacked(row.get("supporting_facts")):
        task["supporting_titles"] = _supporting_titles(row)
        if "context" in row:
            task["gold_passages"] = [p.passage_id for p, gold in _context_passages(row) if gold]
    return task


def _musique(row: Row) -> dict[str, Any]:
    aliases = row.get("answer_aliases") or []
    task: dict[str, Any] = {"answers": _texts([_text(row, "answer"), *aliases])}
    by_index = {}
    if "paragraphs" in row:
        passages = _paragraph_passages(row)
        task["gold_passages"] = [p.passage_id for p, gold in passages if gold]
        by_index = {
            paragraph["idx"]: passage.passage_id
            for paragraph, (passage, _) in zip(row["paragraphs"], passages, strict=True)
        }
    if row.get("question_decomposition"):
        task["hops"] = [
            {
                "question": hop["question"],
                "answer": hop["answer"],
                "passage_id": by_index.get(hop.get("paragraph_support_idx")),
            }
            for hop in row["question_decomposition"]
        ]
    return task


def _bamboogle(row: Row) -> dict[str, Any]:
    return {"answers": _texts([_text(row, "Answer", "answer")])}


READERS: Mapping[str, Callable[[Row], dict[str, Any]]] = {
    "nq": _nq,
    "triviaqa": _triviaqa,
    "popqa": _popqa,
    "hotpotqa": _hotpotqa,
    "2wikimultihopqa": _hotpotqa,
    "musique": _musique,
    "bamboogle": _bamboogle,
}
"""The sets by the names that Search-R1 gives them."""

_IDS = ("question_id", "QuestionId")

# The passages of a row, each with whether it supports the answer.


def _context_passages(row: Row) -> list[tuple[Passage, bool]]:
    context = _unpacked(row["context"])
    if isinstance(context, dict):  # as the hub nests it: lists in an object, not pairs in a list
        texts = context["sentences"] if "sentences" in context else context["content"]
        context = list(zip(context["title"], texts, strict=True))
    supporting = set(_supporting_titles(row)) if row.get("supporting_facts") else set()
    return [
        (_passage(title, " ".join(s.strip() for s in sentences)), title in supporting)
        for title, sentences in context
    ]


def _paragraph_passages(row: Row) -> list[tuple[Passage, bool]]:
    return [
        (_passage(p["title"], p["paragraph_text"]), bool(p.get("is_supporting")))
        for p in row["paragraphs"]
    ]


_PASSAGES: Mapping[str, Callable[[Row], list[tuple[Passage, bool]]]] = {
    "hotpotqa": _context_passages,
    "2wikimultihopqa": _context_passages,
    "musique": _paragraph_passages,
}


def _supporting_titles(row: Row) -> list[str]:
    facts = _unpacked(row["supporting_facts"])
    titles = facts["title"] if isinstance(facts, dict) else [fact[0] for fact in facts]
    return list(dict.fromkeys(titles))


def _passage(title: str, text: str) -> Passage:
    digest = hashlib.sha256(f"{title}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
    return Passage(f"sha256:{digest[:16]}", title, text)


def _unpacked(value: Any) -> Any:
    """Return ``value``, read as JSON where a table holds lists as text."""
    return json.loads(value) if isinstance(value, str) else value


def _text(row: Row, *names: str) -> str:
    for name in names:
        if name in row:
            if not isinstance(row[name], str):
                raise ValueError(f"{name!r} must be a string, got {row[name]!r:.80}")
            return str(row[name])
    raise ValueError(f"needs {' or '.join(map(repr, names))}")


def _texts(values: Any) -> list[str]:
    """Return the strings that are not blank, each once."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ValueError(f"answers must be a list of strings, got {values!r:.80}")
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"answers must be strings, got {values!r:.80}")
    return list(dict.fromkeys(value for value in values if value.strip()))
