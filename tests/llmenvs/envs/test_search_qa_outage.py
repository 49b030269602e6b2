"""A retrieval server that dies in the middle loses no episode and makes no false score."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from llmenvs import Completion, Policy, Prompt, StopReason, rollout, rollout_async
from llmenvs.envs import SearchQAEnv
from llmenvs.retrievers import BM25Retriever, HTTPRetriever, Passage

pytest.importorskip("uvicorn")
NUM_EPISODES = 200


class Server:
    """`llmenvs index serve` on one port, however often it is started."""

    def __init__(self, index: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}/retrieve"
        command = [sys.executable, "-m", "llmenvs.cli", "index", "serve", str(index)]
        self._command = [*command, "--port", str(port)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        with HTTPRetriever(self.url) as client:
            client.search(["ready"], 1)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(corpus: list[Passage], tmp_path: Path) -> Iterator[Server]:
    BM25Retriever.from_passages(corpus).save(tmp_path / "index")
    running = Server(tmp_path / "index")
    yield running
    running.kill()


class Interrupting:
    """The oracle, with an interruption before its second batch of prompts."""

    def __init__(self, oracle: Policy, interrupt: Callable[[], None], *, after: int) -> None:
        self._oracle = oracle
        self._interrupt = interrupt
        self._left = after

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        self._count(len(prompts))
        return self._oracle.act(prompts)

    async def act_one(self, prompt: Prompt) -> Completion:
        self._count(1)
        return self._oracle.act([prompt])[0]

    def _count(self, number: int) -> None:
        if self._left <= 0:
            self._interrupt()
            self._left = sys.maxsize
        self._left -= number


@pytest.mark.slow
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_server_that_is_restarted_is_not_noticed(
    server: Server, tasks: list[dict[str, Any]], asynchronous: bool
) -> None:
    away: list[threading.Timer] = []

    def interrupt() -> None:
        server.kill()
        away.append(threading.Timer(1.0, server.start))
        away[0].start()

    with HTTPRetriever(server.url, retry_for_s=60.0) as retriever:
        envs = [SearchQAEnv(tasks=tasks, retriever=retriever) for _ in range(NUM_EPISODES)]
        oracle = envs[0].scripted_policies()["oracle"]
        expected = rollout(envs, oracle, seeds=range(NUM_EPISODES))
        policy = Interrupting(oracle, interrupt, after=NUM_EPISODES)
        if asynchronous:
            played = asyncio.run(rollout_async(envs, policy, seeds=range(NUM_EPISODES)))
        else:
            played = rollout(envs, policy, seeds=range(NUM_EPISODES))
    away[0].join()

    assert all(t.valid and t.info["verdict"].success for t in played)
    assert [t.messages for t in played] == [t.messages for t in expected]


@pytest.mark.slow
def test_a_server_that_stays_away_leaves_no_episode_with_a_score_it_did_not_earn(
    server: Server, tasks: list[dict[str, Any]]
) -> None:
    with HTTPRetriever(server.url, retry_for_s=0.5) as retriever:
        envs = [SearchQAEnv(tasks=tasks, retriever=retriever) for _ in range(NUM_EPISODES)]
        oracle = envs[0].scripted_policies()["oracle"]
        policy = Interrupting(oracle, server.kill, after=NUM_EPISODES)
        played = rollout(envs, policy, seeds=range(NUM_EPISODES))
    lost = [t for t in played if not t.valid]

    assert len(played) == NUM_EPISODES
    assert 0 < len(lost) < NUM_EPISODES  # questions of one hop were through
    assert all(t.info["verdict"].success for t in played if t.valid)
    assert all(t.stop_reason is StopReason.UNDECIDED and t.total_reward == 0.0 for t in lost)
    assert all(t.info["verdict"].score is None for t in lost)
