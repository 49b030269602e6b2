"""A served environment speaks OpenEnv's protocol beside the plain one, behind the same token."""

from typing import Any

import pytest

pytest.importorskip("openenv")

from llmenvs.env_making import make_text_env

GRID = "llmenvs/GridWorld-v0"


def test_openenv_plays_the_episode_that_is_played_here(serve: Any) -> None:
    from llmenvs.integrations.openenv import TextAction, TextEnvClient

    server = serve("env", GRID, "--openenv")
    env = make_text_env(GRID)
    text, _ = env.reset(seed=5)
    with TextEnvClient(base_url=f"{server.url}/openenv/GridWorld-v0").sync() as client:
        assert client.reset(seed=5).observation.text == text
        observation, reward, *_ = env.step("up")
        result = client.step(TextAction(text="up"))

        assert (result.observation.text, result.reward) == (observation, reward)
    assert server.post("/reset", {"seed": 5}).json()["observation"] == text


def test_openenv_without_the_token_is_refused(serve: Any) -> None:
    server = serve("env", GRID, "--openenv", "--token-env", "SECRET", SECRET="sesame")
    path = "/openenv/GridWorld-v0/reset"

    assert server.post(path, {}).status_code == 401
    assert server.post(path, {}, authorization="Bearer sesame").status_code == 200
