"""The penalty is the share of n-grams that came before, as in TRL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers.repetition import RepetitionVerifier, repeated_share


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 5))
def test_it_is_trls_own_function(items: list[int], ngram: int) -> None:
    rewards = pytest.importorskip("trl.rewards.other_rewards")
    theirs = rewards.get_repetition_penalty_reward(ngram, -1.0)([items])
    verifier = RepetitionVerifier(ngram=ngram)

    assert [-repeated_share(items, ngram=ngram)] == theirs
    assert verifier(" ".join(map(str, items))).score == theirs[0]


def test_the_unit_decides_what_is_seen() -> None:
    loop = "我们" * 100

    assert RepetitionVerifier()(loop).score == 0.0  # one word to white space
    verdict = RepetitionVerifier(unit="characters", max_penalty=-2.0)(loop)
    assert verdict.score == pytest.approx(-2 * (1 - 2 / 198))
    assert not verdict.success
    assert RepetitionVerifier(unit="tokens", tokenizer=str.encode)("aaaa").score == -0.5


def test_case_does_not_hide_a_loop() -> None:
    assert RepetitionVerifier(ngram=1)("So so SO sO").score == -0.75


def test_a_megabyte_of_one_word_is_a_loop() -> None:
    assert RepetitionVerifier()("so " * 330_000).score == pytest.approx(-1.0, abs=1e-4)


@pytest.mark.parametrize("arguments", [{"ngram": 0}, {"max_penalty": 0.5}, {"max_repeated": 2}])
def test_bad_arguments_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"ngram must be|need a finite max_penalty"):
        RepetitionVerifier(**arguments)  # type: ignore[arg-type]  # the point of the test
