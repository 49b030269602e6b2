"""Wrappers change what goes in and out, and nothing of what is on record."""

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env

from llmenvs import Completion, Tokenizer
from llmenvs.envs import GridWorldEnv
from llmenvs.testing import GuessDigitEnv
from llmenvs.wrappers import RecordedEnv, TokenEnv, TranscriptEnv


def test_token_ids_go_in_and_out_as_they_are(any_tokenizer: Tokenizer) -> None:
    text_env = GridWorldEnv(tokenizer=any_tokenizer)
    env = TokenEnv(text_env)
    prompt_ids, info = env.reset(seed=0)
    action = any_tokenizer.encode("<action>right</action>")
    observation, reward, *_, info = env.step(action)
    transcript = text_env.transcript

    assert list(prompt_ids) == any_tokenizer.encode(transcript.segments[0].text)
    assert tuple(info["token_ids"]) == (*prompt_ids, *action, *observation)
    assert reward == -1.0
    assert sum(info["generated_mask"]) == len(action)


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
@pytest.mark.filterwarnings("ignore:.*alternative render modes")
def test_gymnasium_accepts_the_token_environment() -> None:
    check_env(TokenEnv(GuessDigitEnv()))


def test_a_completion_brings_its_logprobs() -> None:
    text_env = GridWorldEnv()
    env = TokenEnv(text_env)
    env.reset(seed=0)
    env.step(Completion("up", token_ids=[117, 112], logprobs=[-1.0, -2.0]))  # type: ignore[arg-type]

    assert text_env.transcript.completions[0].logprobs == (-1.0, -2.0)


@pytest.mark.parametrize("token_id", [-1, 257])
def test_an_unknown_id_is_refused_and_the_episode_goes_on(token_id: int) -> None:
    env = TokenEnv(GridWorldEnv())
    env.reset(seed=0)
    with pytest.raises(ValueError, match=f"holds ids from 0 to 256, got {token_id}"):
        env.step([65, token_id])
    env.step([*b"up"])


def test_the_whole_transcript_is_the_observation() -> None:
    env = TranscriptEnv(GuessDigitEnv())
    prompt, _ = env.reset(seed=0, options={"task_id": "low"})
    observation, *_ = env.step("9")

    assert observation == prompt + "9Wrong. "
    assert observation in env.observation_space


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_episode_is_recorded_once_ended_or_not(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    env = RecordedEnv(GuessDigitEnv(), path)
    env.reset(seed=0)
    for _ in range(3):
        env.step("wrong")
    assert len(rows(path)) == 1
    env.reset(seed=1)
    env.step("left alone")
    env.reset(seed=2)
    env.close()
    recorded = rows(path)

    assert [row["stop_reason"] for row in recorded] == ["truncated", "unfinished"]
    assert recorded[1]["messages"][1]["content"] == "left alone"


def test_wrapping_another_environment_is_refused(tmp_path: Path) -> None:
    for wrap in (TokenEnv, TranscriptEnv, lambda env: RecordedEnv(env, tmp_path / "x")):
        with pytest.raises(ValueError, match="env must be a TextEnv, got FrozenLakeEnv"):
            wrap(gym.make("FrozenLake-v1"))
