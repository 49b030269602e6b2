"""The rewards of open-r1 and TRL are theirs to the last completion, in linear time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.verifiers import open_r1
from llmenvs.verifiers.open_r1 import REWARDS, OpenR1Verifier

PIECES = [
    "<think>\n",
    "\n</think>\n",
    "<answer>\n",
    "\n</answer>",
    "\n",
    "x",
    "<think>",
    "</think>",
]
COMPLETIONS = st.lists(st.sampled_from([*PIECES, "\n</think>\n<answer>\n", "\r"]), max_size=9).map(
    "".join
)
PATTERN = r"^<think>\n.*?\n</think>\n<answer>\n.*?\n</answer>$"
TRL_PATTERN = r"^<think>(?!.*<think>)(.*?)</think>.*$"
FLAGS = re.DOTALL | re.MULTILINE
WHOLE = "<think>\nx\n</think>\n<answer>\nx\n</answer>"


@given(st.one_of(COMPLETIONS, COMPLETIONS.map(lambda tail: WHOLE + tail)))
def test_format_matches_where_their_pattern_does(completion: str) -> None:
    assert open_r1.format(completion).success is bool(re.match(PATTERN, completion, FLAGS))


def test_a_newline_is_not_shared_by_two_tags() -> None:
    assert not open_r1.format("<think>\n</think>\n<answer>\nx\n</answer>").success
    assert not open_r1.format("<think>\nx\n</think>\n<answer>\n</answer>").success


@given(COMPLETIONS)
def test_think_format_matches_where_their_pattern_does(completion: str) -> None:
    assert open_r1.think_format(completion).success is bool(
        re.match(TRL_PATTERN, completion, FLAGS)
    )


@given(COMPLETIONS)
def test_think_format_is_trls_own_function(completion: str) -> None:
    rewards = pytest.importorskip("trl.rewards.format_rewards")

    theirs = rewards.think_format_reward([[{"content": completion}]])

    assert [open_r1.think_format(completion).score] == theirs


@pytest.mark.parametrize(
    ("completion", "score"),
    [
        (WHOLE, 1.0),
        ("<think>\n", 0.25),
        ("<think>\n<think>\n", 0.0),
        (WHOLE.replace("\n", ""), 0.0),
        ("\n</answer>\n<answer>\n</think>\n<think>\n", 1.0),
    ],
)
def test_tag_count_pays_a_quarter_for_each_tag_wherever_it_stands(
    completion: str, score: float
) -> None:
    assert open_r1.tag_count(completion).score == score


@pytest.mark.parametrize(
    ("completion", "score"),
    [
        ("1.\n2.\n3.", 1 / 3),  # "^" is the start of the text alone
        ("Step 1: a Step 22: b", 2 / 3),
        ("First, a\n- b\n* c\n- d", 1.0),
        ("step 1: first, ", 0.0),
    ],
)
def test_reasoning_steps_pays_a_third_for_each_mark(completion: str, score: float) -> None:
    assert open_r1.reasoning_steps(completion).score == score


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize(
    "flood", ["<think>\n" * 130_000, "\n</think>\n<answer>\n" * 60_000, "Step 1" * 170_000]
)
def test_a_megabyte_of_tags_takes_one_pass(reward: str, flood: str) -> None:
    assert OpenR1Verifier(reward)("<think>\n" + flood).score is not None  # type: ignore[arg-type]


def test_an_unknown_reward_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"reward must be 'format', 'tag_count', .*got 'len'"):
        OpenR1Verifier("len")  # type: ignore[arg-type]  # the point of the test
