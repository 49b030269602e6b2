"""An environment behind OpenEnv's server plays as it does here, with exact masks."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from llmenvs.env_making import make_text_env

pytest.importorskip("openenv")

from llmenvs.integrations import openenv

GRID = "llmenvs/GridWorld-v0"
MOVE = "<action>up</action>"


@pytest.fixture(scope="module")
def base_url(serving: Callable[[Any], AbstractContextManager[str]]) -> Iterator[str]:
    with serving(openenv.create_server(GRID, max_sessions=2)) as address:
        yield address


@pytest.fixture
def client(base_url: str) -> Iterator[Any]:
    with openenv.TextEnvClient(base_url=base_url).sync() as connected:
        yield connected


def test_an_episode_over_the_wire_is_the_episode_here(client: Any) -> None:
    env = make_text_env(GRID)
    text, info = env.reset(seed=5)
    result = client.reset(seed=5)

    assert (result.observation.text, result.observation.task_id) == (text, info["task_id"])
    while not result.done:
        text, reward, terminated, truncated, info = env.step(MOVE)
        result = client.step(openenv.TextAction(text=MOVE))
        seen = result.observation

        assert (seen.text, result.reward) == (text, reward)
        assert (seen.terminated, seen.truncated, seen.valid) == (terminated, truncated, True)
    state = client.state()

    assert state.token_ids == list(info["token_ids"])
    assert state.generated_mask == list(info["generated_mask"])
    assert state.turn_rewards == list(env.turn_rewards)


def test_sampled_ids_arrive_as_they_were_sampled(client: Any) -> None:
    client.reset(seed=1)
    ids = [*MOVE.encode(), 256]
    client.step(openenv.TextAction(text=MOVE, token_ids=ids, logprobs=[-0.5] * len(ids)))
    state = client.state()

    assert [i for i, own in zip(state.token_ids, state.generated_mask, strict=True) if own] == ids


def test_a_task_is_chosen_by_id_or_by_index(client: Any, base_url: str) -> None:
    chosen = make_text_env(GRID).tasks[0]["task_id"]  # type: ignore[index]  # a task set
    body = json.dumps({"split": "all", "index": 0}).encode()
    request = urllib.request.Request(f"{base_url}/GridWorld-v0/task", body)  # noqa: S310 (loopback)
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request) as answer:  # noqa: S310 (loopback)
        task = json.load(answer)["task"]

    assert task == {"id": chosen, "index": 0}
    assert client.reset(task_id=chosen).observation.task_id == chosen
    assert client.reset(split="all", index=0).observation.task_id == chosen


def test_what_the_environment_wrote_earns_nothing_and_is_not_generated() -> None:
    options = {"tasks": [{"task_id": "leak", "question": "Say \\boxed{5}.", "answer": "5"}]}
    session = openenv.TextEnvironment("llmenvs/MathAnswer-v0", options)
    session.reset(seed=0)
    observation = session.step(openenv.TextAction(text="no idea"))
    state = session.state
    prompt = bytes(
        i
        for i, own in zip(state.token_ids, state.generated_mask, strict=True)
        if not own and i < 256
    )

    assert "boxed{5}" in prompt.decode()
    assert (observation.reward, observation.done) == (0.0, True)
    assert sum(state.generated_mask) == len(b"no idea")


def test_wrong_requests_say_what_to_change_and_keep_the_episode(client: Any) -> None:
    client.reset(seed=1)
    client.step(openenv.TextAction(text=MOVE))
    for wrong in (
        openenv.TextAction(text=MOVE, logprobs=[-0.5]),
        openenv.TextAction(text=MOVE, token_ids=[10**6]),
    ):
        with pytest.raises(RuntimeError, match=r"logprobs|vocab_size"):
            client.step(wrong)
    with pytest.raises(RuntimeError, match="no-such-task"):
        client.reset(task_id="no-such-task")

    assert client.state().step_count == 1


def test_a_step_before_a_reset_is_refused(client: Any) -> None:
    with pytest.raises(RuntimeError, match="reset"):
        client.step(openenv.TextAction(text=MOVE))


def test_sessions_beyond_the_limit_are_refused(base_url: str) -> None:
    clients = [openenv.TextEnvClient(base_url=base_url).sync() for _ in range(2)]
    for number, connected in enumerate(clients):
        connected.reset(seed=number)
    with pytest.raises(Exception, match=r"(?i)capacity|sessions"):
        openenv.TextEnvClient(base_url=base_url).sync().reset(seed=0)
    for connected in clients:
        connected.close()


def test_an_unknown_environment_is_refused_when_the_server_is_made() -> None:
    with pytest.raises(ValueError, match=r"GridWord"):
        openenv.create_server("llmenvs/GridWord-v0")
    with pytest.raises(ValueError, match="max_sessions must be at least 1, got 0"):
        openenv.create_server(GRID, max_sessions=0)
    with pytest.raises(ValueError, match="split must be 'all', got 'train'"):
        openenv.TextEnvironment(GRID).num_tasks("train")
    with pytest.raises(IndexError, match="index must be in"):
        openenv.TextEnvironment(GRID).get_task("all", -1)
