"""The published length rewards give what their formulas and their authors' code give."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.length import (
    CosineLengthVerifier,
    SoftOverlongVerifier,
    ToolRLLengthVerifier,
    cosine_reward,
    len_rewards,
    soft_overlong_punishment,
    toolrl_length_reward,
)
from llmenvs.verifiers.math import MathVerifier
from llmenvs.verifiers.verdict import Status, Verdict


def test_len_is_worked_by_hand() -> None:
    right = [True, True, True, False, False]

    assert len_rewards([0, 50, 100, 0, 75], right) == [0.5, 0.0, -0.5, 0.0, -0.25]
    assert len_rewards([7, 7], [True, False]) == [0.0, 0.0]
    assert len_rewards([], []) == []


@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), min_size=1))
def test_len_never_pays_a_wrong_completion_and_prefers_the_shorter(
    group: list[tuple[int, bool]],
) -> None:
    lengths, correct = [n for n, _ in group], [right for _, right in group]
    rewards = len_rewards(lengths, correct)

    assert all(-0.5 <= reward <= 0.5 for reward in rewards)
    assert all(reward <= 0 for reward, right in zip(rewards, correct, strict=True) if not right)
    best = [(n, r) for n, r, right in zip(lengths, rewards, correct, strict=True) if right]
    assert [r for _, r in sorted(best, key=lambda x: x[0])] == sorted((r for _, r in best))[::-1]


@pytest.mark.parametrize(
    ("ratio", "reward"), [(0, 1.0), (0.5, 0.75), (1, 0.5), (1.5, 0.5), (2, 0.5)]
)
def test_cosine_stays_down_beyond_the_limit_where_open_r1s_rises(
    ratio: float, reward: float
) -> None:
    length = int(1000 * ratio)
    theirs = 0.5 + 0.25 * (1 + math.cos(math.pi * ratio))

    ours = cosine_reward(length, max_length=1000, at_zero=1.0, at_max=0.5)

    assert ours == pytest.approx(reward)
    assert (ours == pytest.approx(theirs)) is (ratio <= 1)


def test_a_wrong_answer_gets_less_the_shorter_it_is() -> None:
    verifier = CosineLengthVerifier(MathVerifier(), max_length=10)

    assert verifier("5", "4").score == pytest.approx(-0.988, abs=1e-3)
    assert verifier("it is 5 or so, I do think", "4").score == pytest.approx(-0.5)
    assert verifier("4", "4").score == pytest.approx(0.988, abs=1e-3)
    assert verifier("4", "4").success


def test_cosine_leaves_an_undecided_answer_undecided() -> None:
    def lost(completion: str, target: object) -> Verdict:
        return Verdict.undecided(Status.TIMEOUT, reason="lost")

    assert CosineLengthVerifier(lost, max_length=10)("4", "4").status is Status.TIMEOUT


@given(st.integers(1, 500), st.data())
def test_soft_overlong_is_trls_own_function(max_length: int, data: st.DataObject) -> None:
    rewards = pytest.importorskip("trl.rewards.other_rewards")
    buffer = data.draw(st.integers(0, max_length))
    length = data.draw(st.integers(0, 600))
    theirs = rewards.get_soft_overlong_punishment(max_length, buffer)([[1] * length])

    ours = soft_overlong_punishment(length, max_length=max_length, buffer=buffer)

    assert [ours] == theirs
    verifier = SoftOverlongVerifier(max_length=max_length, buffer=buffer)
    assert verifier("x" * length).score == ours


@pytest.mark.parametrize(
    ("words", "step", "reward"),
    [(0, None, 0.0), (256, None, 0.5), (300, None, 0.59), (600, None, 1.0), (384, 0, 1.0),
     (384, 105, 0.6)],
)  # fmt: skip
def test_toolrls_reward_is_rounded_and_capped(words: int, step: int | None, reward: float) -> None:
    assert toolrl_length_reward(words, step=step) == reward
    completion = "<think>old</think><think>" + "w " * words + "</think> w w w"
    assert ToolRLLengthVerifier(step=step)(completion).score == reward


def test_without_a_thought_there_is_no_answer() -> None:
    assert ToolRLLengthVerifier()("<think>so").status is Status.NO_ANSWER


@pytest.mark.parametrize(
    "call",
    [
        lambda: len_rewards([1], []),
        lambda: len_rewards([-1], [True]),
        lambda: cosine_reward(1, max_length=0, at_zero=1.0, at_max=0.5),
        lambda: cosine_reward(1, max_length=1, at_zero=math.nan, at_max=0.5),
        lambda: SoftOverlongVerifier(max_length=10, buffer=11),
        lambda: SoftOverlongVerifier(max_length=10, buffer=1, unit="tokens"),
        lambda: ToolRLLengthVerifier(step=-1),
        lambda: ToolRLLengthVerifier()("a", "b"),
        lambda: CosineLengthVerifier(MathVerifier(), max_length=0),
    ],
)
def test_bad_arguments_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"need |go together|must be None"):
        call()  # type: ignore[operator]  # each is a function
