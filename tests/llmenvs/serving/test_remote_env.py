"""`RemoteEnv` is the environment that it is a client of: same episodes, masks exact to the id."""

import asyncio
import copy
import pickle
import socket
import threading
from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmenvs import Completion, RolloutLimits, Tokenizer, check_text_env, rollout, rollout_async
from llmenvs.env_making import make_text_env
from llmenvs.policy import FunctionPolicy, Prompt
from llmenvs.serving import RefusedError, RemoteEnv, RemoteError, SessionGoneError
from llmenvs.trajectory import StopReason

GRID = "llmenvs/GridWorld-v0"
DIGIT = "slow_digit:tests/SlowDigit-v0"


@pytest.fixture
def env(env_server: Any) -> Iterator[RemoteEnv]:
    made = RemoteEnv(env_server.url, GRID)
    yield made
    made.close()


@pytest.mark.slow
def test_it_keeps_the_contract_of_a_text_environment(env: RemoteEnv) -> None:
    check_text_env(env)


def sampling(prompt: Prompt) -> Completion:
    """Ids at random, which their own text would not give back."""
    ids = np.random.default_rng(prompt.seed).integers(0, 257, 6).tolist()
    return Completion("<action>up</action>", token_ids=ids, logprobs=[-1.0] * 6)


@pytest.mark.parametrize("env_id", [GRID, DIGIT])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_rollout_is_that_of_the_environment_here(
    env_server: Any, env_id: str, *, asynchronous: bool, tmp_path: Any
) -> None:
    local: Any = make_text_env(GRID)
    if env_id == DIGIT:
        from llmenvs.testing import GuessDigitEnv

        local = GuessDigitEnv()
    remote = [RemoteEnv(env_server.url, env_id) for _ in range(3)]
    limits = RolloutLimits(max_new_tokens=8, max_episode_tokens=600)
    expected = rollout([local], FunctionPolicy(sampling), seeds=range(6), limits=limits)
    if asynchronous:
        policy = _AsAsync()
        got = asyncio.run(rollout_async(remote, policy, seeds=range(6), limits=limits))
    else:
        got = rollout(remote, FunctionPolicy(sampling), seeds=range(6), limits=limits)

    assert [t.to_dict() for t in got] == [t.to_dict() for t in expected]
    for one in remote:
        one.close()


class _AsAsync:
    async def act_one(self, prompt: Prompt) -> Completion:
        return sampling(prompt)


def test_any_tokenizer_of_the_client_gives_the_tokens_that_it_gives_here(
    env_server: Any, any_tokenizer: Tokenizer
) -> None:
    remote = RemoteEnv(env_server.url, GRID, tokenizer=any_tokenizer)
    local = make_text_env(GRID, tokenizer=any_tokenizer)

    for made in (remote, local):
        made.reset(seed=2)
        made.step(Completion("<action>up</action>", token_ids=[5, 6, 7]))
        made.step("<action>up</action>")
    assert remote.transcript.token_ids == local.transcript.token_ids
    assert remote.transcript.generated_mask == local.transcript.generated_mask
    remote.close()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(st.text(st.characters(), max_size=30), max_size=4), seed=st.integers(0, 99))
def test_whatever_is_written_arrives_as_it_is(
    env: RemoteEnv, actions: list[str], seed: int
) -> None:
    local = make_text_env(GRID)
    there, here = env.reset(seed=seed), local.reset(seed=seed)

    assert there == here
    for action in actions:
        assert env.step(action) == local.step(action)


def test_an_unseeded_reset_goes_on_with_the_randomness_of_the_one_before(env_server: Any) -> None:
    remote = RemoteEnv(env_server.url, DIGIT)
    from llmenvs.testing import GuessDigitEnv

    local = GuessDigitEnv()
    seen = [[env.reset(seed=s)[1]["task_id"] for s in (4, *[None] * 8)] for env in (remote, local)]

    assert seen[0] == seen[1]
    remote.close()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_goes_on_in_a_session_of_its_own(env: RemoteEnv, copied: Any) -> None:
    env.reset(seed=1)
    env.step("right")
    twin = copied(env)
    ends = [made.step("up")[0] for made in (env, twin, twin)]

    assert ends[0] == ends[1] != ends[2]
    twin.close()


def test_gymnasium_vectorises_it(env_server: Any) -> None:
    vector = gym.vector.SyncVectorEnv([lambda: RemoteEnv(env_server.url, GRID)] * 2)
    observations, _ = vector.reset(seed=[1, 2])
    _, rewards, *_ = vector.step(("up", "up"))

    assert len(observations) == 2
    assert rewards.tolist() == [-1.0, -1.0]
    vector.close()


def test_closing_and_collecting_leave_no_session_behind(env_server: Any) -> None:
    before = env_server.num_sessions
    for _ in range(3):
        RemoteEnv(env_server.url, GRID).reset(seed=0)
    with RemoteEnv(env_server.url, GRID) as last:
        last.reset(seed=0)

    assert env_server.num_sessions == before


def test_a_session_that_is_gone_is_an_error_in_step_and_opened_anew_by_a_seed(
    env_server: Any, env: RemoteEnv
) -> None:
    env.reset(seed=0)
    session = env._session
    assert session is not None
    env_server.post("/close", {"session_id": session.session_id})

    with pytest.raises(SessionGoneError, match="is closed: its client closed it"):
        env.step("up")
    with pytest.raises(SessionGoneError):
        env.reset()
    assert env.reset(seed=0)[1]["task_id"]
    assert env.step("up")[1] == -1.0


def test_a_fault_there_is_an_invalid_trajectory_here(env_server: Any) -> None:
    remote = RemoteEnv(env_server.url, DIGIT)
    policy = FunctionPolicy(lambda prompt: "raise")
    (trajectory,) = rollout([remote], policy, seeds=[0])

    assert (trajectory.valid, trajectory.stop_reason) == (False, StopReason.ERROR)
    assert "the game has a bug" in trajectory.info["error"]
    remote.close()


def test_mistakes_are_named(env_server: Any, env: RemoteEnv) -> None:
    with pytest.raises(ValueError, match=r"env_id must be one of .* got 'llmenvs/Nowhere-v0'"):
        RemoteEnv(env_server.url, "llmenvs/Nowhere-v0")
    with pytest.raises(ValueError, match="base_url must begin with http"):
        RemoteEnv("127.0.0.1:8000")
    with pytest.raises(ValueError, match="did you mean"):
        env.reset(options={"task_id": "nowhere"})
    with pytest.raises(ValueError, match="options may hold task_id alone"):
        env.reset(options={"tsak_id": "a"})
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(RemoteError, match="gave no answer in 0 s"):
        RemoteEnv(f"http://127.0.0.1:{port}", retry_for_s=0.0)


def test_a_token_is_sent_and_a_wrong_one_refused(serve: Any) -> None:
    server = serve("env", GRID, "--token-env", "SECRET", SECRET="open-sesame")

    with RemoteEnv(server.url, token="open-sesame") as env:
        assert env.reset(seed=0)[1]["task_id"]
    with pytest.raises(RefusedError, match="a bearer token is required"):
        RemoteEnv(server.url, token="open-sesam")
    assert "open-sesame" not in server.errors


def _is_whole(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    length = head.partition(b"content-length: ")[2].split(b"\r\n")[0]
    return bool(blank) and len(body) >= int(length)


class _LossyProxy:
    """Hands requests on, and drops every second connection once the server has answered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.num_dropped = 0
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            threading.Thread(target=self._relay, args=(client, number % 2 == 0)).start()

    def _relay(self, client: socket.socket, drops: bool) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server:
            while data := client.recv(65536):
                server.sendall(data)
                if not (data.endswith(b"}") or data.startswith(b"GET")):
                    continue  # the body is still to come
                answer = b""
                while not _is_whole(answer):
                    answer += server.recv(65536)
                if drops:
                    self.num_dropped += 1
                    return
                client.sendall(answer)
                return  # one request a connection

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def test_replies_that_are_lost_are_asked_for_again_and_nothing_is_done_twice(
    env_server: Any,
) -> None:
    proxy = _LossyProxy(env_server.port)
    env, local = RemoteEnv(proxy.url, GRID), make_text_env(GRID)
    episodes = []
    for made in (env, local):
        made.reset(seed=3)
        episodes.append([made.step("right")[:4] for _ in range(3)])
    env.close()
    proxy.close()

    assert episodes[0] == episodes[1]
    assert proxy.num_dropped >= 3
