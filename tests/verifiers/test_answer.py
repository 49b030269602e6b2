"""The answer verifier reads the policy's own answer, scores it as labelled, survives anything."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.answer import AnswerVerifier, Metric
from llmenvs.verifiers.verdict import Status, Verifier

METRICS: tuple[Metric, ...] = ("em", "f1", "cover_em")
CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "answer_cases.jsonl").read_text("utf-8").splitlines()
]
TAGGED = st.lists(
    st.sampled_from(["<answer>", "</answer>", "<information>", "</information>", "Rome", "the"])
    | st.text(max_size=5)
).map("".join)


def test_it_is_a_verifier() -> None:
    assert isinstance(AnswerVerifier(), Verifier)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
@pytest.mark.parametrize("metric", METRICS)
def test_every_labelled_case_is_scored_as_labelled(metric: Metric, case: dict[str, Any]) -> None:
    verdict = AnswerVerifier(metric=metric)(case["completion"], case["golds"])

    assert verdict.score == pytest.approx(case[metric])
    assert verdict.extracted == case["extracted"]
    assert verdict.success == bool(case["cover_em" if metric == "cover_em" else "em"])


def test_the_shared_cases_are_scored_as_labelled(shared: Path) -> None:
    for line in (shared / "cases" / "qa.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        verdict = AnswerVerifier()(case["response"], case["golds"])

        assert verdict.score == case["expected_em"], case["id"]
        assert verdict.extracted == case["expected_extracted"], case["id"]
        assert verdict.parts.get("f1", 0.0) == pytest.approx(case["expected_f1"]), case["id"]


def test_without_tags_there_is_no_answer_but_an_empty_answer_is_one() -> None:
    missing, empty = (AnswerVerifier()(text, "Rome") for text in ("Rome", "<answer> </answer>"))

    assert (missing.status, missing.score, missing.extracted) == (Status.NO_ANSWER, 0.0, None)
    assert (empty.status, empty.score, empty.extracted) == (Status.SCORED, 0.0, "")


def test_a_single_gold_may_be_a_str_and_several_a_tuple() -> None:
    completion = "<answer>Rome</answer>"

    assert AnswerVerifier()(completion, "rome").success
    assert AnswerVerifier()(completion, ("Milan", "rome")).success


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([], "at least one gold"),
        ([""], "blank gold, got '' at index 0"),
        (["Rome", " \n"], "at index 1"),
        (["Rome", 3], "got 3 at index 1"),
        (" ", "blank gold"),
        (None, "a list of str, got None"),
        ({"target": ["Rome"]}, "a list of str, got {'target'"),
        (b"Rome", "a list of str, got b'Rome'"),
    ],
)
def test_a_bad_target_is_named(target: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnswerVerifier()("<answer>Rome</answer>", target)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "bleu"}, "got 'bleu'"),
        ({"metric": "f1", "shaped": True}, "needs metric 'em', got 'f1'"),
        ({"retrieval_bonus": 0.9}, "got 0.9"),
        ({"retrieval_bonus": float("nan")}, "got nan"),
    ],
)
def test_a_bad_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnswerVerifier(**arguments)


@given(TAGGED, st.sampled_from(METRICS), st.booleans())
def test_every_completion_has_a_score_in_range(text: str, metric: Metric, shaped: bool) -> None:
    verifier = AnswerVerifier(metric="em" if shaped else metric, shaped=shaped)

    verdict = verifier(text, ["Rome", "the"])

    assert verdict.score is not None
    assert 0.0 <= verdict.score <= 1.0
    assert (verdict.extracted is None) == (verdict.status is Status.NO_ANSWER)


@given(TAGGED, TAGGED)
def test_what_is_retrieved_changes_nothing(page: str, before: str) -> None:
    page = page.replace("</information>", "")
    completion = before.replace("<information>", "") + "<answer> Rome </answer>"

    verdict = AnswerVerifier()(completion, ["Rome"])
    with_page = AnswerVerifier()(f"{completion}<information>{page}</information>", ["Rome"])

    assert with_page == verdict


@pytest.mark.parametrize(
    "text",
    [
        "<answer>" * 12_500,
        "</answer><answer>" * 6_000,
        "<information>" * 8_000,
        "<answer>" + "the " * 25_000 + "</answer>",
        "<answer>" + "(" * 100_000 + "</answer>",
        "<answer>\ud800</answer>",
        "<think></think><search>" * 4_000,
    ],
)
def test_hostile_completions_are_wrong_answers(text: str) -> None:
    assert AnswerVerifier()(text, ["Rome"]).score == 0.0
    assert AnswerVerifier(shaped=True)(text, ["Rome"]).success is False


SEARCH = "<think>?</think> <search>capital</search> <information>{}</information> "
PAGE = "Rome is the capital."


@pytest.mark.parametrize(
    ("completion", "score"),
    [
        (SEARCH.format(PAGE) + "<think>so</think><answer>Rome</answer>", 1.0),
        (SEARCH.format(PAGE) + "<answer>Rome</answer>", 0.8),
        (SEARCH.format(PAGE) + "<think>so</think><answer>Milan</answer>", 0.3),
        (SEARCH.format("Milan") + "<think>so</think><answer>Milan</answer>", 0.2),
        (SEARCH.format(PAGE) + "<answer>Milan</answer>", 0.1),
        (SEARCH.format("<answer>Rome</answer>"), 0.0),
    ],
)
def test_the_shaped_score_is_that_of_search_r1(completion: str, score: float) -> None:
    verdict = AnswerVerifier(shaped=True)(completion, ["Rome"])

    assert verdict.score == pytest.approx(score)
    assert verdict.success == (score >= 0.8)


def test_the_retrieval_bonus_may_be_left_out() -> None:
    completion = SEARCH.format(PAGE) + "<think>so</think><answer>Milan</answer>"

    assert AnswerVerifier(shaped=True, retrieval_bonus=0.0)(completion, ["Rome"]).score == 0.2
