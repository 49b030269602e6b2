"""A server on loopback samples in the policy's place, and what it says of itself is believed."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from llmenvs import Prompt, RolloutLimits, rollout
from llmenvs.agents import remote_policy
from llmenvs.agents.grpo import GRPOConfig, GRPOTrainer, grpo_batch
from llmenvs.agents.model_files import load_policy, save_model
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.remote_policy import HAND_OVERS, RemotePolicy
from llmenvs.agents.train import train
from llmenvs.agents.train_config import TrainConfig
from llmenvs.agents.trainer import Iteration
from llmenvs.testing import GuessDigitEnv

MakePolicy = Callable[..., TransformerPolicy]
LIMITS = RolloutLimits(max_new_tokens=5, max_episode_tokens=400)
LETTER = {"llmenvs_tests/Letter-v0": 1.0}


class StubServer:
    """Samples with a policy of its own, as vLLM and SGLang answer by their OpenAI API.

    Attributes:
        lag: how many versions it keeps what it is told of to itself.
        change: edits an answer before it is sent.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.lag = 0
        self.names_version = True
        self.failures: list[int] = []
        self.change: Callable[[dict[str, Any]], None] = lambda answer: None
        self._told: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._version = ""
        self._policy: TransformerPolicy | None = None
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = stub.answer(self.path, body)
                sent = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._lock:  # one model, one request at a time
            self.requests.append((path, body))
            if self.failures:
                return self.failures.pop(0), {"error": "busy"}
            if path == "/update_weights_from_disk":
                self._load(body["model_path"], body["weight_version"])
                return 200, {"success": True}
            if path != "/v1/completions":
                return 200, {}
            return 200, self._complete(body)

    def _load(self, folder: str, version: str) -> None:
        self._told.append((folder, version))
        folder, self._version = self._told[max(0, len(self._told) - 1 - self.lag)]
        self._policy = load_policy(folder)

    def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        assert self._policy is not None, "it was asked before it had weights"
        prompt = Prompt(
            "",
            body["prompt"],
            "",
            [],
            [],
            body.get("stop", ()),
            seed=body["seed"],
            max_new_tokens=body["max_tokens"],
        )
        (completion,) = self._policy.act([prompt])
        choice = {
            "text": str(completion),
            "token_ids": completion.token_ids,
            "prompt_token_ids": body["prompt"],
            "logprobs": {"token_logprobs": completion.logprobs},
        }
        answer: dict[str, Any] = {"choices": [choice]}
        if self.names_version:
            answer["metadata"] = {"weight_version": self._version}
        self.change(answer)
        return answer


@pytest.fixture
def server() -> Iterator[StubServer]:
    stub = StubServer()
    thread = threading.Thread(target=stub.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    stub.server.shutdown()
    stub.server.server_close()
    thread.join()


@pytest.fixture
def remote(server: StubServer, chat_policy: MakePolicy, tmp_path: Path) -> Iterator[RemotePolicy]:
    policy = RemotePolicy(chat_policy(), server.url, folder=tmp_path / "weights", num_requests=4)
    yield policy
    policy._client.close()


def prompts(count: int, stops: tuple[str, ...] = ()) -> list[Prompt]:
    return [
        Prompt(f"{n}", [3, 5, 9], "", [], [], stops, seed=n, max_new_tokens=6) for n in range(count)
    ]


def shake(policy: TransformerPolicy) -> None:
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.05)
    policy.version += 1


def test_the_server_writes_what_the_policy_would(
    remote: RemotePolicy, chat_policy: MakePolicy, server: StubServer
) -> None:
    found = remote.act(prompts(6))
    expected = chat_policy().act(prompts(6))

    assert [c.token_ids for c in found] == [c.token_ids for c in expected]
    assert [str(c) for c in found] == [str(c) for c in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.logprobs or (), other.logprobs or (), atol=1e-5)
    assert {c.policy_version for c in found} == {0}
    (_, request) = server.requests[-1]
    assert request["prompt"] == [3, 5, 9]
    assert (request["top_p"], request["top_k"], request["temperature"]) == (1.0, -1, 1.0)
    assert "stop" not in request


def test_weights_are_handed_over_once_for_each_version(
    remote: RemotePolicy, server: StubServer, tmp_path: Path
) -> None:
    for version in range(4):
        completions = remote.act(prompts(2)) + remote.act(prompts(1))
        assert {c.policy_version for c in completions} == {version}
        shake(remote)
    told = [body for path, body in server.requests if path == "/update_weights_from_disk"]
    assert [body["weight_version"] for body in told] == ["0", "1", "2", "3"]
    kept = sorted(path.name for path in (tmp_path / "weights").iterdir())
    assert kept == ["version-000002", "version-000003"]


def test_a_stop_string_is_asked_for_and_cuts_what_comes(
    remote: RemotePolicy, server: StubServer
) -> None:
    (whole,) = remote.act(prompts(1))
    stop = str(whole)[1:3]
    (cut,) = remote.act(prompts(1, (stop,)))
    assert server.requests[-1][1]["stop"] == [stop]
    assert cut.endswith(stop)


def test_samples_of_a_server_that_lags_are_corrected_by_their_ratio(
    remote: RemotePolicy, server: StubServer
) -> None:
    server.lag = 1
    remote.act(prompts(1))
    old = load_policy(str(remote._folder / "version-000000"))
    shake(remote)
    envs: Any = [GuessDigitEnv(tokenizer=remote.tokenizer) for _ in range(4)]
    trajectories = rollout(envs, remote, seeds=[0, 0, 1, 1], limits=LIMITS)
    assert {t.policy_version for t in trajectories} == {0}

    config = GRPOConfig(num_groups=2, group_size=2, importance_cap=1.5, scale=None)
    trajectories = [
        replace(t, turn_rewards=np.full_like(t.turn_rewards, n)) for n, t in enumerate(trajectories)
    ]
    batch = grpo_batch(trajectories, config, device=torch.device("cpu"))
    assert batch is not None
    trainer = GRPOTrainer(envs, remote, config)
    weights = trainer._prepare(batch).importance_weights
    new, sampled = (
        policy.logprobs(batch.token_ids, loss_mask=batch.loss_mask).detach()
        for policy in (remote, old)
    )
    on = batch.loss_mask
    assert weights is not None
    torch.testing.assert_close(batch.old_logprobs[on], sampled[on], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        weights[on], (new - sampled).exp().clamp(max=1.5)[on], atol=1e-3, rtol=1e-3
    )
    assert weights[on].std() > 0.01


def test_a_run_trains_with_a_server_and_says_how_far_it_lags(
    tmp_path: Path, server: StubServer, chat_policy: MakePolicy
) -> None:
    save_model(tmp_path / "start", chat_policy())
    settings = GRPOConfig(
        num_groups=2, group_size=3, importance_cap=2.0, learning_rate=1e-2, limits=LIMITS
    )
    config = TrainConfig(
        "grpo",
        LETTER,
        settings,
        model=str(tmp_path / "start"),
        iterations=3,
        num_envs=6,
        sampler_url=server.url,
    )
    server.lag = 1
    iterations: list[Iteration] = []
    train(config, tmp_path / "run", on_iteration=iterations.append)
    rows = [json.loads(row) for row in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]

    assert [row.get("policy_lag", 0) for row in rows] == [0, 1, 1]
    assert all(t.valid for iteration in iterations for t in iteration.trajectories)
    assert any("importance_weight" in iteration.update for iteration in iterations)


def test_a_server_that_names_no_version_has_the_one_it_was_given(
    remote: RemotePolicy, server: StubServer
) -> None:
    server.names_version = False
    shake(remote)
    assert remote.act(prompts(1))[0].policy_version == 1
    server.names_version = True
    server.change = lambda answer: answer["metadata"].update(weight_version="default")
    assert remote.act(prompts(1))[0].policy_version is None


def no_ids(answer: dict[str, Any]) -> None:
    del answer["choices"][0]["token_ids"]


def too_few(answer: dict[str, Any]) -> None:
    answer["choices"][0]["logprobs"]["token_logprobs"] = [-1.0]


def other_prompt(answer: dict[str, Any]) -> None:
    answer["choices"][0]["prompt_token_ids"] = [1, 3, 5, 9]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_ids, "must return token_ids"),
        (too_few, "must return token_ids"),
        (other_prompt, "read 4 other tokens than the 3 that it was sent"),
    ],
)
def test_an_answer_that_cannot_be_trained_on_is_refused(
    remote: RemotePolicy,
    server: StubServer,
    change: Callable[[dict[str, Any]], None],
    message: str,
) -> None:
    server.change = change
    with pytest.raises(ValueError, match=message):
        remote.act(prompts(1))


def test_a_busy_server_is_asked_again_and_one_that_refuses_is_not(
    remote: RemotePolicy, server: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_policy, "_FIRST_PAUSE_S", 0.0)
    remote.act(prompts(1))
    server.failures = [503, 500]
    assert remote.act(prompts(1))[0].token_ids
    server.failures = [400, 400]
    with pytest.raises(ConnectionError, match="400"):
        remote.act(prompts(1))
    assert server.failures == [400]


def test_weights_that_were_not_taken_are_not_offered_for_every_episode(
    remote: RemotePolicy, server: StubServer
) -> None:
    server.failures = [404, 404, 404]
    for _ in range(3):
        with pytest.raises(ConnectionError, match=r"update_weights_from_disk.*404"):
            remote.act(prompts(1))
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_named(chat_policy: MakePolicy, tmp_path: Path) -> None:
    policy = RemotePolicy(chat_policy(), "http://127.0.0.1:9", folder=tmp_path)
    with pytest.raises(ConnectionError, match=r"127\.0\.0\.1:9/update_weights_from_disk"):
        policy.act(prompts(1))
    policy._client.close()


def test_vllm_is_told_to_read_the_folder_and_to_forget_what_it_kept(server: StubServer) -> None:
    with httpx.Client(base_url=server.url) as client:
        HAND_OVERS["vllm"](client, Path("/weights"), 7)
    paths = [path for path, _ in server.requests]
    assert paths == ["/collective_rpc", "/update_weight_version", "/reset_prefix_cache"]
    assert server.requests[0][1]["kwargs"] == {"weights_path": "/weights"}


def test_a_temperature_is_refused(chat_policy: MakePolicy, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"temperature must be 1 where a server samples, got 0\.7"):
        RemotePolicy(chat_policy(temperature=0.7), "http://127.0.0.1:9", folder=tmp_path)
