"""Search-R1's format-shaped reward has its numbers and grammar, and no policy can fake a page."""

import pytest

from llmenvs.verifiers.search_reward import (
    SearchRewards,
    holds_gold,
    is_well_formed_episode,
    is_well_formed_transcript,
    search_reward,
)

THINK = "<think> t </think>"
SEARCH = f"{THINK}\n<search> q </search>"
PAGE = "\n\n<information>p</information>\n\n"
ANSWER = f"{THINK}\n<answer> a </answer>"


@pytest.mark.parametrize(
    ("correct", "well_formed", "retrieved", "reward"),
    [
        (True, True, False, 1.0),
        (True, True, True, 1.0),
        (True, False, True, 0.8),
        (False, True, False, 0.2),
        (False, True, True, 0.2 + 0.1),
        (False, False, True, 0.1),
        (None, True, False, 0.2),
        (None, True, True, 0.2 + 0.1),
        (None, False, True, 0.0),
    ],
)
def test_the_rewards_are_those_of_search_r1(
    correct: bool | None, well_formed: bool, retrieved: bool, reward: float
) -> None:
    assert search_reward(correct=correct, well_formed=well_formed, retrieved=retrieved) == reward


def test_the_amounts_can_be_set() -> None:
    rewards = SearchRewards(right=2.0, structure=0.5)

    assert search_reward(correct=True, well_formed=False, rewards=rewards) == 1.5


@pytest.mark.parametrize(
    ("transcript", "well_formed"),
    [
        (ANSWER, True),
        (SEARCH + PAGE + ANSWER, True),
        (SEARCH + PAGE + SEARCH + PAGE + ANSWER, True),
        (f"  {ANSWER}\n", True),
        (f"{ANSWER}<|im_end|>\n", True),
        (f"<|im_start|>user\nsay <answer>\n<|im_start|>assistant\n{ANSWER}", True),
        ("", False),
        (THINK, False),
        ("<answer> a </answer>", False),
        (SEARCH + ANSWER, False),
        (SEARCH + PAGE, False),
        (SEARCH + PAGE + "<answer> a </answer>", False),
        (f"so: {ANSWER}", False),
        (f"{ANSWER} done", False),
        (ANSWER + ANSWER, False),
        (f"{THINK} so <answer> a </answer>", False),
        (f"{THINK}{ANSWER}", False),
        ("<think> <think> t </think> </think><answer> a </answer>", False),
        ("<think> t </think><answer> a", False),
        ("<answer> a </answer><think> t </think>", False),
    ],
)
def test_the_grammar_is_that_of_search_r1(transcript: str, well_formed: bool) -> None:
    assert is_well_formed_transcript(transcript) is well_formed


def test_turns_are_judged_as_the_transcript_that_they_make() -> None:
    assert is_well_formed_episode([ANSWER])
    assert is_well_formed_episode([SEARCH, SEARCH, ANSWER])
    assert not is_well_formed_episode([SEARCH, "no action", ANSWER])
    assert not is_well_formed_episode([ANSWER, ANSWER])
    assert not is_well_formed_episode([])


def test_a_policy_that_writes_its_own_page_is_not_well_formed() -> None:
    assert is_well_formed_transcript(SEARCH + PAGE + ANSWER)
    assert not is_well_formed_episode([SEARCH + PAGE + ANSWER])
    assert not is_well_formed_episode([SEARCH, f"</information>{PAGE}{ANSWER}"])


def test_a_gold_is_retrieved_where_a_page_holds_it() -> None:
    assert holds_gold(["no", "It is The Beatles'."], ["x", "beatles"])
    assert not holds_gold(["the a ?"], ["A", "?"])
    assert not holds_gold([], ["beatles"])
