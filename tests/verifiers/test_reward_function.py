"""A verifier becomes a function that trainers call, and an undecided row what the caller said."""

import gc
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from llmenvs.verifiers.length import LengthVerifier
from llmenvs.verifiers.reward_function import RewardFunction, as_reward_function, completion_text
from llmenvs.verifiers.verdict import Status, Verdict


def exact(completion: str, target: Any) -> Verdict:
    if target is None:
        return Verdict.undecided(Status.TIMEOUT, reason="the machine stood still")
    return Verdict.scored(float(completion == target), success=completion == target)


COLUMNS = {"prompts": ["?"] * 3, "completions": ["a", "b", "c"], "answer": ["a", None, "x"]}


@pytest.mark.parametrize(
    ("undecided", "rewards"),
    [(None, [1.0, None, 0.0]), ("drop", [1.0, 0.0]), (0.25, [1.0, 0.25, 0.0])],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_an_undecided_row_becomes_what_the_caller_said(
    undecided: Any, rewards: list[float | None], workers: int
) -> None:
    reward = as_reward_function(exact, undecided=undecided, workers=workers)

    assert reward(**COLUMNS) == rewards
    assert reward(**COLUMNS) == rewards


def test_the_choice_is_required_and_checked() -> None:
    with pytest.raises(TypeError, match="undecided"):
        as_reward_function(exact)  # type: ignore[call-arg]  # the point of the test
    with pytest.raises(ValueError, match="'drop', None or a float, got 'skip'"):
        as_reward_function(exact, undecided="skip")  # type: ignore[arg-type]  # the point


def test_a_missing_target_column_is_named() -> None:
    reward = as_reward_function(exact, undecided=None, target_column="solution")

    with pytest.raises(ValueError, match=r"no column 'solution' .* got answer, prompts"):
        reward(**COLUMNS)


def test_a_column_of_another_length_is_refused() -> None:
    reward = as_reward_function(exact, undecided=None)

    with pytest.raises(ValueError, match="got 1 completions and 2 targets"):
        reward(completions=["a"], answer=["a", "b"])


def test_trainers_can_log_it_by_name() -> None:
    reward = as_reward_function(LengthVerifier(), undecided=None)

    assert reward.__name__ == "LengthVerifier_reward"
    named = as_reward_function(exact, undecided=None, name="accuracy")
    assert named.__name__ == "accuracy"


def test_only_what_the_assistant_wrote_counts() -> None:
    messages: list[Mapping[str, Any]] = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": [{"type": "text", "text": "The answer"}]},
        {"role": "assistant", "content": "is 41."},
    ]

    assert completion_text(messages) == "\nThe answer\nis 41."
    assert completion_text("as it is") == "as it is"


@pytest.mark.parametrize("completion", [3, ["text"], None])
def test_what_is_no_completion_is_named(completion: Any) -> None:
    with pytest.raises(ValueError, match="a str or a list of messages, got"):
        completion_text(completion)


def test_threads_may_call_it_at_once_and_its_workers_end_with_it() -> None:
    def pids(completion: str, target: Any) -> Verdict:
        return Verdict.scored(float(os.getpid()), success=True)

    reward = as_reward_function(pids, undecided=None, workers=1)
    seen: set[float | None] = set()

    def call_it(reward: RewardFunction) -> None:
        seen.update(reward(completions=["a"], answer=["a"]))

    calls = [threading.Thread(target=call_it, args=(reward,)) for _ in range(4)]
    for call in calls:
        call.start()
    for call in calls:
        call.join()

    (pid,) = seen
    assert pid is not None
    assert Path(f"/proc/{int(pid)}").exists()
    del reward, calls
    gc.collect()
    assert not Path(f"/proc/{int(pid)}").exists()
