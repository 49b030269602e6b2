"""`llmenvs bench` against a real local endpoint: whatever it answers, nothing is lost or hidden."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llmenvs.bench.episode_record import EpisodeRecord, read_episodes
from llmenvs.cli import main

pytest.importorskip("fastapi")
pytest.importorskip("aiohttp")

MATH, USE, CALL = "llmenvs/MathAnswer-v0", "llmenvs/ToolUse-v0", "llmenvs/ToolCall-v0"
KEY = "sk-very/secret+key"
OK = {"kind": "ok", "content": "The answer is \\boxed{7}."}


@dataclass(frozen=True, slots=True)
class Stub:
    """A running stub."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def play(self, *script: dict[str, Any]) -> None:
        """Start over with a script."""
        self._call("PUT", "script", json.dumps(script).encode())

    def requests(self) -> list[dict[str, Any]]:
        """Return the bodies of the requests so far."""
        seen: list[dict[str, Any]] = json.loads(self._call("GET", "seen"))["requests"]
        return seen

    def _call(self, method: str, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}", data, method=method
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            content: bytes = response.read()
        return content


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    script = Path(__file__).with_name("openai_stub.py")
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield Stub(int(process.stdout.readline()))
        process.terminate()


def words(stub: Stub, out: Path, *more: str, env: str = MATH, episodes: int = 1) -> list[str]:
    return [
        "bench", "--env", env, "--policy", "openai", "--base-url", stub.url, "--model", "m",
        "--episodes", str(episodes), "--concurrency", "1", "--retry-wait", "0.01", "--out",
        str(out), *more,
    ]  # fmt: skip


def records(out: Path) -> list[EpisodeRecord]:
    return sorted(read_episodes(out), key=lambda record: (record.episode, record.sample))


def summary(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return content


BAD: list[tuple[dict[str, Any], str]] = [
    ({"kind": "html"}, "the answer is HTML, not JSON"),
    ({"kind": "html", "status": 502}, "the endpoint answered 502"),
    ({"kind": "text", "text": '{"choices": ['}, "the answer is not JSON"),
    ({"kind": "text", "text": ""}, "the answer is not JSON"),
    ({"kind": "text", "text": "[]"}, "must be a JSON object"),
    ({"kind": "text", "text": '{"choices": []}'}, "the answer has no choices"),
    ({"kind": "text", "text": '{"choices": [null]}'}, "the answer has no choices"),
    ({"kind": "text", "text": '{"error": {"message": "overloaded"}}'}, "overloaded"),
    ({"kind": "status", "status": 429}, "the endpoint answered 429"),
    ({"kind": "status", "status": 400, "text": "no such model"}, "no such model"),
    ({"kind": "status", "status": 307}, "it redirects"),
    ({"kind": "ok", "latency_s": 3.0}, "no answer within 1 s"),
]


def test_an_episode_that_the_endpoint_loses_is_invalid_and_says_why(
    stub: Stub, tmp_path: Path
) -> None:
    stub.play(OK, *(bad for bad, _ in BAD), OK)
    status = main(
        words(stub, tmp_path, "--max-attempts", "1", "--timeout", "1", episodes=len(BAD) + 2)
    )
    found = records(tmp_path)

    assert status == 0
    assert [one.valid for one in found] == [True, *[False] * len(BAD), True]
    for record, (_, message) in zip(found[1:], BAD, strict=False):
        assert message in str(record.error)
        assert record.failures == ("endpoint",)
        assert record.success is None
        assert record.task_id
    result = summary(tmp_path)
    assert result["failures"]["endpoint"] == len(BAD)
    assert result["valid_share"] == 2 / (len(BAD) + 2)
    assert result["usage_unknown"] == len(BAD)


@pytest.mark.parametrize("kind", ["broken_stream", "half_stream"])
def test_a_stream_that_breaks_is_asked_for_again(stub: Stub, tmp_path: Path, kind: str) -> None:
    stub.play({**OK, "kind": kind}, OK, {**OK, "kind": kind})
    main(words(stub, tmp_path, "--stream", "--max-attempts", "2", episodes=2))
    first, second = records(tmp_path)

    assert first.completions == ("The answer is \\boxed{7}.",)
    assert first.usage is not None
    assert (first.usage.requests, first.usage.retries) == (2, 1)
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (11, 3)
    assert not second.valid
    assert "stream" in str(second.error)


def test_a_storm_of_429_is_sat_out_and_counted(stub: Stub, tmp_path: Path) -> None:
    storm = {"kind": "status", "status": 429, "retry_after": "0.3"}
    stub.play(storm, storm, {"kind": "status", "status": 503}, OK)
    begin = time.monotonic()
    main(words(stub, tmp_path, "--price-in", "1000000", "--price-out", "2"))

    assert time.monotonic() - begin > 0.6  # it waited as long as it was asked to
    result = summary(tmp_path)
    assert (result["requests"], result["retries"]) == (4, 3)
    assert result["valid_share"] == 1.0
    assert result["cost"] == pytest.approx(11 + 3 * 2e-6)


def test_tokens_that_nobody_told_are_not_zero(stub: Stub, tmp_path: Path) -> None:
    stub.play({**OK, "usage": False})
    main(words(stub, tmp_path, episodes=2))
    result = summary(tmp_path)

    assert result["prompt_tokens"] is None
    assert result["usage_unknown"] == 2
    assert records(tmp_path)[0].usage is not None
    assert result["cost"] is None


def test_the_key_is_sent_and_neither_shown_nor_written(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    echo = {"kind": "status", "status": 403, "text": "bad header: {authorization}"}
    stub.play({**OK, "content": f"You sent {KEY}", "reasoning": KEY}, echo)
    main(words(stub, tmp_path, "--api-key-env", "MY_KEY", episodes=2))
    output = capfd.readouterr()

    first, second = records(tmp_path)
    assert first.completions == ("You sent [key removed]",)
    assert "bad header: Bearer [key removed]" in str(second.error)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for place in (output.out, output.err, written.decode()):
        assert "secret" not in place


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://user:hunter2@127.0.0.1/v1", "must hold no user, password or query"),
        ("http://127.0.0.1/v1?key=hunter2", "must hold no user, password or query"),
        ("127.0.0.1/v1", "must begin with http:// or https://"),
        ("http://127.0.0.1/v1/chat/completions", "must end before /chat/completions"),
    ],
)
def test_a_base_url_with_a_secret_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, message: str
) -> None:
    status = main(
        ["bench", "--env", MATH, "--policy", "openai", "--base-url", url, "--model", "m",
         "--out", str(tmp_path / "out")]
    )  # fmt: skip
    error = capsys.readouterr().err

    assert status == 2
    assert message in error
    assert "hunter2" not in error
    assert not (tmp_path / "out").exists()


def tasks_of_one_call(folder: Path) -> str:
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    row = {
        "request": "Is it raining in Rome?",
        "tools": [{"name": "get_weather", "description": "Now.", "parameters": city}],
        "calls": [{"name": "get_weather", "parameters": {"city": "Rome"}}],
    }
    path = folder / "tasks.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return str(path)


@pytest.mark.parametrize("stream", [True, False])
def test_native_calls_are_read_and_broken_ones_are_the_policys_fault(
    stub: Stub, tmp_path: Path, stream: bool
) -> None:
    def call(arguments: str, name: str = "get_weather") -> dict[str, Any]:
        return {
            "kind": "ok",
            "content": None,
            "tool_calls": [{"name": name, "arguments": arguments}],
        }

    stub.play(
        {**call('{"city":  "Rome"}'), "reasoning": "Rome it is."},
        call('{"city": "Rome"'),
        call('{"city": "Paris"}'),
        call('{"town": "Rome"}'),
        call('{"city": "Rome"}', "get_time"),
        {"kind": "ok", "content": "No idea."},
        {"kind": "ok", "content": ""},
    )
    options = ["--env-option", f"tasks={tasks_of_one_call(tmp_path)}"]
    options += ["--env-option", "protocol=native", "--tool-calls", "native"]
    options += ["--stream"] if stream else []
    main(words(stub, tmp_path / "out", *options, env=CALL, episodes=7))
    found = records(tmp_path / "out")

    assert all(record.valid for record in found)
    assert [record.failures for record in found] == [
        (), ("format",), ("wrong_value",), ("wrong_parameter_name",), ("wrong_tool",),
        ("missing_call",), ("no_answer",),
    ]  # fmt: skip
    assert '"arguments": {"city":  "Rome"}' in found[0].completions[0]
    assert [s.reasoning for s in found[0].segments if s.reasoning] == ["Rome it is."]
    assert '{\\"city\\": \\"Rome\\"' in found[1].completions[0]
    (tool,) = stub.requests()[0]["tools"]
    assert tool["function"]["name"] == "get_weather"


def test_the_history_of_native_calls_is_sent_as_calls_and_results(
    stub: Stub, tmp_path: Path
) -> None:
    convert = {"name": "convert_unit", "arguments": '{"value": 1, "unit": "kg", "to": "g"}'}
    stub.play(
        {"kind": "ok", "content": "Let me see.", "tool_calls": [convert, convert]},
        {"kind": "ok", "content": "Done."},
    )
    options = ["--env-option", "protocol=native", "--tool-calls", "native"]
    main(words(stub, tmp_path, *options, env=USE))
    sent = stub.requests()[1]["messages"]

    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "tool"]
    assert sent[2]["content"] == "Let me see."
    ids = [call["id"] for call in sent[2]["tool_calls"]]
    assert ids == [message["tool_call_id"] for message in sent[3:]]
    assert json.loads(sent[2]["tool_calls"][0]["function"]["arguments"])["unit"] == "kg"
    assert sent[3]["content"] == sent[4]["content"]
    assert len(records(tmp_path)[0].predicted_calls) == 2


def test_native_calls_need_the_native_protocol(
    stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(stub, tmp_path, "--tool-calls", "native", env=USE)) == 2
    assert f"give the option {USE}:protocol=native" in capsys.readouterr().err


def test_the_closing_tag_that_an_endpoint_cuts_off_is_put_back(stub: Stub, tmp_path: Path) -> None:
    cut = '<tool_call>\n{"name": "get_weather", "parameters": {"city": "Rome"}}\n'
    stub.play({"kind": "ok", "content": cut}, {"kind": "ok", "content": cut + "</tool_call> and"})
    option = f"tasks={tasks_of_one_call(tmp_path)}"
    main(words(stub, tmp_path / "out", "--env-option", option, env=CALL, episodes=2))

    assert [record.success for record in records(tmp_path / "out")] == [True, True]
    assert stub.requests()[0]["stop"] == ["</tool_call>", "</response>"]


def test_a_dead_endpoint_stops_a_new_run_and_leaves_no_results(
    stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.play({"kind": "status", "status": 401, "text": "no key"})

    assert main(words(stub, tmp_path, episodes=3)) == 1
    assert "the endpoint answered 401 Unauthorized: 'no key'" in capsys.readouterr().err
    assert not (tmp_path / "episodes.jsonl").exists()


def test_a_resumed_run_records_what_the_endpoint_loses_and_may_retry_it(
    stub: Stub, tmp_path: Path
) -> None:
    stub.play(OK)
    main(words(stub, tmp_path, episodes=1))
    stub.play({"kind": "status", "status": 401})

    assert main(words(stub, tmp_path, "--resume", episodes=3)) == 0
    assert [one.valid for one in records(tmp_path)] == [True, False, False]
    stub.play(OK)
    assert main(words(stub, tmp_path, "--resume", "--retry-invalid", episodes=3)) == 0
    assert [one.valid for one in records(tmp_path)] == [True, True, True]


def test_samples_share_the_task_and_differ_in_the_seed(stub: Stub, tmp_path: Path) -> None:
    stub.play(OK, {**OK, "content": "I pass."}, OK, OK)
    main(words(stub, tmp_path, "--samples", "2", "--temperature", "0.5", episodes=2))
    found, sent = records(tmp_path), stub.requests()

    assert [(one.episode, one.sample) for one in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert found[0].task_id == found[1].task_id != found[2].task_id
    assert len({body["seed"] for body in sent}) == 4
    assert sent[0]["temperature"] == 0.5
    assert summary(tmp_path)["tasks"] == 2


@pytest.mark.slow
def test_ctrl_c_twice_loses_nothing(stub: Stub, tmp_path: Path) -> None:
    stub.play({**OK, "latency_s": 0.05})
    command = [sys.executable, "-m", "llmenvs.cli", *words(stub, tmp_path, episodes=40)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 60
        path = tmp_path / "episodes.jsonl"
        while not path.exists() or path.read_bytes().count(b"\n") < 3:
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in error
    kept = records(tmp_path)
    assert 3 <= len(kept) < 40
    subprocess.run(command, check=True, capture_output=True)

    assert records(tmp_path)[: len(kept)] == kept
    assert [one.episode for one in records(tmp_path)] == list(range(40))


@pytest.mark.slow
def test_a_full_disk_stops_the_run_with_all_that_was_played(stub: Stub, tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk: writing fails in the middle of a line."""
    stub.play(OK)
    command = [sys.executable, "-m", "llmenvs.cli", *words(stub, tmp_path, episodes=40)]
    limited = ["/bin/sh", "-c", 'ulimit -f 64; exec "$@"', "sh", *command]
    full = subprocess.run(limited, check=False, capture_output=True, text=True)
    kept = records(tmp_path)

    assert full.returncode == 1
    assert "what was played is kept, and the same command goes on" in full.stderr
    assert "Traceback" not in full.stderr
    assert (tmp_path / "episodes.jsonl").read_bytes().endswith(b"\n")
    assert 0 < len(kept) < 40
    subprocess.run(command, check=True, capture_output=True)
    assert records(tmp_path)[: len(kept)] == kept
    assert len(records(tmp_path)) == 40


@pytest.mark.slow
def test_two_processes_do_not_share_a_folder(stub: Stub, tmp_path: Path) -> None:
    stub.play({**OK, "latency_s": 0.2})
    command = [sys.executable, "-m", "llmenvs.cli", *words(stub, tmp_path, episodes=200)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
    ) as process:
        end = time.monotonic() + 60
        while not (tmp_path / "episodes.jsonl").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        second = subprocess.run(command, check=False, capture_output=True, text=True)
        process.terminate()

    assert second.returncode == 2
    assert "another process is running a benchmark" in second.stderr
