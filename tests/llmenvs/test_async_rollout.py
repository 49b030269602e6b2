"""Asked one by one or in batches, a policy plays the same episodes; none waits for another."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from llmenvs import Completion, Policy, Prompt, StopReason, rollout, rollout_async
from llmenvs.testing import GuessDigitEnv

RANDOM = GuessDigitEnv().scripted_policies()["random"]


class OneByOne:
    """Asks a policy about one prompt at a time, after waits of its own."""

    def __init__(self, policy: Policy, waits: Sequence[float] = (0.0,)) -> None:
        self.policy = policy
        self.waits = waits
        self.most_at_once = 0
        self._at_once = 0

    async def act_one(self, prompt: Prompt) -> Completion:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self.waits[prompt.seed % len(self.waits)])
        self._at_once -= 1
        return self.policy.act([prompt])[0]


def envs(count: int) -> list[GuessDigitEnv]:
    return [GuessDigitEnv() for _ in range(count)]


def contents(trajectories: Sequence[Any]) -> list[Any]:
    return [(t.messages, t.rewards.tolist(), t.stop_reason, t.info) for t in trajectories]


@pytest.mark.parametrize("count", [1, 5])
def test_it_gives_the_episodes_of_rollout_in_order(count: int) -> None:
    policy = OneByOne(RANDOM, waits=(0.0, 0.003, 0.01))
    got = asyncio.run(rollout_async(envs(count), policy, seeds=range(20), sampling_seed=3))
    expected = rollout(envs(count), RANDOM, seeds=range(20), sampling_seed=3)

    assert contents(got) == contents(expected)
    assert policy.most_at_once == count


def test_numbers_decide_the_sampling_whatever_is_left_out() -> None:
    seeds = list(range(10))
    whole = rollout(envs(2), RANDOM, seeds=seeds)
    left = [1, 4, 7]
    for part in (
        rollout(envs(3), RANDOM, seeds=left, numbers=left),
        asyncio.run(rollout_async(envs(3), OneByOne(RANDOM), seeds=left, numbers=left)),
    ):
        assert contents(part) == contents([whole[number] for number in left])


def test_each_episode_is_reported_as_it_ends() -> None:
    seen: list[int] = []
    asyncio.run(
        rollout_async(
            envs(3),
            OneByOne(RANDOM, waits=(0.0, 0.01)),
            seeds=range(9),
            on_episode=lambda trajectories: seen.append(trajectories[0].info["episode"]),
        )
    )

    assert sorted(seen) == list(range(9))


class Picky:
    """Refuses prompts of the high half."""

    async def act_one(self, prompt: Prompt) -> Completion:
        if "high" in prompt.text:
            raise RuntimeError("too high")
        await asyncio.sleep(0.01)
        return Completion("0")


def test_a_prompt_that_fails_costs_its_own_episode_and_loses_no_other() -> None:
    task_ids = ["high", "low", "high", "low", "high", "low"]
    trajectories = asyncio.run(rollout_async(envs(2), Picky(), seeds=range(6), task_ids=task_ids))

    assert [t.stop_reason is StopReason.ERROR for t in trajectories] == [True, False] * 3
    assert trajectories[0].info["error"] == "RuntimeError('too high')"


def test_a_policy_that_fails_on_everything_raises() -> None:
    with pytest.raises(RuntimeError, match="too high"):
        asyncio.run(rollout_async(envs(2), Picky(), seeds=range(50), task_ids=["high"] * 50))


def test_blocking_environments_do_not_stop_the_loop() -> None:
    class Blocking(GuessDigitEnv):
        blocking: ClassVar[bool] = True

    got = asyncio.run(rollout_async([Blocking(), Blocking()], OneByOne(RANDOM), seeds=range(6)))

    assert contents(got) == contents(rollout(envs(2), RANDOM, seeds=range(6)))


def test_a_thousand_episodes_that_cannot_start_are_a_thousand_invalid_ones() -> None:
    task_ids = ["no such task"] * 1500

    assert all(not t.valid for t in rollout(envs(1), RANDOM, seeds=range(1500), task_ids=task_ids))
