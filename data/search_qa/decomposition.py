"""A question's decomposition, followed through passages: what the oracle of the environment does.

A hop of a question is ``{"question", "subject", "relation", "passage_id", "answer"}``. ``#1`` in
its question and subject stands for the answer of hop 1. ``#best`` stands for the entity that a
comparison of earlier hops selects; then the hop, or for the last step the question itself, has
``"select": {"operation", "hops", "candidates"}``, where the operation is

    max, min        the candidate at the place of the largest or smallest of the hops' numbers,
    intersection    the only element that the hops' lists have in common (no candidates).

Nothing here knows a fact: every answer is read out of a passage's text by the wordings of its
relation.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from llmenvs.data.search_qa.grammar import read_fact, read_list
from llmenvs.data.search_qa.normalization import normalize_answer
from llmenvs.data.search_qa.relations import GRAMMARS, RELATIONS

Answer = str | Sequence[str]
"""Of one hop: a text, or the members of a list."""

_REFERENCE = re.compile(r"#(\d+|best)")
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


def next_query(task: Mapping[str, Any], answers: Sequence[Answer]) -> str:
    """Return the search query of the hop that comes after those with ``answers``.

    Raises:
        ValueError: every hop has its answer.
    """
    hop = _next_hop(task, answers)
    return _resolve(hop["question"], hop, answers)


def read_hop_answer(
    task: Mapping[str, Any], answers: Sequence[Answer], passage_text: str
) -> Answer | None:
    """Return the answer of the next hop as ``passage_text`` states it; None where it does not.

    Args:
        task: the question.
        answers: of the hops before.
        passage_text: of a passage that a search returned, without its title.
    """
    hop = _next_hop(task, answers)
    relation = RELATIONS[hop["relation"]]
    subject = _resolve(hop["subject"], hop, answers)
    text = read_fact(
        GRAMMARS[relation.kind], passage_text.strip(), name=subject, slot=relation.slot
    )
    if text is None:
        return None
    return read_list(text) if relation.is_list else text


def final_answer(task: Mapping[str, Any], answers: Sequence[Answer]) -> str:
    """Return the answer to the question from those of all its hops.

    Raises:
        ValueError: a hop has no answer yet, or the lists have not exactly one element in common.
    """
    if len(answers) != len(task["hops"]):
        raise ValueError(f"need the answers of {len(task['hops'])} hops, got {len(answers)}")
    if task.get("select"):
        return _select(task["select"], answers)
    return _text(answers[-1])


def _next_hop(task: Mapping[str, Any], answers: Sequence[Answer]) -> Mapping[str, Any]:
    hops = task["hops"]
    if len(answers) >= len(hops):
        raise ValueError(f"all {len(hops)} hops have their answers")
    hop: Mapping[str, Any] = hops[len(answers)]
    return hop


def _resolve(text: str, hop: Mapping[str, Any], answers: Sequence[Answer]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] == "best":
            return _select(hop["select"], answers)
        return _text(answers[int(match[1]) - 1])

    return _REFERENCE.sub(value, text)


def _select(select: Mapping[str, Any], answers: Sequence[Answer]) -> str:
    values = [answers[hop - 1] for hop in select["hops"]]
    if select["operation"] == "intersection":
        return _common_element(values)
    choose = {"max": max, "min": min}[select["operation"]]
    numbers = [_number(_text(value)) for value in values]
    candidate: str = select["candidates"][numbers.index(choose(numbers))]
    return _REFERENCE.sub(lambda match: _text(answers[int(match[1]) - 1]), candidate)


def _common_element(lists: Sequence[Answer]) -> str:
    first, *others = (
        {normalize_answer(item): item for item in ([value] if isinstance(value, str) else value)}
        for value in lists
    )
    common = [item for key, item in first.items() if all(key in other for other in others)]
    if len(common) != 1:
        raise ValueError(f"need exactly one common element, got {common}")
    return common[0]


def _number(text: str) -> float:
    match = _NUMBER.search(text)
    if match is None:
        raise ValueError(f"need a number, got {text!r}")
    return float(match[0].replace(",", ""))


def _text(answer: Answer) -> str:
    if not isinstance(answer, str):
        raise ValueError(f"need a single answer, got the list {list(answer)}")
    return answer
