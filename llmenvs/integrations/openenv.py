"""OpenEnv (0.10): any text environment as a server, and the client for it.

`create_server` returns the FastAPI application that OpenEnv's clients and trainers speak to, one
environment for each session; `TextEnvClient` is the typed client. An action may carry the ids and
log-probabilities as sampled, and the state has the episode's tokens with the mask of generated
ones, so that a trainer on the other side of the wire trains on exactly what was sampled.

OpenEnv has one flag ``done``; which of both ends it was is in the observation, and an undecided
score is the reward None with ``valid`` False. `to_openenv` and `from_openenv` convert trajectories.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env
from llmenvs.integrations.openenv_samples import from_openenv, to_openenv
from llmenvs.integrations.versions import check_version
from llmenvs.transcript import Completion

TESTED = "0.10.0"
check_version("openenv", tested=TESTED, extra="openenv")

from openenv.core.client_types import StepResult  # noqa: E402 (the message above comes first)
from openenv.core.env_client import EnvClient  # noqa: E402
from openenv.core.env_server.http_server import create_fastapi_app  # noqa: E402
from openenv.core.env_server.interfaces import Environment  # noqa: E402
from openenv.core.env_server.types import (  # noqa: E402
    Action,
    EnvironmentMetadata,
    Observation,
    State,
)

__all__ = [
    "TextAction",
    "TextEnvClient",
    "TextEnvironment",
    "TextObservation",
    "TextState",
    "create_server",
    "from_openenv",
    "to_openenv",
]

SPLIT = "all"
"""The one split of the task API: which tasks there are is for the environment's options to say."""


class TextAction(Action):  # type: ignore[misc]  # OpenEnv is not there where mypy runs
    """What the policy wrote in one turn.

    Attributes:
        text: the completion.
        token_ids: as sampled; None has the server's tokenizer encode the text.
        logprobs: of those ids, in nats.
    """

    text: str
    token_ids: list[int] | None = None
    logprobs: list[float] | None = None


class TextObservation(Observation):  # type: ignore[misc]  # as above
    """What is new to the policy; ``done`` and ``reward`` are OpenEnv's own fields.

    Attributes:
        text: the observation.
        task_id: of the episode.
        stop_strings: where the policy should stop.
        terminated: the task came to its end.
        truncated: a limit outside of the task cut it.
        valid: the score is decided; where it is False, ``reward`` is None.
        action_valid: the action could be read; None after a reset.
        verdict: once scored.
    """

    text: str
    task_id: str
    stop_strings: list[str] = Field(default_factory=list)
    terminated: bool = False
    truncated: bool = False
    valid: bool = True
    action_valid: bool | None = None
    verdict: dict[str, Any] | None = None


class TextState(State):  # type: ignore[misc]  # as above
    """The episode so far; ``episode_id`` and ``step_count`` are OpenEnv's own fields.

    Attributes:
        task_id: of the episode.
        token_ids: everything so far, (T,).
        generated_mask: True where the policy generated the token, (T,).
        turn_rewards: of each turn.
    """

    task_id: str = ""
    token_ids: list[int] = Field(default_factory=list)
    generated_mask: list[bool] = Field(default_factory=list)
    turn_rewards: list[float] = Field(default_factory=list)


class TextEnvironment(Environment):  # type: ignore[misc]  # as above
    """One session: a text environment behind OpenEnv's interface.

    Args:
        env_id: of a `TextEnv`.
        env_options: of its constructor.

    Raises:
        ValueError: there is no such environment.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, env_id: str, env_options: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._env_id = env_id
        self._env: TextEnv[Any] = make_text_env(env_id, **(env_options or {}))
        self._episode_id: str | None = None
        self._task_id = ""

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        task_id: str | None = None,
        split: str | None = None,
        index: int | None = None,
    ) -> TextObservation:
        """Start an episode.

        Args:
            seed: the same seed gives the same episode.
            episode_id: a name for it; made up by default.
            task_id: which task; drawn by default.
            split: of the task API, with ``index`` instead of ``task_id``.
            index: of the task in the split.

        Raises:
            ValueError: there is no such task; the episode before goes on.
        """
        if index is not None:
            task_id = self.get_task(SPLIT if split is None else split, index)["id"]
        options = {} if task_id is None else {"task_id": task_id}
        text, info = self._env.reset(seed=seed, options=options)
        self._episode_id, self._task_id = episode_id or str(uuid.uuid4()), info["task_id"]
        return self._observation(text, info)

    def step(self, action: TextAction, timeout_s: float | None = None) -> TextObservation:
        """Take one turn. ``timeout_s`` is OpenEnv's; the environments have limits of their own.

        Raises:
            ValueError: ids and log-probabilities that do not fit; the episode goes on.
            gymnasium.error.ResetNeeded: no episode is under way.
        """
        completion = Completion(action.text, token_ids=action.token_ids, logprobs=action.logprobs)
        text, reward, terminated, truncated, info = self._env.step(completion)
        verdict = info.get("verdict")
        return self._observation(
            text,
            info,
            done=terminated or truncated,
            reward=reward if info["valid"] else None,
            terminated=terminated,
            truncated=truncated,
            valid=info["valid"],
            action_valid=info["action_valid"],
            verdict=None if verdict is None else verdict.to_dict(),
        )

    @property
    def state(self) -> TextState:
        """The episode so far, with tokens and mask."""
        transcript, rewards = self._env.transcript, self._env.turn_rewards
        return TextState(
            episode_id=self._episode_id,
            step_count=len(rewards),
            task_id=self._task_id,
            token_ids=list(transcript.token_ids),
            generated_mask=list(transcript.generated_mask),
            turn_rewards=list(rewards),
        )

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def get_metadata(self) -> EnvironmentMetadata:
        """Return name and description."""
        lines = (type(self._env).__doc__ or self._env_id).splitlines()
        return EnvironmentMetadata(name=self._env_id, description=lines[0])

    def list_splits(self) -> list[str]:
        """Return the one split."""
        return [SPLIT]

    def num_tasks(self, split: str) -> int:
        """Return the number of tasks.

        Raises:
            ValueError: tasks are drawn and not listed, or there is no such split.
        """
        return len(self._tasks(split))

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """Return the id and index of a task, and nothing that would tell its answer.

        Raises:
            IndexError: there is none of that index.
            ValueError: tasks are drawn and not listed, or there is no such split.
        """
        tasks = self._tasks(split)
        if not 0 <= index < len(tasks):
            raise IndexError(f"index must be in [0, {len(tasks)}), got {index}")
        return {"id": tasks[index]["task_id"], "index": index}

    def list_tasks(self, split: str) -> list[dict[str, Any]]:
        """Return id and index of every task; see `get_task`."""
        return [self.get_task(split, index) for index in range(self.num_tasks(split))]

    def _tasks(self, split: str) -> Any:
        if split != SPLIT:
            raise ValueError(f"split must be {SPLIT!r}, got {split!r}")
        if not hasattr(self._env.tasks, "__len__"):
            raise ValueError(f"the tasks of {self._env_id!r} are drawn by seed and have no index")
        return self._env.tasks

    def _observation(self, text: str, info: Mapping[str, Any], **more: Any) -> TextObservation:
        return TextObservation(
            text=text, task_id=info["task_id"], stop_strings=list(info["stop_strings"]), **more
        )


class TextEnvClient(EnvClient):  # type: ignore[misc]  # as above
    """The client of `create_server`: one episode at a time over a web socket.

    >>> client = TextEnvClient(base_url="http://127.0.0.1:8000").sync()  # doctest: +SKIP
    >>> client.reset(seed=7).observation.text  # doctest: +SKIP
    >>> client.step(TextAction(text="<action>up</action>")).reward  # doctest: +SKIP
    """

    def _step_payload(self, action: TextAction) -> dict[str, Any]:
        payload: dict[str, Any] = action.model_dump(exclude_none=True)
        return payload

    def _parse_result(self, payload: dict[str, Any]) -> StepResult:
        ends = {"reward": payload.get("reward"), "done": payload.get("done", False)}
        observation = TextObservation(**{**payload["observation"], **ends})
        return StepResult(observation=observation, **ends)

    def _parse_state(self, payload: dict[str, Any]) -> TextState:
        return TextState(**payload)


def create_server(
    env_id: str,
    *,
    env_options: Mapping[str, Any] | None = None,
    max_sessions: int = 64,
) -> Any:
    """Return the FastAPI application that serves ``env_id`` by OpenEnv's protocol.

    Run it by ``uvicorn.run(create_server(env_id), host="127.0.0.1", port=8000)``. A session has an
    environment of its own; beside sessions there are ``/health``, ``/schema`` and the task API.

    Args:
        env_id: of a `TextEnv`.
        env_options: of its constructor.
        max_sessions: at a time; more are refused.

    Raises:
        ValueError: there is no such environment, or no session at all.
    """
    if max_sessions < 1:
        raise ValueError(f"max_sessions must be at least 1, got {max_sessions}")
    make_text_env(env_id, **(env_options or {})).close()  # a wrong id is told here, not per session
    return create_fastapi_app(
        lambda: TextEnvironment(env_id, env_options),
        TextAction,
        TextObservation,
        max_concurrent_envs=max_sessions,
        env_name=env_id.rpartition("/")[2],  # a part of the task API's path
        state_cls=TextState,
    )
