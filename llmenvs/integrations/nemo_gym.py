"""NeMo-Gym (0.7): any text environment behind its `GymnasiumServer`.

NeMo-Gym requires Python 3.13 and is not installed with this package; `gymnasium_server` makes its
server class where it is. `TextSessions` is the behaviour without it: sessions by id, each an
episode, with NeMo-Gym's signatures of ``reset`` and ``step``.

A row names the episode beside its ``responses_create_params`` (`metadata_rows`). NeMo-Gym's agent
adds up the rewards of turns and has no way to leave an episode out, so that an undecided one raises
`UndecidedError`: a failed rollout, and never a reward of 0.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from llmenvs.env import TextEnv
from llmenvs.integrations.episodes import EpisodeSpec, draw_episodes
from llmenvs.integrations.versions import check_version

TESTED = "0.7.0"

__all__ = ["TextSessions", "UndecidedError", "gymnasium_server", "metadata_rows", "server_class"]

Step = tuple[str | None, float, bool, bool, dict[str, Any]]


class UndecidedError(RuntimeError):
    """An episode has no score, through no fault of the policy."""


class TextSessions:
    """Episodes of text environments by session id.

    Args:
        max_sessions: at a time; a session ends with its episode, and the oldest goes where there
            are more, since NeMo-Gym does not say when a client has left.

    Raises:
        ValueError: ``max_sessions`` is below 1.
    """

    def __init__(self, *, max_sessions: int = 4096) -> None:
        if max_sessions < 1:
            raise ValueError(f"max_sessions must be at least 1, got {max_sessions}")
        self._max_sessions = max_sessions
        self._envs: dict[str, TextEnv[Any]] = {}

    async def reset(
        self, metadata: Mapping[str, Any], session_id: str | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start the episode that ``metadata``, the row, names, and return its prompt.

        Raises:
            ValueError: no session, no episode, or an environment or task that does not exist.
        """
        spec = EpisodeSpec.from_dict(metadata, column="the row")
        env = await asyncio.to_thread(spec.make)
        options = {} if spec.task_id is None else {"task_id": spec.task_id}
        text, info = await asyncio.to_thread(env.reset, seed=spec.seed, options=options)
        self._envs.pop(_named(session_id), None)
        while len(self._envs) >= self._max_sessions:
            del self._envs[next(iter(self._envs))]
        self._envs[_named(session_id)] = env
        return text, {"task_id": info["task_id"]}

    async def step(self, completion: str, session_id: str | None = None) -> Step:
        """Take one turn with what the policy wrote.

        Raises:
            ValueError: no episode of that session is under way.
            UndecidedError: the score of the turn could not be decided; the episode has ended.
        """
        env = self._envs.get(_named(session_id))
        if env is None:
            raise ValueError(f"session {session_id!r} has no episode under way: call reset first")
        text, reward, terminated, truncated, info = await asyncio.to_thread(env.step, completion)
        if terminated or truncated:
            self._envs.pop(_named(session_id), None)
        told: dict[str, Any] = {"task_id": info["task_id"], "action_valid": info["action_valid"]}
        if (verdict := info.get("verdict")) is not None:
            told["verdict"] = verdict.to_dict()
        if not info["valid"]:
            raise UndecidedError(
                f"task {info['task_id']!r} could not be scored: {info['verdict'].reason}"
            )
        return text, reward, terminated, truncated, told


def metadata_rows(
    env_id: str,
    *,
    num_prompts: int,
    seed: int = 0,
    env_options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return rows of NeMo-Gym's JSON lines: what the model is sent, and which episode it is.

    The prompt comes from ``reset``, so that ``input`` is empty.

    Raises:
        ValueError: there is no such environment, or no prompts.
    """
    episodes = draw_episodes(env_id, num_episodes=num_prompts, seed=seed, env_options=env_options)
    return [
        {"responses_create_params": {"input": []}, **episode.spec.to_dict()} for episode in episodes
    ]


def gymnasium_server() -> type[Any]:
    """Return the server class for NeMo-Gym's ``app.py``: ``gymnasium_server().run_webserver()``.

    Raises:
        ImportError: NeMo-Gym is not installed.
    """
    check_version("nemo-gym", tested=TESTED)
    from resources_servers.gymnasium import GymnasiumServer, extract_text

    return server_class(GymnasiumServer, extract_text)


def server_class(base: type[Any], extract_text: Any) -> type[Any]:
    """Return the server class on ``base``, which is NeMo-Gym's ``GymnasiumServer``.

    Args:
        base: its ``reset`` and ``step`` are overridden, and nothing else.
        extract_text: what makes the text of the policy out of NeMo-Gym's response.
    """
    sessions = TextSessions()

    class TextServer(base):  # type: ignore[misc]  # known only where NeMo-Gym is
        """Text environments as a resources server."""

        async def reset(
            self, metadata: dict[str, Any], session_id: str | None = None
        ) -> tuple[str | None, dict[str, Any]]:
            return await sessions.reset(metadata, session_id)

        async def step(
            self, action: Any, metadata: dict[str, Any], session_id: str | None = None
        ) -> Step:
            return await sessions.step(extract_text(action), session_id)

    return TextServer


def _named(session_id: str | None) -> str:
    if not session_id:
        raise ValueError(
            f"a session id is required, since episodes are kept by it, got {session_id!r}"
        )
    return session_id
