"""A benchmark plays each episode once, the same however often it is stopped, and counts rightly."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from llmenvs.bench.policies import load_policy
from llmenvs.cli import main

GRID, MATH = "llmenvs/GridWorld-v0", "llmenvs/MathAnswer-v0"


def bench(out: Path, *words: str, episodes: int = 40, policy: str = "random") -> int:
    return main(
        ["bench", "--env", GRID, "--policy", policy, "--episodes", str(episodes), "--out", str(out),
         *words]
    )  # fmt: skip


def summary(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return content


def episodes(out: Path) -> dict[Any, Any]:
    rows = [json.loads(line) for line in (out / "episodes.jsonl").read_text().splitlines()]
    assert len({(row["env"], row["info"]["episode"]) for row in rows}) == len(rows)
    return {(row["env"], row["info"]["episode"]): row for row in rows}


@pytest.mark.parametrize(
    ("policy", "success", "reward"), [("oracle", 1.0, 1.5), ("noop", 0.0, -10.0)]
)
def test_scripted_policies_score_what_they_should(
    tmp_path: Path, policy: str, success: float, reward: float
) -> None:
    bench(tmp_path, "--env", MATH, policy=policy)
    result = summary(tmp_path)

    assert result["success_mean"] == success
    assert result["reward_mean"] == pytest.approx(reward)
    assert result["valid_share"] == 1.0
    assert result["episodes"] == 80
    assert set(result["per_env"]) == {GRID, MATH}
    assert result["success_ci95"][0] <= success <= result["success_ci95"][1]


def test_an_episode_is_the_same_whatever_the_number_and_the_concurrency(tmp_path: Path) -> None:
    bench(tmp_path / "a", "--concurrency", "1")
    bench(tmp_path / "b", "--concurrency", "7", episodes=25)
    bench(tmp_path / "c", "--seed", "1", episodes=25)
    one, two, other = (episodes(tmp_path / name) for name in "abc")

    assert {key: one[key] for key in two} == two
    assert other != two


def test_a_run_is_taken_up_after_half_a_line_and_can_be_made_longer(tmp_path: Path) -> None:
    bench(tmp_path / "whole")
    bench(tmp_path / "cut", episodes=10)
    records = tmp_path / "cut" / "episodes.jsonl"
    records.write_bytes(records.read_bytes()[:-40])
    bench(tmp_path / "cut")

    assert episodes(tmp_path / "cut") == episodes(tmp_path / "whole")
    assert summary(tmp_path / "cut") == summary(tmp_path / "whole")


def test_a_killed_run_ends_as_if_it_had_not_been_killed(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\n"
        "import numpy as np\n"
        "def act(prompt):\n"
        "    time.sleep(0.001)\n"
        "    return str(np.random.default_rng(prompt.seed).choice(['up', 'right']))\n"
    )
    command = [
        sys.executable, "-m", "llmenvs.cli", "bench", "--env", GRID, "--policy", "slow:act",
        "--episodes", "300", "--concurrency", "4",
    ]  # fmt: skip
    options: dict[str, Any] = {
        "env": {**os.environ, "PYTHONPATH": str(tmp_path)},
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with subprocess.Popen([*command, "--out", str(killed)], **options) as process:
        end = time.monotonic() + 60
        while not (killed / "episodes.jsonl").exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
    assert not (killed / "summary.json").exists()
    subprocess.run([*command, "--out", str(killed)], check=True, **options)
    subprocess.run([*command, "--out", str(whole)], check=True, **options)

    assert episodes(killed) == episodes(whole)
    assert summary(killed) == summary(whole)


def test_another_runs_folder_is_refused_and_may_be_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench(tmp_path)
    before = episodes(tmp_path)

    assert bench(tmp_path, policy="noop") == 2
    assert "holds another run: its policy is 'random', not 'noop'" in capsys.readouterr().err
    assert episodes(tmp_path) == before
    assert bench(tmp_path, "--overwrite", policy="noop") == 0
    assert summary(tmp_path)["success_mean"] == 0.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resume"], "holds no run to resume"),
        (["--suite", "tools"], "give --env, one or several, or --suite, and not both"),
        (["--episodes", "some"], "--episodes must be a whole number, got 'some'"),
        (["--policy", "openai"], "--policy openai needs --base-url and --model"),
        (["--model", "m"], "model goes with the policies openai and hf, got 'random'"),
        (["--base-url", "http://x/v1"], "--base-url goes with --policy openai"),
        (["--env-option", "Other-v0:max_turns=3"], "is of none of the environments"),
        (["--policy", "orakel"], "no policy 'orakel': there are oracle, random, noop, openai, hf"),
        (["--policy", "no.such:thing"], "policy 'no.such:thing' cannot be imported"),
        (["--policy", "math:pi"], "must have act or act_one, make such a policy"),
        (["--env", "llmenvs/Nothing-v0"], "environment 'llmenvs/Nothing-v0' cannot be made"),
        (["--env", "FrozenLake-v1"], "environment 'FrozenLake-v1' must be a TextEnv"),
        (["--env", GRID], "env must be at least one, each once"),
        (["--env-option", "max_turn=3"], "cannot be made"),
        (["--episodes", "0"], "episodes and samples must be at least 1"),
        (["--max-new-tokens", "0"], "must be at least 1"),
    ],
)
def test_a_bad_word_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert bench(tmp_path, *words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["Echo", "AsyncEcho", "make", "say", "made"])
def test_every_kind_of_entry_point_is_a_policy(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(
        "from llmenvs import Completion\n"
        "class Echo:\n"
        "    def act(self, prompts):\n"
        "        return [Completion('up') for _ in prompts]\n"
        "class AsyncEcho:\n"
        "    async def act_one(self, prompt):\n"
        "        return Completion('up')\n"
        "def make():\n"
        "    return Echo()\n"
        "def say(prompt):\n"
        "    return 'up'\n"
        "made = Echo()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("mine", None)
    bench(tmp_path / "out", policy=f"mine:{kind}", episodes=3)

    assert summary(tmp_path / "out")["reward_mean"] == -20.0


FLAKY = """
from pathlib import Path
from llmenvs import Completion
class Flaky:
    def act(self, prompts):
        if Path({flag!r}).exists():
            raise ConnectionError("gone")
        return [Completion("up") for _ in prompts]
class AsyncFlaky:
    async def act_one(self, prompt):
        return Flaky().act([prompt])[0]
"""


@pytest.mark.parametrize("kind", ["Flaky", "AsyncFlaky"])
def test_a_policy_that_fails_on_all_that_is_left_ends_a_new_run_and_not_a_resumed_one(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flag, out = tmp_path / "flag", tmp_path / "out"
    (tmp_path / "flaky.py").write_text(FLAKY.format(flag=str(flag)))
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("flaky", None)
    flag.touch()

    assert bench(out, policy=f"flaky:{kind}", episodes=3) == 1
    assert "stopped: ConnectionError: gone" in capsys.readouterr().err
    assert not (out / "episodes.jsonl").exists()
    flag.unlink()
    assert bench(out, policy=f"flaky:{kind}", episodes=3) == 0
    flag.touch()
    assert bench(out, "--resume", policy=f"flaky:{kind}", episodes=6) == 0
    result = summary(out)
    assert (result["episodes"], result["valid_share"]) == (6, 0.5)
    assert result["failures"]["undecided"] == 3


@pytest.mark.slow
def test_a_model_of_a_folder_plays_with_its_own_tokens(tmp_path: Path) -> None:
    from llmenvs.agents.model_files import save_model
    from llmenvs.agents.policy import TransformerPolicy
    from llmenvs.agents.transformer import Transformer, TransformerConfig
    from llmenvs.tokenizers import ByteTokenizer

    tokenizer = ByteTokenizer()
    config = TransformerConfig(vocab_size=tokenizer.vocab_size, max_length=2_048)
    save_model(tmp_path / "model", TransformerPolicy(Transformer(config, seed=0), tokenizer))
    words = ["--model", str(tmp_path / "model"), "--max-new-tokens", "4"]

    assert bench(tmp_path / "out", *words, policy="hf", episodes=2) == 0
    rows = episodes(tmp_path / "out").values()
    assert all(row["valid"] and any(x is not None for x in row["logprobs"]) for row in rows)
    assert bench(tmp_path / "other", "--model", str(tmp_path), policy="hf", episodes=2) == 2


def test_scripted_policies_are_those_of_the_environment() -> None:
    env = gymnasium.make(GRID).unwrapped

    assert type(load_policy("oracle", env)).__name__ == "FunctionPolicy"  # type: ignore[arg-type]
