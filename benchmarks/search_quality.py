"""Measure the bundled multi-hop questions: can they be answered by following them, and only so?

    python benchmarks/search_quality.py --out benchmarks/results/search_quality.jsonl

One JSON object a line: ``data`` says how large the set is and what guessing earns, and one line a
retriever (BM25, dense, hybrid, and as a baseline rank_bm25's BM25Okapi on a part) says how well
following the decomposition finds the passages, and how often the question alone does. The policy
that follows it reads every answer out of the passages that came back and knows no fact. Vectors
are made on the first run, which takes minutes; ``--part`` leaves them out.
"""

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from machine import cpu_and_packages

from llmenvs.data.search_qa import (
    final_answer,
    load_corpus,
    load_questions,
    next_query,
    normalize_answer,
    read_hop_answer,
)
from llmenvs.retrievers import BM25Retriever, HybridRetriever, Retriever

Row = Mapping[str, Any]
HOP_DEPTH = 10
SHOWN = 3
QUESTION_DEPTH = 5
PEER_QUESTIONS = 100
PACKAGES = ("bm25s", "faiss-cpu", "numpy", "rank-bm25", "torch", "transformers")


def follow(
    retriever: Retriever, rows: Sequence[Row], k: int
) -> tuple[list[list[Any]], list[set[str]]]:
    """Return for each row the answers read hop by hop, and the ids of all passages found."""
    answers: list[list[Any]] = [[] for _ in rows]
    found: list[set[str]] = [set() for _ in rows]
    for hop in range(max(row["n_hops"] for row in rows)):
        going = [i for i, row in enumerate(rows) if row["n_hops"] > hop == len(answers[i])]
        queries = [next_query(rows[i], answers[i]) for i in going]
        for i, hits in zip(going, retriever.search(queries, k), strict=True):
            found[i].update(hit.passage_id for hit in hits)
            readings = (read_hop_answer(rows[i], answers[i], hit.text) for hit in hits)
            answer = next((reading for reading in readings if reading is not None), None)
            if answer is not None:
                answers[i].append(answer)
    return answers, found


def is_right(row: Row, answers: Sequence[Any]) -> bool:
    """Return whether ``answers`` of the hops lead to an accepted answer."""
    if len(answers) < row["n_hops"]:
        return False
    try:
        answer = final_answer(row, answers)
    except ValueError:
        return False
    return normalize_answer(answer) in map(normalize_answer, row["answers"])


def measure(name: str, retriever: Retriever, rows: Sequence[Row]) -> dict[str, Any]:
    """Return how well ``retriever`` finds what the questions need."""
    start = time.perf_counter()
    _, found = follow(retriever, rows, HOP_DEPTH)
    seconds = time.perf_counter() - start
    answers, _ = follow(retriever, rows, SHOWN)
    alone = retriever.search([row["question"] for row in rows], QUESTION_DEPTH)
    at_once = defaultdict(list)
    for row, hits in zip(rows, alone, strict=True):
        at_once[row["kind"]].append({h.passage_id for h in hits} >= set(row["gold_passages"]))
    return {
        "benchmark": "retrieval",
        "retriever": name,
        "questions": len(rows),
        f"recall_at_{HOP_DEPTH}_following": mean(
            len(ids & set(row["gold_passages"])) / len(row["gold_passages"])
            for row, ids in zip(rows, found, strict=True)
        ),
        f"all_found_at_{HOP_DEPTH}_following": mean(
            ids >= set(row["gold_passages"]) for row, ids in zip(rows, found, strict=True)
        ),
        f"oracle_success_top_{SHOWN}": mean(map(is_right, rows, answers)),
        f"all_found_at_{QUESTION_DEPTH}_by_question": mean(
            hit for hits in at_once.values() for hit in hits
        ),
        "by_question_and_kind": {kind: mean(hits) for kind, hits in sorted(at_once.items())},
        "following_s": round(seconds, 2),
    }


def describe(train: Sequence[Row], test: Sequence[Row]) -> dict[str, Any]:
    """Return sizes, and what a guess without reading earns."""
    passages = load_corpus()
    lengths = sorted(len(passage.text) for passage in passages)
    size = sum(
        path.stat().st_size
        for path in Path(str(files("llmenvs.data.search_qa"))).iterdir()
        if path.suffix in (".gz", ".json")
    )
    return {
        "benchmark": "data",
        "passages": len(passages),
        "median_passage_characters": lengths[len(lengths) // 2],
        "questions": {"train": len(train), "test": len(test)},
        "kinds": dict(
            sorted(Counter(f"{r['kind']}-{r['n_hops']}" for r in [*train, *test]).items())
        ),
        "wheel_mb": round(size / 1e6, 2),
        "closed_book_test": closed_book(test, test),
        "closed_book_train": closed_book(train, train),
        "closed_book_train_to_test": closed_book(train, test),
        "largest_share_of_a_relation": {
            split: max(share_of_best(group) for group in by_relation(rows).values())
            for split, rows in (("train", train), ("test", test))
        },
        "answers_in_both_splits": len(
            {normalize_answer(row["answers"][0]) for row in train}
            & {normalize_answer(row["answers"][0]) for row in test}
        ),
        "gold_passages_in_both_splits": len(
            {key for row in train for key in row["gold_passages"]}
            & {key for row in test for key in row["gold_passages"]}
        ),
    }


def by_relation(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Return the answers of ``rows``, normalised, by kind and last relation."""
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        groups[f"{row['kind']}:{row['hops'][-1]['relation']}"].append(
            normalize_answer(row["answers"][0])
        )
    return groups


def share_of_best(answers: Sequence[str]) -> float:
    """Return the share of the most frequent answer."""
    return round(Counter(answers).most_common(1)[0][1] / len(answers), 4)


def closed_book(known: Sequence[Row], asked: Sequence[Row]) -> float:
    """Return what the most frequent answer of each relation in ``known`` earns on ``asked``."""
    guesses = {
        name: Counter(answers).most_common(1)[0][0] for name, answers in by_relation(known).items()
    }
    return mean(
        guesses.get(f"{row['kind']}:{row['hops'][-1]['relation']}", "")
        in map(normalize_answer, row["answers"])
        for row in asked
    )


def mean(values: Iterable[float]) -> float:
    """Return the mean, to four places."""
    listed = list(values)
    return round(sum(listed) / len(listed), 4)


def main() -> None:
    """Measure and print, or write, one line a measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="a .jsonl file; printed otherwise")
    parser.add_argument("--part", choices=("all", "bm25"), default="all")
    parser.add_argument("--vectors", type=Path, help="folder for the vectors")
    options = parser.parse_args()

    train, test = load_questions("train"), load_questions("test")
    bm25 = BM25Retriever.from_passages(load_corpus())
    lines = [describe(train, test), measure("bm25", bm25, test)]
    if options.part == "all":
        from llmenvs.data.search_qa.vectors import dense_retriever

        dense = dense_retriever(options.vectors)
        lines.append(measure("dense", dense, test))
        lines.append(measure("hybrid", HybridRetriever(bm25, dense), test))
        peer = test[:: max(1, len(test) // PEER_QUESTIONS)]
        peer_bm25 = BM25Retriever.from_passages(load_corpus(), engine="rank-bm25", method="okapi")
        lines.append(measure("rank-bm25 (a part)", peer_bm25, peer))
        lines.append(measure("bm25 (the same part)", bm25, peer))
    text = "".join(json.dumps({**line, **cpu_and_packages(PACKAGES)}) + "\n" for line in lines)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
