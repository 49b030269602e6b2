"""A trainer gets one number for each completion, and says itself what an undecided one becomes."""

import gc
from typing import Any

import pytest

from llmenvs.verifiers import Status, Verdict, as_reward_function


def verify(completion: str, target: Any) -> Verdict:
    if completion == "?":
        return Verdict.undecided(Status.TIMEOUT, reason="stood still")
    return Verdict.scored(float(completion == target), success=completion == target)


@pytest.mark.parametrize(
    ("undecided", "expected"),
    [(None, [1.0, None, 0.0]), ("drop", [1.0, 0.0]), (0.0, [1.0, 0.0, 0.0]), (-1.0, [1, -1, 0])],
)
def test_the_caller_says_what_undecided_becomes(undecided: Any, expected: list[Any]) -> None:
    reward = as_reward_function(verify, undecided=undecided)

    assert (
        reward(prompts=["p"] * 3, completions=["a", "?", "b"], answer=["a", "a", "a"]) == expected
    )


def test_there_is_no_default_for_undecided() -> None:
    with pytest.raises(TypeError, match="undecided"):
        as_reward_function(verify)  # type: ignore[call-arg]


def test_only_what_the_assistant_wrote_counts() -> None:
    reward = as_reward_function(verify, undecided=None)
    chat = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "a"},
        {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
    ]

    assert reward(completions=[chat, chat], answer=["\nb", "a"]) == [1.0, 0.0]


def test_columns_and_names() -> None:
    reward = as_reward_function(verify, undecided=None, target_column="gold", name="exact")

    assert reward.__name__ == "exact"
    assert reward(completions=["a"], gold=["a"], answer=["b"]) == [1.0]
    with pytest.raises(ValueError, match="no column 'gold' with the targets: got answer"):
        reward(completions=["a"], answer=["a"])
    with pytest.raises(ValueError, match="got 1 completions and 2 targets"):
        reward(completions=["a"], gold=["a", "b"])
    with pytest.raises(ValueError, match="a completion must be a str or a list of messages, got 3"):
        reward(completions=[3], gold=["a"])


def test_workers_are_kept_between_calls_and_give_the_same() -> None:
    def local(completion: str, target: Any) -> Verdict:
        return Verdict.scored(float(completion == target), success=completion == target)

    reward = as_reward_function(local, undecided=None, workers=1)
    for _ in range(2):
        assert reward(completions=["a", "b"], answer=["a", "a"]) == [1.0, 0.0]
    del reward
    gc.collect()


def test_a_misspelled_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="undecided must be 'drop', None or a float, got 'skip'"):
        as_reward_function(verify, undecided="skip")  # type: ignore[arg-type]
