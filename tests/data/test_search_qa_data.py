"""The bundled questions can be answered through search, and only by reading: no leak, no guess."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from llmenvs.data.search_qa import (
    final_answer,
    load_corpus,
    load_questions,
    next_query,
    normalize_answer,
    read_hop_answer,
)
from llmenvs.data.search_qa.relations import COUNTRY, RELATIONS
from llmenvs.retrievers import BM25Retriever, Passage, read_corpus

FOLDER = Path(str(files("llmenvs.data.search_qa")))
COUNTRY_KINDS = ("geography", "people", "government", "economy", "symbols")
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def passages() -> dict[str, Passage]:
    return {passage.passage_id: passage for passage in load_corpus()}


@pytest.fixture(scope="module")
def train() -> Rows:
    return load_questions("train")


@pytest.fixture(scope="module")
def test() -> Rows:
    return load_questions("test")


@pytest.fixture(scope="module")
def rows(train: Rows, test: Rows) -> Rows:
    return [*train, *test]


@pytest.fixture(scope="module")
def bm25() -> BM25Retriever:
    return BM25Retriever.from_passages(load_corpus())


def test_the_set_is_as_large_as_it_says(rows: Rows, passages: dict[str, Passage]) -> None:
    size = sum(path.stat().st_size for path in FOLDER.iterdir() if path.suffix in (".gz", ".json"))

    assert len(passages) == len(load_corpus()) >= 10_000
    assert len(rows) >= 5_000
    assert size < 12e6


def test_the_corpus_is_a_file_that_read_corpus_reads() -> None:
    assert tuple(read_corpus(FOLDER / "corpus.jsonl.gz")) == load_corpus()


def test_a_caller_may_change_its_questions() -> None:
    load_questions("test")[0]["question"] = "changed"

    assert load_questions("test")[0]["question"] != "changed"


def test_another_split_is_refused() -> None:
    with pytest.raises(ValueError, match=r"split must be one of \('train', 'test'\), got 'dev'"):
        load_questions("dev")  # type: ignore[arg-type]  # that is the point


def test_rows_are_whole_and_their_ids_unique(rows: Rows) -> None:
    keys = {"id", "question", "answers", "gold_passages", "hops", "kind", "n_hops", "split"}

    assert len({row["id"] for row in rows}) == len({row["question"] for row in rows}) == len(rows)
    for row in rows:
        assert keys <= row.keys() <= keys | {"select"}
        assert 2 <= row["n_hops"] == len(row["hops"]) <= 4
        assert row["gold_passages"] == list(dict.fromkeys(h["passage_id"] for h in row["hops"]))
        assert len(row["gold_passages"]) >= 2
        assert row["question"].rstrip()[-1] == "?"
        assert not re.search(r"[{}#]|\bthe the\b|  ", row["question"])


def test_no_two_questions_need_the_same_facts(rows: Rows) -> None:
    chains = [sorted((hop["relation"], hop["passage_id"]) for hop in r["hops"]) for r in rows]

    assert len(set(map(str, chains))) == len(rows)


def test_all_kinds_and_lengths_are_there(rows: Rows) -> None:
    for split in ("train", "test"):
        counts = Counter(row["kind"] for row in rows if row["split"] == split)
        hops = Counter(row["n_hops"] for row in rows if row["split"] == split)

        assert set(counts) == {"bridge", "comparison", "intersection"}
        assert counts["comparison"] < counts.total() / 4
        assert min(counts.values()) > counts.total() / 20
        assert min(hops[2], hops[3], hops[4]) > counts.total() / 10


def test_passages_read_like_entries(passages: dict[str, Passage]) -> None:
    for passage in passages.values():
        name = re.sub(r"^(?:Geography|People|Government|Economy|Symbols) of ", "", passage.title)
        sentences = re.split(r"(?<=\.) (?=[A-Z'])", passage.text)

        assert 3 <= len(sentences) <= 10, passage  # a name may hold full stops
        assert not passage.text[0].islower()
        assert passage.text[-1] == "."
        assert passage.text.casefold().startswith(name.casefold())


@pytest.mark.slow
def test_every_answer_follows_from_the_gold_passages(
    rows: Rows, passages: dict[str, Passage]
) -> None:
    for row in rows:
        answers: list[Any] = []
        for hop in row["hops"]:
            answer = read_hop_answer(row, answers, passages[hop["passage_id"]].text)
            assert answer is not None, row["id"]
            assert (answer if isinstance(answer, str) else list(answer)) == hop["answer"]
            answers.append(answer)
        accepted = [normalize_answer(answer) for answer in row["answers"]]
        assert normalize_answer(final_answer(row, answers)) == accepted[0]


def test_no_answer_is_given_away(rows: Rows, passages: dict[str, Passage]) -> None:
    for row in rows:
        question = f" {normalize_answer(row['question'])} "
        for answer in row["answers"]:
            assert f" {normalize_answer(answer)} " not in question, row["id"]
        if row["kind"] == "bridge":
            earlier = [passages[key].text for key in row["gold_passages"][:-1]]
            answer = re.compile(rf"(?<!\w){re.escape(row['answers'][0])}(?!['\w])")
            assert not any(answer.search(text) for text in earlier), row["id"]


def test_answers_are_normalised_and_not_ambiguous(rows: Rows) -> None:
    for row in rows:
        forms = [answer.casefold() for answer in row["answers"]]

        assert len(set(forms)) == len(forms)
        assert all(normalize_answer(form) for form in forms)
        assert not re.search(r";|\bnote\b|<|&\w+;|\bunknown\b|\bor\b", row["answers"][0])


@pytest.mark.parametrize("split", ["train", "test"])
def test_guessing_the_best_answer_of_a_relation_earns_less_than_a_tenth(split: Any) -> None:
    finer = defaultdict(list)
    coarser = defaultdict(list)
    for row in load_questions(split):
        answer = normalize_answer(row["answers"][0])
        finer[row["kind"], row["hops"][-1]["relation"]].append(answer)
        coarser[row["hops"][-1]["relation"]].append(answer)

    for groups in (finer, coarser):
        for answers in groups.values():
            assert Counter(answers).most_common(1)[0][1] < len(answers) / 10


def entities_of(row: dict[str, Any]) -> set[str]:
    """Return the entities on the chain of ``row``, as passages or by name."""
    found = set(row["gold_passages"])
    for hop in row["hops"]:
        found |= set() if hop["subject"].startswith("#") else {normalize_answer(hop["subject"])}
        if RELATIONS[hop["relation"]].leads_to:
            found.add(normalize_answer(hop["answer"]))
    return found


@cache
def country_codes() -> dict[str, str]:
    """Return the code of each country by its name."""
    titles = (p for p in load_corpus() if p.passage_id.startswith("government/"))
    return {
        normalize_answer(p.title.removeprefix("Government of ")): p.passage_id.partition("/")[2]
        for p in titles
    }


def countries_of(row: dict[str, Any], passages: dict[str, Passage]) -> set[str]:
    """Return the codes of all countries on the chain of ``row``."""
    codes = set()
    for hop in row["hops"]:
        kind, _, key = hop["passage_id"].partition("/")
        if kind in COUNTRY_KINDS or kind == "peak":
            codes.add(key)
        if kind == "city":
            text = passages[hop["passage_id"]].text
            answers = [
                read_hop_answer(
                    {
                        "hops": [
                            {
                                **hop,
                                "subject": passages[hop["passage_id"]].title,
                                "relation": "city.country",
                            }
                        ]
                    },
                    [],
                    text,
                )
            ]
            codes |= {country_codes()[normalize_answer(str(answer))] for answer in answers}
        if RELATIONS[hop["relation"]].leads_to == COUNTRY:
            codes.add(country_codes()[normalize_answer(hop["answer"])])
    return codes


def test_train_and_test_share_no_entity(train: Rows, test: Rows) -> None:
    seen = set().union(*map(entities_of, train))

    assert not seen & set().union(*map(entities_of, test))


def test_train_and_test_share_no_answer(train: Rows, test: Rows) -> None:
    seen = {normalize_answer(row["answers"][0]) for row in train}

    assert not seen & {normalize_answer(row["answers"][0]) for row in test}


def test_train_and_test_share_no_country(
    train: Rows, test: Rows, passages: dict[str, Passage]
) -> None:
    seen = set().union(*(countries_of(row, passages) for row in train))

    assert not seen & set().union(*(countries_of(row, passages) for row in test))


def test_no_test_country_is_named_in_train(
    train: Rows, test: Rows, passages: dict[str, Passage]
) -> None:
    codes = set().union(*(countries_of(row, passages) for row in test))
    names = [re.escape(name) for name, code in country_codes().items() if code in codes]
    named = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(names, key=len, reverse=True))})(?!\w)")

    for row in train:
        texts = [row["question"], *row["answers"][:1]]
        for hop in row["hops"]:
            texts += [
                hop["question"],
                *([hop["answer"]] if isinstance(hop["answer"], str) else hop["answer"]),
            ]
        for text in texts:
            words = " ".join(re.findall(r"\w+", normalize_answer(re.sub(r"[^\w\s.']", " ", text))))
            assert not named.search(words), (row["id"], text)


def follow(rows: Sequence[dict[str, Any]], bm25: BM25Retriever, k: int) -> list[list[Any]]:
    """Return the answers that following each decomposition reads out of the top ``k`` passages."""
    answers: list[list[Any]] = [[] for _ in rows]
    for hop in range(4):
        going = [i for i, row in enumerate(rows) if row["n_hops"] > hop]
        found = bm25.search([next_query(rows[i], answers[i]) for i in going], k)
        for i, hits in zip(going, found, strict=True):
            readings = (read_hop_answer(rows[i], answers[i], hit.text) for hit in hits)
            answers[i].append(next(reading for reading in readings if reading is not None))
            assert rows[i]["hops"][hop]["passage_id"] in {hit.passage_id for hit in hits}
    return answers


def test_following_the_decomposition_answers_every_test_question(
    test: Rows, bm25: BM25Retriever
) -> None:
    for row, answers in zip(test, follow(test, bm25, 3), strict=True):
        assert normalize_answer(final_answer(row, answers)) == normalize_answer(row["answers"][0])


@pytest.mark.slow
def test_following_the_decomposition_answers_every_training_question(
    train: Rows, bm25: BM25Retriever
) -> None:
    for row, answers in zip(train, follow(train, bm25, 3), strict=True):
        assert normalize_answer(final_answer(row, answers)) == normalize_answer(row["answers"][0])


def test_the_question_alone_rarely_finds_all_passages(rows: Rows, bm25: BM25Retriever) -> None:
    found = bm25.search([row["question"] for row in rows], 5)
    at_once = defaultdict(list)
    for row, hits in zip(rows, found, strict=True):
        at_once[row["kind"]].append({h.passage_id for h in hits} >= set(row["gold_passages"]))

    assert all(sum(hits) < 0.3 * len(hits) for hits in at_once.values())
