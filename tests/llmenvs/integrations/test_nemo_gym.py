"""NeMo-Gym's calls of reset and step play our episodes; its server is stood in for here."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from llmenvs.env_making import make_text_env
from llmenvs.integrations.nemo_gym import (
    TextSessions,
    UndecidedError,
    gymnasium_server,
    metadata_rows,
    server_class,
)

GRID = "llmenvs/GridWorld-v0"
MOVE = "<action>up</action>"


class Base:
    """The abstract methods of NeMo-Gym's GymnasiumServer."""

    async def reset(self, metadata: dict[str, Any], session_id: str | None = None) -> Any:
        raise NotImplementedError

    async def step(
        self, action: Any, metadata: dict[str, Any], session_id: str | None = None
    ) -> Any:
        raise NotImplementedError


def extract_text(response: Any) -> str:
    return "".join(part.text for part in response.output)


def said(text: str) -> Any:
    return SimpleNamespace(output=[SimpleNamespace(text=text)])


def test_two_sessions_play_side_by_side_as_alone() -> None:
    server = server_class(Base, extract_text)()
    rows = metadata_rows(GRID, num_prompts=2)

    async def play() -> list[Any]:
        names = ["a", "b"]
        metadata = dict(zip(names, rows, strict=True))
        seen = [await server.reset(metadata[n], session_id=n) for n in names]
        for _ in range(2):
            seen += [await server.step(said(MOVE), metadata[n], session_id=n) for n in names]
        return seen

    seen = asyncio.run(play())
    for offset, row in enumerate(rows):
        env = make_text_env(GRID)
        text, _ = env.reset(seed=row["seed"], options={"task_id": row["task_id"]})

        assert seen[offset][0] == text
        for turn in (1, 2):
            assert seen[offset + 2 * turn][:4] == env.step(MOVE)[:4]


def test_only_the_policys_text_earns_and_undecided_is_never_zero(
    undecided_env_id: str,
) -> None:
    task = {"task_id": "t", "question": r"Say \boxed{5}.", "answer": "5"}
    leak = metadata_rows("llmenvs/MathAnswer-v0", num_prompts=1, env_options={"tasks": [task]})
    lost = metadata_rows(undecided_env_id, num_prompts=1)
    sessions = TextSessions()

    def play(row: dict[str, Any], text: str) -> Any:
        async def both() -> Any:
            await sessions.reset(row, "s")
            return await sessions.step(text, "s")

        return asyncio.run(both())

    assert play(leak[0], "no idea")[1:4] == (0.0, True, False)
    assert play(leak[0], r"\boxed{5}")[1] == 1.0
    with pytest.raises(UndecidedError, match="could not be scored: the worker was lost"):
        play(lost[0], "5")


def test_wrong_calls_say_what_to_change() -> None:
    sessions = TextSessions(max_sessions=1)
    row = metadata_rows(GRID, num_prompts=1)[0]
    with pytest.raises(ValueError, match="the row must hold env_id"):
        asyncio.run(sessions.reset({"answer": "5"}, "s"))
    with pytest.raises(ValueError, match="GridWord"):
        asyncio.run(sessions.reset({"env_id": "llmenvs/GridWord-v0"}, "s"))
    with pytest.raises(ValueError, match="a session id is required"):
        asyncio.run(sessions.reset(row, None))
    with pytest.raises(ValueError, match="session 's' has no episode under way"):
        asyncio.run(sessions.step(MOVE, "s"))
    with pytest.raises(ValueError, match="max_sessions must be at least 1"):
        TextSessions(max_sessions=0)
    with pytest.raises(ImportError, match="nemo-gym is not installed"):
        gymnasium_server()


def test_the_oldest_session_makes_room() -> None:
    sessions = TextSessions(max_sessions=1)
    row = metadata_rows(GRID, num_prompts=1)[0]

    async def both() -> None:
        await sessions.reset(row, "old")
        await sessions.reset(row, "new")
        await sessions.step(MOVE, "new")

    asyncio.run(both())
    with pytest.raises(ValueError, match="'old' has no episode"):
        asyncio.run(sessions.step(MOVE, "old"))
