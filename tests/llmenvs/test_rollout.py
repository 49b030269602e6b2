"""Episodes come back in order, whatever finished first, and a failing one takes no other down."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest

from llmenvs import (
    ByteTokenizer,
    Completion,
    FunctionPolicy,
    Prompt,
    RolloutLimits,
    StopReason,
    Trajectory,
    rollout,
)
from llmenvs.env import Opening, Turn
from llmenvs.tasks import Task
from llmenvs.testing import GuessDigitEnv, HiddenDigit


def contents(trajectories: Sequence[Trajectory]) -> list[Any]:
    return [(t.messages, t.rewards.tolist(), t.stop_reason) for t in trajectories]


RANDOM = GuessDigitEnv().scripted_policies()["random"]


@pytest.mark.parametrize("num_envs", [1, 3, 8])
def test_the_number_of_environments_changes_nothing(num_envs: int) -> None:
    expected = rollout([GuessDigitEnv()], RANDOM, seeds=range(20))
    got = rollout([GuessDigitEnv() for _ in range(num_envs)], RANDOM, seeds=range(20))

    assert contents(got) == contents(expected)
    assert [t.info["seed"] for t in got] == list(range(20))


def test_equal_seeds_are_one_task_with_different_completions() -> None:
    group = rollout([GuessDigitEnv()], RANDOM, seeds=[7] * 8)

    assert len({t.messages[0]["content"] for t in group}) == 1
    assert len({t.info["task_id"] for t in group}) == 1
    assert len({t.messages[1]["content"] for t in group}) > 1


def test_the_sampling_seed_decides_the_completions() -> None:
    one, again, other = (
        contents(rollout([GuessDigitEnv()], RANDOM, seeds=range(8), sampling_seed=seed))
        for seed in (1, 1, 2)
    )

    assert one == again != other


def test_task_ids_choose_the_tasks() -> None:
    trajectories = rollout(
        [GuessDigitEnv()], RANDOM, seeds=[0, 0, 0], task_ids=["high", "low", None]
    )

    assert [t.info["task_id"] for t in trajectories[:2]] == ["high", "low"]


def test_all_ready_episodes_are_asked_about_at_once() -> None:
    sizes: list[int] = []

    class Counting:
        def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
            sizes.append(len(prompts))
            return [Completion("no") for _ in prompts]

    rollout([GuessDigitEnv() for _ in range(4)], Counting(), seeds=range(4))

    assert sizes == [4, 4, 4]


def test_a_prompt_says_what_a_policy_needs() -> None:
    prompts: list[Prompt] = []

    def remember(prompt: Prompt) -> str:
        prompts.append(prompt)
        return "x"

    limits = RolloutLimits(max_new_tokens=50, max_episode_tokens=60)
    rollout([GuessDigitEnv()], FunctionPolicy(remember), seeds=[3], limits=limits)

    assert len({p.episode_id for p in prompts}) == 1
    assert len({p.seed for p in prompts}) == len(prompts) == 3
    assert all(list(p.token_ids) == list(p.text.encode()) for p in prompts)
    assert [p.max_new_tokens for p in prompts] == [min(50, 60 - len(p.token_ids)) for p in prompts]
    assert prompts[1].messages[1] == {"role": "assistant", "content": "x"}


def test_an_episode_that_reaches_the_token_limit_is_truncated_there() -> None:
    limits = RolloutLimits(max_episode_tokens=30)
    (t,) = rollout([GuessDigitEnv()], FunctionPolicy(lambda prompt: "x"), seeds=[0], limits=limits)

    assert t.stop_reason is StopReason.TOKEN_LIMIT
    assert (t.terminated, t.truncated, t.valid) == (False, True, True)
    assert len(t.turn_rewards) == 1


def test_an_environment_that_raises_ends_its_own_episode_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    policy = FunctionPolicy(lambda prompt: "raise" if prompt.episode_id == "0-1" else "9")
    with caplog.at_level(logging.WARNING):
        trajectories = rollout([GuessDigitEnv() for _ in range(2)], policy, seeds=range(4))
    failed = trajectories[1]

    assert [t.valid for t in trajectories] == [True, False, True, True]
    assert failed.stop_reason is StopReason.ERROR
    assert failed.info["error"] == "RuntimeError('the game has a bug')"
    assert failed.messages[1]["content"] == "raise"
    assert "episode 1 failed" in caplog.text


def test_an_environment_that_cannot_reset_is_an_empty_invalid_episode() -> None:
    trajectories = rollout(
        [GuessDigitEnv()], RANDOM, seeds=[0, 1, 2], task_ids=["low", "no such", "high"]
    )

    assert [t.stop_reason is StopReason.ERROR for t in trajectories] == [False, True, False]
    assert len(trajectories[1].token_ids) == 0
    assert "no task has the id 'no such'" in trajectories[1].info["error"]


class Picky:
    """Refuses prompts of the high half."""

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        for prompt in prompts:
            if "high" in prompt.text:
                raise RuntimeError("too high")
        return [Completion("0") for _ in prompts]


def test_a_policy_that_fails_on_one_prompt_loses_one_episode() -> None:
    trajectories = rollout(
        [GuessDigitEnv() for _ in range(3)],
        Picky(),
        seeds=[0, 1, 2],
        task_ids=["low", "high", "low"],
    )

    assert [t.valid for t in trajectories] == [True, False, True]
    assert trajectories[1].info["error"] == "RuntimeError('too high')"


def test_a_policy_that_fails_on_everything_is_a_bug_and_raises() -> None:
    with pytest.raises(RuntimeError, match="too high"):
        rollout([GuessDigitEnv()], Picky(), seeds=[0], task_ids=["high"])


def test_a_policy_that_answers_too_few_prompts_is_a_bug_and_raises() -> None:
    class Short:
        def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
            return []

    with pytest.raises(ValueError, match="one completion for each of 1 prompts, got 0"):
        rollout([GuessDigitEnv()], Short(), seeds=[0])


class SlowEnv(GuessDigitEnv):
    """Each step waits until two steps of two environments are under way at once."""

    blocking: ClassVar[bool] = True
    together: ClassVar[threading.Barrier]

    def take_turn(self, state: HiddenDigit, action: str) -> Turn[HiddenDigit]:
        self.together.wait(timeout=20)
        return super().take_turn(state, action)


def test_blocking_environments_are_stepped_at_the_same_time_in_threads() -> None:
    SlowEnv.together = threading.Barrier(2)
    slow = rollout([SlowEnv(), SlowEnv()], FunctionPolicy(lambda prompt: "x"), seeds=range(4))
    quick = rollout([GuessDigitEnv()], FunctionPolicy(lambda prompt: "x"), seeds=range(4))

    assert contents(slow) == contents(quick)


class UnevenEnv(GuessDigitEnv):
    """Takes a time that has nothing to do with the order of the episodes."""

    blocking: ClassVar[bool] = True

    def begin_episode(self, task: Task) -> Opening[HiddenDigit]:
        opening = super().begin_episode(task)
        time.sleep(0.02 * (opening.state.digit % 3))
        return opening


def test_the_order_is_that_of_the_seeds_whatever_finished_first() -> None:
    uneven = rollout([UnevenEnv() for _ in range(4)], RANDOM, seeds=range(12))
    even = rollout([GuessDigitEnv() for _ in range(4)], RANDOM, seeds=range(12))

    assert contents(uneven) == contents(even)


def test_sampled_ids_and_logprobs_reach_the_trajectory() -> None:
    class Sampling:
        def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
            return [
                Completion.from_tokens(ByteTokenizer(), [49, 256], logprobs=[-0.5, -0.25])
                for _ in prompts
            ]

    (t,) = rollout([GuessDigitEnv()], Sampling(), seeds=[0])
    start, stop = t.turn_spans[0]

    assert t.token_ids[start:stop].tolist() == [49, 256]
    assert t.logprobs[start:stop].tolist() == [-0.5, -0.25]
    assert np.isnan(t.logprobs[:start]).all()


def test_wrapped_environments_are_fine() -> None:
    env = gym.make("llmenvs/GridWorld-v0")
    oracle = env.unwrapped.scripted_policies()["oracle"]  # type: ignore[attr-defined]

    assert rollout([env], oracle, seeds=[0])[0].info["verdict"].success


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"envs": []}, "at least one environment, got none"),
        ({"envs": [gym.make("FrozenLake-v1")]}, r"envs\[0\] must be a TextEnv, got FrozenLakeEnv"),
        ({"task_ids": ["low"]}, "as many as seeds, got 1 for 2"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    given = {"envs": [GuessDigitEnv()], "policy": RANDOM, "seeds": [0, 1], **arguments}

    with pytest.raises(ValueError, match=message):
        rollout(**given)


@pytest.mark.parametrize("field", ["max_new_tokens", "max_episode_tokens"])
def test_limits_below_one_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        RolloutLimits(**{field: 0})


def test_progress_is_shown_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    rollout([GuessDigitEnv()], RANDOM, seeds=range(3), progress=True)
    captured = capsys.readouterr()

    assert "3/3" in captured.err
    assert captured.out == ""


def test_no_episodes_are_no_trajectories() -> None:
    assert rollout([GuessDigitEnv()], RANDOM, seeds=[]) == []


def test_an_episode_that_a_wrapper_cuts_is_truncated_and_stays_valid() -> None:
    limited = gym.wrappers.TimeLimit(gym.make("llmenvs/GridWorld-v0"), max_episode_steps=1)
    still = FunctionPolicy(lambda _: "no move")

    [trajectory] = rollout([limited], still, seeds=[0])

    assert trajectory.stop_reason is StopReason.TRUNCATED
    assert (trajectory.truncated, trajectory.valid, trajectory.terminated) == (True, True, False)
