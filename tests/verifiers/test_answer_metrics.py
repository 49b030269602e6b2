"""Answers are compared as SQuAD's script does, but that nothing equals nothing by accident."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.answer_metrics import AnswerScores, normalize_answer, score_answer

WORDS = st.lists(st.sampled_from(["rome", "the", "a", "of", "Rome", "x"]), max_size=6).map(" ".join)


def squad_normalization(text: str) -> str:
    """Normalise in four passes over characters and words, as the original is structured."""
    text = "".join(char for char in text.lower() if char not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def squad_f1(answer: str, gold: str) -> float:
    """Compute F1 by striking out tokens one by one."""
    tokens, left = squad_normalization(answer).split(), squad_normalization(gold).split()
    total, common = len(left), 0
    for token in tokens:
        if token in left:
            left.remove(token)
            common += 1
    return 2 * common / (len(tokens) + total) if common else 0.0


@given(st.text())
def test_normalisation_is_squads_and_idempotent(text: str) -> None:
    once = normalize_answer(text)

    assert once == squad_normalization(text)
    assert normalize_answer(once) == squad_normalization(once)


@given(WORDS, WORDS.filter(squad_normalization))
def test_f1_and_exact_match_are_squads(answer: str, gold: str) -> None:
    scores = score_answer(answer, [gold])

    assert scores.f1 == pytest.approx(squad_f1(answer, gold))
    assert scores.em == (squad_normalization(answer) == squad_normalization(gold))
    assert scores.em <= scores.f1
    assert scores.em <= scores.cover_em


@given(WORDS, st.lists(WORDS.filter(str.strip), min_size=1, max_size=4))
def test_of_several_golds_the_best_counts_for_each_metric(answer: str, golds: list[str]) -> None:
    each = [score_answer(answer, [gold]) for gold in golds]

    best = AnswerScores(*(max(values) for values in zip(*each, strict=True)))
    assert score_answer(answer, golds) == best


@pytest.mark.parametrize(
    ("answer", "gold", "covered"),
    [
        ("the city of Rome", "Rome", True),
        ("Romeo", "Rome", False),
        ("in 1955", "5", False),
        ("new york city", "New York", True),
        ("newyork", "New York", False),
        ("首都は東京です", "東京", True),
        ("cafés", "café", False),
        ("Rome", "city of Rome", False),
        ("romerome rome", "Rome", True),
    ],
)
def test_cover_em_asks_for_whole_words(answer: str, gold: str, covered: bool) -> None:
    assert score_answer(answer, [gold]).cover_em == covered


@pytest.mark.parametrize("gold", ["A", "the", "?", "...", "An"])
def test_a_gold_that_normalises_to_nothing_equals_only_itself(gold: str) -> None:
    assert score_answer(f" {gold.upper()} ", [gold]) == (1.0, 1.0, 1.0)
    for other in ("", "!", "a the", f"{gold} Rome"):
        assert score_answer(other, [gold]) == (0.0, 0.0, 0.0)
