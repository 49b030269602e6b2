"""Votes go to answers and not to spellings, and pass@k is what counting all the draws gives."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.consensus import best_of_n, majority_vote, pass_at_k, pass_at_k_of
from llmenvs.verifiers.verdict import Status, Verdict

RIGHT, WRONG = Verdict.scored(1.0, success=True), Verdict.scored(0.0, success=False)
LOST = Verdict.undecided(Status.ERROR, reason="lost")


def test_equal_answers_are_one_vote_each_for_one_answer() -> None:
    vote = majority_vote(
        [r"\boxed{3}", r"\boxed{\frac{1}{2}}", "It is 0.5", "The answer is 2/4", r"\boxed{3.0}", ""]
    )

    assert vote.answer == r"\frac{1}{2}"
    assert vote.groups == ((1, 2, 3), (0, 4))
    assert vote.share == 0.5
    assert vote.answers[5] is None


def test_of_equally_many_votes_the_first_answer_wins() -> None:
    assert majority_vote(["It is 7", "It is 8", "It is 8", "It is 7"]).answer == "7"


def test_without_any_answer_there_is_none() -> None:
    vote = majority_vote(["", " "])

    assert (vote.answer, vote.share, vote.groups) == (None, 0.0, ())


def test_another_verifier_and_what_it_cannot_decide() -> None:
    def same(completion: str, target: str) -> Verdict:
        if "?" in completion:
            return LOST
        return RIGHT if completion.lower() == target.lower() else WRONG

    vote = majority_vote(["Paris", "PARIS", "?", "Rome"], verifier=same, read_answer=str.strip)

    assert vote.groups == ((0, 1), (2,), (3,))
    assert vote.undecided == ((0, 2),)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_the_groups_part_the_completions(numbers: list[int]) -> None:
    vote = majority_vote([f"The answer is {n}." for n in numbers])

    assert sorted(itertools.chain(*vote.groups)) == list(range(len(numbers)))
    assert all(len({numbers[i] for i in group}) == 1 for group in vote.groups)
    assert len(vote.groups) == len(set(numbers))
    assert [len(g) for g in vote.groups] == sorted(map(len, vote.groups), reverse=True)


@given(st.integers(1, 8), st.data())
def test_pass_at_k_is_the_share_of_all_draws_with_a_right_one(n: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    draws = list(itertools.combinations([True] * c + [False] * (n - c), k))

    assert pass_at_k(n, c, k=k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_takes_large_numbers_and_leaves_the_undecided_out() -> None:
    assert 0 < pass_at_k(10_000, 1, k=5_000) < 1
    assert pass_at_k_of([RIGHT, WRONG, LOST], k=2) == 1.0
    assert pass_at_k_of([RIGHT, LOST], k=2) is None


def test_best_of_n_is_the_first_of_the_best_that_are_decided() -> None:
    assert best_of_n([LOST, WRONG, RIGHT, RIGHT]) == 2
    assert best_of_n([LOST]) is None
    assert best_of_n([]) is None


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="completions must be a list"):
        majority_vote("4")
    with pytest.raises(ValueError, match="completions must be a list"):
        majority_vote([])
    with pytest.raises(ValueError, match="num_correct=3, num_completions=2 and k=1"):
        pass_at_k(2, 3, k=1)
