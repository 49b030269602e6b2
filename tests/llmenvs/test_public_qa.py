"""Each public set is read in every form in which it is published, and a bad row is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from llmenvs import rollout
from llmenvs.envs import SearchQAEnv
from llmenvs.public_qa import READERS, load_public_qa, read_qa_passages
from llmenvs.retrievers import BM25Retriever

HOTPOT: dict[str, Any] = {
    "_id": "5a8b57f25542995d1e6f1371",
    "answer": "Cam",
    "question": "On which river is the city where Alan Turing studied?",
    "supporting_facts": [["Alan Turing", 0], ["Cambridge", 0], ["Cambridge", 1]],
    "context": [
        ["Alan Turing", ["Alan Turing studied in Cambridge.", " He was a runner."]],
        ["Cambridge", ["Cambridge is a city.", " It is on the river Cam."]],
        ["Oxford", ["Oxford is a city."]],
    ],
    "type": "bridge",
    "level": "hard",
}
HOTPOT_HUB = {
    **{key: HOTPOT[key] for key in ("question", "answer", "type", "level")},
    "id": HOTPOT["_id"],
    "supporting_facts": {
        "title": ["Alan Turing", "Cambridge", "Cambridge"],
        "sent_id": [0, 0, 1],
    },
    "context": {
        "title": [title for title, _ in HOTPOT["context"]],
        "sentences": [sentences for _, sentences in HOTPOT["context"]],
    },
}
TWO_WIKI = {
    **HOTPOT,
    "type": "compositional",
    "evidences": [["Alan Turing", "educated at", "Cambridge"], ["Cambridge", "river", "Cam"]],
}
TWO_WIKI_TEXT = {
    **TWO_WIKI,
    **{key: json.dumps(TWO_WIKI[key]) for key in ("context", "supporting_facts", "evidences")},
}
MUSIQUE: dict[str, Any] = {
    "id": "2hop__1_2",
    "paragraphs": [
        {"idx": 0, "title": "Oxford", "paragraph_text": "A city.", "is_supporting": False},
        {
            "idx": 1,
            "title": "Alan Turing",
            "paragraph_text": "Alan Turing studied in Cambridge.",
            "is_supporting": True,
        },
        {
            "idx": 2,
            "title": "Cambridge",
            "paragraph_text": "Cambridge is on the river Cam.",
            "is_supporting": True,
        },
    ],
    "question": "On which river is the city where Alan Turing studied?",
    "question_decomposition": [
        {"question": "Alan Turing >> studied", "answer": "Cambridge", "paragraph_support_idx": 1},
        {"question": "#1 >> river", "answer": "Cam", "paragraph_support_idx": 2},
    ],
    "answer": "Cam",
    "answer_aliases": ["River Cam", "Cam"],
    "answerable": True,
}
TRIVIA = {
    "Question": "Which river flows through London?",
    "QuestionId": "tc_1",
    "Answer": {"Value": "Thames", "Aliases": ["River Thames", "Thames"], "Type": "WikipediaEntity"},
}
TRIVIA_HUB = {
    "question": "Which river flows through London?",
    "question_id": "tc_1",
    "answer": {"value": "Thames", "aliases": ["River Thames", "Thames"], "type": "WikipediaEntity"},
}
POPQA = {
    "id": 4222362,
    "subj": "George Rankin",
    "prop": "occupation",
    "obj": "politician",
    "question": "What is George Rankin's occupation?",
    "possible_answers": '["politician", "political leader"]',
}
FLASHRAG = {"id": "test_0", "question": "who wrote it ", "golden_answers": ["Ada"]}

FORMS: list[tuple[str, dict[str, Any], list[str], str]] = [
    ("nq", {"question": "who wrote it", "answer": ["Ada", "Ada L."]}, ["Ada", "Ada L."], "nq-0"),
    ("nq", FLASHRAG, ["Ada"], "nq-test_0"),
    ("triviaqa", TRIVIA, ["Thames", "River Thames"], "triviaqa-tc_1"),
    ("triviaqa", TRIVIA_HUB, ["Thames", "River Thames"], "triviaqa-tc_1"),
    ("triviaqa", FLASHRAG, ["Ada"], "triviaqa-test_0"),
    ("popqa", POPQA, ["politician", "political leader"], "popqa-4222362"),
    (
        "popqa",
        {**POPQA, "possible_answers": ["politician"]},
        ["politician"],
        "popqa-4222362",
    ),
    ("hotpotqa", HOTPOT, ["Cam"], "hotpotqa-5a8b57f25542995d1e6f1371"),
    ("hotpotqa", HOTPOT_HUB, ["Cam"], "hotpotqa-5a8b57f25542995d1e6f1371"),
    ("hotpotqa", FLASHRAG, ["Ada"], "hotpotqa-test_0"),
    ("2wikimultihopqa", TWO_WIKI, ["Cam"], "2wikimultihopqa-5a8b57f25542995d1e6f1371"),
    ("2wikimultihopqa", TWO_WIKI_TEXT, ["Cam"], "2wikimultihopqa-5a8b57f25542995d1e6f1371"),
    ("musique", MUSIQUE, ["Cam", "River Cam"], "musique-2hop__1_2"),
    ("musique", FLASHRAG, ["Ada"], "musique-test_0"),
    ("bamboogle", {"Question": "Who wrote it?", "Answer": "Ada"}, ["Ada"], "bamboogle-0"),
    ("bamboogle", FLASHRAG, ["Ada"], "bamboogle-test_0"),
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write ``rows`` in the form that the name asks for, real Parquet included."""
    if path.suffix == ".parquet":
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(
            json.dumps({"Data": rows, "Version": 1.0} if "Question" in rows[0] else rows)
        )
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


CASES = [
    (suffix, *form)
    for suffix in (".jsonl", ".parquet", ".json")
    for form in FORMS
    if suffix != ".parquet" or form[1] not in (HOTPOT, TWO_WIKI)  # no table holds a mixed list
]


@pytest.mark.parametrize(("suffix", "dataset", "row", "answers", "task_id"), CASES)
def test_every_form_of_every_set_is_read(
    tmp_path: Path, suffix: str, dataset: str, row: dict[str, Any], answers: list[str], task_id: str
) -> None:
    (task,) = load_public_qa(write(tmp_path / f"data{suffix}", [row]), dataset=dataset)

    assert task["answers"] == answers
    assert task["task_id"] == task_id
    assert task["dataset"] == dataset
    assert task["question"].endswith("?")
    assert task["question"] == task["question"].strip()


def test_all_seven_sets_are_tried() -> None:
    assert {dataset for dataset, *_ in FORMS} == set(READERS)
    assert len(READERS) == 7


@pytest.mark.parametrize(
    ("dataset", "row"),
    [
        ("hotpotqa", HOTPOT),
        ("hotpotqa", HOTPOT_HUB),
        ("2wikimultihopqa", TWO_WIKI),
        ("2wikimultihopqa", TWO_WIKI_TEXT),
        ("musique", MUSIQUE),
    ],
)
def test_gold_passages_are_those_of_the_corpus_that_comes_with_the_questions(
    tmp_path: Path, dataset: str, row: dict[str, Any]
) -> None:
    path = write(tmp_path / "data.jsonl", [row, {**row, "id": "again", "_id": "again"}])
    passages = list(read_qa_passages(path, dataset=dataset))
    task = load_public_qa(path, dataset=dataset)[0]
    gold = [passage.title for passage in passages if passage.passage_id in task["gold_passages"]]

    assert len(passages) == 3
    assert gold == ["Alan Turing", "Cambridge"]
    assert len(task["gold_passages"]) == 2
    if dataset != "musique":
        assert task["supporting_titles"] == ["Alan Turing", "Cambridge"]


def test_the_oracle_solves_musique_by_its_decomposition(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [MUSIQUE])
    retriever = BM25Retriever.from_passages(read_qa_passages(path, dataset="musique"))
    tasks = load_public_qa(path, dataset="musique")
    env = SearchQAEnv(tasks=tasks, retriever=retriever)
    (played,) = rollout([env], env.scripted_policies()["oracle"], seeds=[0])
    hops = [hop["passage_id"] for hop in tasks[0]["hops"]]

    assert played.info["verdict"].success
    assert played.info["verdict"].parts["passage_recall"] == 1.0
    assert hops == tasks[0]["gold_passages"]


def test_questions_that_cannot_be_answered_are_left_out(tmp_path: Path) -> None:
    rows = [MUSIQUE, {**MUSIQUE, "id": "none", "answerable": False}]

    assert len(load_public_qa(write(tmp_path / "data.jsonl", rows), dataset="musique")) == 1


@pytest.mark.parametrize(
    ("dataset", "row", "message"),
    [
        (
            "nq",
            {"question": "who"},
            r"jsonl:1: is no row of nq: needs 'answer'; it has \['question'",
        ),
        ("nq", {"answer": ["x"]}, "needs 'question' or 'Question'"),
        ("nq", {"question": "who", "answer": "x"}, "answers must be a list of strings, got 'x'"),
        ("nq", {"question": "who", "answer": []}, "at least one answer"),
        ("nq", {"question": " ", "answer": ["x"]}, "needs a question"),
        ("nq", {"question": "who", "answer": [3]}, "answers must be strings"),
        ("triviaqa", {"question": "q", "answer": {"value": "<unk>"}}, "is this the test split"),
        ("popqa", {"question": "q", "possible_answers": "[unquoted]"}, "is no row of popqa"),
        ("hotpotqa", {**HOTPOT, "context": [["title only"]]}, "is no row of hotpotqa"),
        ("musique", {**MUSIQUE, "answer": 7}, "'answer' must be a string, got 7"),
    ],
)
def test_a_row_of_another_form_is_named(
    tmp_path: Path, dataset: str, row: dict[str, Any], message: str
) -> None:
    path = write(tmp_path / "data.jsonl", [row])

    with pytest.raises(ValueError, match=message):
        load_public_qa(path, dataset=dataset)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("data.json", "{", "is not JSON"),
        ("data.json", '{"rows": []}', "a list of objects, or one as 'Data'"),
        ("data.json", "[]", "there is no question in it"),
        ("data.csv", "", "ends in .jsonl or .parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(ValueError, match=message):
        load_public_qa(tmp_path / name, dataset="nq")


def test_unknown_sets_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [{"question": "who", "answer": ["x"]}])

    with pytest.raises(ValueError, match=r"dataset must be one of .*'nq'.*, got 'squad'"):
        load_public_qa(path, dataset="squad")
    with pytest.raises(ValueError, match=r"dataset must be one of .*'musique'\], got 'nq'"):
        next(read_qa_passages(path, dataset="nq"))
