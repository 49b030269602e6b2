"""Prime Intellect's `vf-eval` plays our environments against a local server, text for text."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.integrations.prime_samples import from_verifiers, to_verifiers
from llmenvs.integrations.samples import sample_of
from llmenvs.trajectory import Trajectory

MODULE = """
from llmenvs.integrations.prime import TextEpisodes, TextTaskset

__all__ = ["TextEpisodes", "TextTaskset"]
"""
SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS)
def test_a_trajectory_survives_the_round_trip(
    random_trajectory: Callable[[int], Trajectory], seed: int
) -> None:
    trajectory = random_trajectory(seed)
    record = json.loads(json.dumps(to_verifiers(trajectory)))
    [back] = from_verifiers(record)
    sample = sample_of(trajectory)

    assert sample_of(back) == sample
    assert (record["rewards"]["episode"] is None) == (not sample.valid)
    if sample.turn_spans:
        ids = [i for node in record["nodes"] for i in node["token_ids"]]
        mask = [int(own) for node in record["nodes"] for own in node["mask"]]
        own = list(sample.response_mask) if sample.valid else [0] * len(sample.response_mask)
        assert ids == [*sample.prompt_ids, *sample.response_ids]
        assert mask == [0] * len(sample.prompt_ids) + own


@given(seed=SEEDS)
def test_their_branch_has_the_tokens_and_the_mask(
    random_trajectory: Callable[[int], Trajectory], seed: int
) -> None:
    pytest.importorskip("verifiers.v1")
    from verifiers.v1.graph import MessageNode  # noqa: TID251 (theirs)
    from verifiers.v1.trace import Branch  # noqa: TID251 (theirs)

    sample = sample_of(random_trajectory(seed))
    record = to_verifiers(random_trajectory(seed))
    nodes = [MessageNode(**node) for node in record["nodes"]]
    branch = Branch(index=0, nodes=nodes)
    if not sample.turn_spans:
        assert nodes == []
        return
    tail = len(sample.response_ids)

    assert branch.token_ids == [*sample.prompt_ids, *sample.response_ids]
    assert sum(branch.sampled_mask) == (sum(sample.response_mask) if sample.valid else 0)
    if sample.valid and sample.logprobs is not None and tail:
        assert branch.logprobs[-tail:] == list(sample.logprobs)
    plain = {"nodes": [node.model_dump() for node in nodes], "rewards": {}, "info": {}}
    [back] = from_verifiers(plain)
    assert not back.valid
    assert int(back.generated_mask.sum()) == sum(branch.sampled_mask)


class Stub(BaseHTTPRequestHandler):
    """Streams one answer, whatever is asked, as OpenAI's chat completions do."""

    text = ""
    asked: list[Any] = []  # noqa: RUF012 (emptied by the fixture)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        type(self).asked.append(body["messages"])
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for delta, finish in (({"role": "assistant", "content": self.text}, None), ({}, "stop")):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            self._send({"choices": [choice]})
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        self._send({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _send(self, part: dict[str, Any]) -> None:
        whole = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "fake"}
        self.wfile.write(f"data: {json.dumps({**whole, **part})}\n\n".encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def stub() -> Iterator[str]:
    Stub.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def evaluate(folder: Path, base_url: str, text: str, env_id: str, options: Any = None) -> Any:
    """Run vf-eval outside of the checkout, and return the traces that it wrote."""
    Stub.text = text
    (folder / "text_taskset.py").write_text(MODULE)
    command = Path(sys.executable).parent / "vf-eval"
    flags = {
        "-n": "2",
        "-r": "1",
        "-m": "fake",
        "--client.base-url": base_url,
        "--client.api-key-var": "NO_KEY",
        "--env.player.harness.id": "null",
        "--env.player.runtime.type": "subprocess",
        "--env.taskset.env-id": env_id,
        "--env.taskset.env-options": json.dumps(options or {}),
        "--env.taskset.num-tasks": "2",
        "--output-dir": str(folder / "out"),
    }
    words = [word for pair in flags.items() for word in pair]
    path = f"{command.parent}:{os.environ['PATH']}"  # with uv, which the harness needs
    run = subprocess.run(
        [command, "text_taskset", *words, "--no-push", "--no-rich"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,  # what it wrote says more than its status
    )
    found = list(folder.rglob("traces.jsonl"))
    assert found, run.stdout[-2000:] + run.stderr[-2000:]
    episodes = [json.loads(line) for line in found[0].read_text().splitlines()]
    assert [episode["errors"] for episode in episodes] == [[], []]
    return [trace for episode in episodes for trace in episode["traces"]]


@pytest.mark.slow
def test_vf_eval_plays_many_turns(tmp_path: Path, stub: str, one_step_options: Any) -> None:
    pytest.importorskip("verifiers.v1")
    move = "<action>up</action>"
    traces = evaluate(tmp_path, stub, move, "llmenvs/GridWorld-v0", one_step_options)

    assert len(traces) == 2
    for trace in traces:
        assert [node["sampled"] for node in trace["nodes"]].count(True) == 4
        assert trace["rewards"]["episode"]["score"] == sum(trace["info"]["turn_rewards"])
    assert all(
        m["content"] == move for asked in Stub.asked for m in asked if m["role"] == "assistant"
    )


@pytest.mark.slow
def test_only_what_the_policy_wrote_earns(tmp_path: Path, stub: str) -> None:
    pytest.importorskip("verifiers.v1")
    options = {"tasks": [{"task_id": "t", "question": r"Say \boxed{5}.", "answer": "5"}]}
    leaked = evaluate(tmp_path, stub, "no idea", "llmenvs/MathAnswer-v0", options)

    assert [trace["rewards"]["episode"]["score"] for trace in leaked] == [0.0, 0.0]


def test_a_wrong_configuration_says_what_to_change() -> None:
    pytest.importorskip("verifiers.v1")
    from llmenvs.integrations.prime import TextTaskset, TextTasksetConfig

    for config, message in (
        ({"env_id": "llmenvs/GridWord-v0"}, "GridWord"),
        ({"env_options": "{"}, "env_options must be JSON"),
        ({"num_tasks": 0}, "num_episodes must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            list(TextTaskset(TextTasksetConfig(id="x", **config)).load())
