"""What many episodes look up is asked in one call, and changes no episode."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import pytest

from llmenvs import (
    Completion,
    FunctionPolicy,
    MixtureEnv,
    Opening,
    Policy,
    Prompt,
    TaskSet,
    TextEnv,
    Trajectory,
    Turn,
    rollout,
    rollout_async,
)
from llmenvs.lookups import Lookup, LookupQueue, answers_at_hand, ask_all, look_up
from llmenvs.tasks import Task
from llmenvs.verifiers import Verdict


@dataclass(eq=False)
class Squares:
    """Squares numbers, and keeps what it was asked in each call."""

    calls: list[list[int]] = field(default_factory=list)
    fails: bool = False

    def __call__(self, questions: Sequence[int]) -> list[int]:
        self.calls.append(list(questions))
        if self.fails:
            raise ConnectionError("the service is away")
        return [number * number for number in questions]


class SquareEnv(TextEnv[int]):
    """Three turns, each of which writes the square of the number in the action."""

    def __init__(self, service: Squares, **options: Any) -> None:
        super().__init__(tasks=TaskSet([{"task_id": "squares"}]), **options)
        self.service = service

    def begin_episode(self, task: Task) -> Opening[int]:
        return Opening(0, [{"role": "user", "content": f"{self.np_random.integers(9)}:"}])

    def plan_lookup(self, state: int, action: str) -> Lookup | None:
        return Lookup(self.service, int(action)) if action.isdecimal() else None

    def state_info(self, state: int) -> dict[str, Any]:
        return {"turns": state}

    def take_turn(self, state: int, action: str) -> Turn[int]:
        lookup = self.plan_lookup(state, action)
        observation = "none" if lookup is None else str(look_up(lookup))
        ended = state == 2
        verdict = Verdict.scored(1.0, success=True) if ended else None
        return Turn(state + 1, observation, 0.0, terminated=ended, verdict=verdict)

    def scripted_policies(self) -> dict[str, Policy]:
        return {}


def number(prompt: Prompt) -> str:
    return str(prompt.seed % 1000)


class Async:
    """A policy for `rollout_async` that answers after as many turns of the loop as its digit."""

    async def act_one(self, prompt: Prompt) -> Completion:
        for _ in range(int(prompt.text[0])):
            await asyncio.sleep(0)
        return Completion(number(prompt))


def contents(trajectories: Sequence[Trajectory]) -> list[Any]:
    return [(t.messages, t.info["turns"], t.valid) for t in trajectories]


def expected(seeds: Sequence[int]) -> list[Any]:
    """Each episode alone, one question a call."""
    return contents(rollout([SquareEnv(Squares())], FunctionPolicy(number), seeds=seeds))


def test_the_lookups_of_all_waiting_episodes_are_one_call() -> None:
    service = Squares()
    envs = [SquareEnv(service) for _ in range(8)]
    trajectories = rollout(envs, FunctionPolicy(number), seeds=range(8))

    assert [len(call) for call in service.calls] == [8, 8, 8]
    assert contents(trajectories) == expected(range(8))


def test_equal_questions_are_asked_once() -> None:
    service = Squares()
    rollout([SquareEnv(service) for _ in range(8)], FunctionPolicy(lambda p: "7"), seeds=range(8))

    assert service.calls == [[7], [7], [7]]


def test_turns_without_a_lookup_ask_nothing() -> None:
    service = Squares()
    rollout([SquareEnv(service)], FunctionPolicy(lambda prompt: "a word"), seeds=[0])

    assert service.calls == []


def test_each_service_is_asked_on_its_own() -> None:
    services = [Squares(), Squares()]
    envs = [SquareEnv(services[i % 2]) for i in range(6)]
    rollout(envs, FunctionPolicy(number), seeds=range(6))

    assert [[len(call) for call in s.calls] for s in services] == [[3, 3, 3], [3, 3, 3]]


def test_asynchronous_episodes_share_calls_too() -> None:
    service = Squares()
    envs = [SquareEnv(service) for _ in range(30)]
    trajectories = asyncio.run(rollout_async(envs, Async(), seeds=range(30)))

    assert sum(len(call) for call in service.calls) <= 90
    assert len(service.calls) <= 45
    assert contents(trajectories) == expected(range(30))


def test_what_gathers_while_a_call_runs_goes_out_as_one() -> None:
    release = threading.Event()

    class Slow(Squares):
        def __call__(self, questions: Sequence[int]) -> list[int]:
            release.wait(timeout=20)
            return super().__call__(questions)

    service = Slow()

    async def play() -> list[Any]:
        queue = LookupQueue()
        first = asyncio.create_task(queue.ask(Lookup(service, 1)))
        while not queue._workers or queue._waiting:
            await asyncio.sleep(0)
        rest = [asyncio.create_task(queue.ask(Lookup(service, n))) for n in range(2, 9)]
        rest[0].cancel()
        await asyncio.sleep(0)
        release.set()
        return await asyncio.gather(first, *rest, return_exceptions=True)

    first, cancelled, *others = asyncio.run(play())

    assert service.calls == [[1], [3, 4, 5, 6, 7, 8]]
    assert first == {Lookup(service, 1): 1}
    assert isinstance(cancelled, asyncio.CancelledError)
    assert all(answers[Lookup(service, 8)] == 64 for answers in others)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_service_that_raises_ends_its_own_episodes_as_invalid(
    asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    envs = [SquareEnv(Squares(fails=True)), SquareEnv(Squares())]
    with caplog.at_level(logging.WARNING):
        if asynchronous:
            trajectories = asyncio.run(rollout_async(envs, Async(), seeds=[0, 1]))
        else:
            trajectories = rollout(envs, FunctionPolicy(number), seeds=[0, 1])

    assert [t.valid for t in trajectories] == [False, True]
    assert trajectories[0].info["error"] == "ConnectionError('the service is away')"


def test_an_environment_that_cannot_plan_is_recorded_when_it_steps() -> None:
    class Broken(SquareEnv):
        def plan_lookup(self, state: int, action: str) -> Lookup | None:
            raise RuntimeError("cannot plan")

    trajectories = rollout(
        [Broken(Squares()), SquareEnv(Squares())], FunctionPolicy(number), seeds=[0, 1]
    )

    assert [t.valid for t in trajectories] == [False, True]
    assert trajectories[0].info["error"] == "RuntimeError('cannot plan')"


class Doubled(gym.ActionWrapper[str, str, str]):
    """Changes what the policy wrote, which no plan can foresee."""

    def action(self, action: str) -> str:
        return str(2 * int(action))


def test_what_a_wrapper_changes_is_looked_up_as_it_is() -> None:
    (trajectory,) = rollout(
        [Doubled(SquareEnv(Squares()))], FunctionPolicy(lambda p: "3"), seeds=[0]
    )

    assert trajectory.messages[2]["content"] == "36"


def test_mixtures_share_calls() -> None:
    service = Squares()
    envs = [MixtureEnv({"s": SquareEnv(service)}, {"s": 1.0}) for _ in range(4)]
    trajectories = rollout(envs, FunctionPolicy(number), seeds=range(4))

    assert [len(call) for call in service.calls] == [4, 4, 4]
    assert [t.info["turns"] for t in trajectories] == [3] * 4


def test_the_info_of_a_state_is_in_every_info() -> None:
    env = SquareEnv(Squares())
    _, info = env.reset(seed=0)
    *_, after = env.step("2")

    assert (info["turns"], after["turns"]) == (0, 1)
    assert env.restore(env.snapshot())["turns"] == 1


def test_an_answer_is_at_hand_in_its_block_alone() -> None:
    service = Squares()
    lookup = Lookup(service, 3)
    with answers_at_hand(ask_all([lookup])):
        inside = look_up(lookup), list(service.calls)
    outside = look_up(lookup), list(service.calls)

    assert inside == (9, [[3]])
    assert outside == (9, [[3], [3]])


def test_a_service_that_answers_too_few_questions_has_answered_none() -> None:
    def first_only(questions: Sequence[int]) -> list[int]:
        return list(questions[:1])

    whole = Lookup(Squares(), 2)

    assert list(ask_all([Lookup(first_only, 1), Lookup(first_only, 2), whole])) == [whole]


def test_no_lookup_of_an_episode_that_is_not_under_way() -> None:
    env = SquareEnv(Squares())

    assert env.next_lookup("3") is None
    env.reset(seed=0)
    assert env.next_lookup("3") == Lookup(env.service, 3)
