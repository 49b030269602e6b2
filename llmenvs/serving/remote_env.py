"""`RemoteEnv`: an environment that a server plays, as a `TextEnv` of this process.

`rollout`, `rollout_async`, wrappers and trainers take it for any other. What is written travels as
text, each turn what is new in it; tokens, mask and log-probabilities stay here, in the transcript,
so that ids that a policy sampled are kept as they are and the tokenizer is the client's own.

A request whose reply was lost is made again and is not done twice. A dropped connection loses
nothing; a session that is gone, since nobody used it for too long or the server was restarted, is a
`SessionGoneError` in ``step``, and ``reset`` opens another.
"""

import secrets
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.episode_state import Snapshot
from llmenvs.policy import FunctionPolicy, Policy, Prompt, ToolSchema
from llmenvs.renderers import Renderer
from llmenvs.serving import protocol
from llmenvs.serving.connection import Connection, RemoteError, SessionGoneError, connect
from llmenvs.tasks import Task
from llmenvs.verifiers import Status, Verdict


@dataclass(frozen=True, slots=True)
class RemoteState:
    """Where an episode stands, as the last reply said.

    Attributes:
        step: how many steps were taken.
        info: what the environment's info holds besides.
    """

    step: int
    info: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemoteSnapshot:
    """A snapshot's state: what is kept here, and the name of what the server keeps.

    Attributes:
        snapshot_id: at the server.
        state: of this side.
        task: of the episode.
    """

    snapshot_id: str
    state: RemoteState
    task: Task


class RemoteTasks:
    """The tasks of a server: it draws, and says what it drew.

    Attributes:
        content_hash: as the server says.
        drawn: the last one.
    """

    def __init__(self, content_hash: str) -> None:
        self.content_hash = content_hash
        self.drawn: Task = {"task_id": ""}

    def sample(self, rng: np.random.Generator) -> Task:
        """Return what the server drew."""
        return self.drawn

    def find(self, task_id: str) -> Task:
        """Return what the server drew, if it is that one.

        Raises:
            ValueError: it is another; `RemoteEnv.reset` asks the server for a task.
        """
        if task_id != self.drawn["task_id"]:
            raise ValueError(f"the task must be {self.drawn['task_id']!r}, got {task_id!r}")
        return self.drawn


class RemoteEnv(TextEnv[RemoteState]):
    """An environment behind a URL, as ``llmenvs serve env`` serves it.

    Reward, ends and info are those of the environment. It pickles and copies, also in the middle of
    an episode: the copy goes on in a session of its own, from a snapshot that the server keeps.

    Args:
        base_url: of the server, such as ``http://127.0.0.1:8000``.
        env_id: which environment; may be left out where the server has one.
        token: the server's bearer token, if it asks for one.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
        timeout_s: seconds that one request may take.
        retry_for_s: seconds for which a request that failed is made again; 0 for never.
        render_mode: see `TextEnv`.

    Raises:
        ValueError: the server does not have that environment, or an argument is out of range.
        RemoteError: the server does not answer, or refuses.
        ImportError: httpx is not installed.
    """

    blocking = True
    stop_strings: tuple[str, ...] = ()  # type: ignore[misc]  # the server's, and may follow the task

    def __init__(
        self,
        base_url: str,
        env_id: str | None = None,
        *,
        token: str | None = None,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        timeout_s: float = 120.0,
        retry_for_s: float = 30.0,
        render_mode: str | None = None,
    ) -> None:
        self._connect = partial(
            connect, base_url, token=token, timeout_s=timeout_s, retry_for_s=retry_for_s
        )
        served = _find(self._connection.get("/envs", protocol.EnvList).envs, env_id, base_url)
        super().__init__(
            tasks=RemoteTasks(served.dataset_hash),
            tokenizer=tokenizer,
            renderer=renderer,
            max_observation_length=served.max_observation_length,
            render_mode=render_mode,
        )
        self.env_id = served.env_id
        self.stop_strings = tuple(served.stop_strings)
        self.cuts_at_stop = served.cuts_at_stop
        self.mask_environment = served.mask_environment
        self._session: _Session | None = None
        self._resume_from: str | None = None  # the snapshot from which a copy goes on

    # What a user calls.

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start an episode at the server and return its prompt; see `TextEnv.reset`.

        Raises:
            ValueError: an unknown option or task_id; the episode before goes on.
            SessionGoneError: the session is gone, and there is no seed that another could start
                from.
            RemoteError: the server does not answer, or refuses.
        """
        unknown = set(options or {}) - {"task_id"}
        if unknown:
            raise ValueError(f"options may hold task_id alone, got {sorted(unknown)} beside it")
        start = self._start(seed, (options or {}).get("task_id"))
        self._remote_tasks.drawn = {"task_id": start.task_id, "start": start}
        self.stop_strings = tuple(start.stop_strings)
        self.cuts_at_stop = start.cuts_at_stop
        return super().reset(seed=seed)

    def snapshot(self) -> Snapshot:
        """Return this moment of the episode; the server keeps its own part of it.

        Raises:
            gymnasium.error.ResetNeeded: there was no episode yet.
            RemoteError: the server does not answer, or refuses.
        """
        here = super().snapshot()
        state = RemoteSnapshot(self._save(), here.state, self._task)
        return replace(here, state=state)

    def restore(self, snapshot: Snapshot) -> dict[str, Any]:
        """Go back to ``snapshot``, of this environment or of another at the same server.

        Raises:
            SessionGoneError: the server no longer keeps it.
            RemoteError: the server does not answer, or refuses.
        """
        saved: RemoteSnapshot = snapshot.state
        self._go_to(saved.snapshot_id)
        self._remote_tasks.drawn = saved.task
        start: protocol.EpisodeStart = saved.task["start"]
        self.stop_strings, self.cuts_at_stop = tuple(start.stop_strings), start.cuts_at_stop
        return super().restore(replace(snapshot, state=saved.state))

    def close(self) -> None:
        """Close the session. The environment may be reset again, which opens another."""
        if self._session is not None:
            self._session.close()
            self._session = None
        super().close()

    # What `TextEnv` asks for.

    def begin_episode(self, task: Task) -> Opening[RemoteState]:
        """Return the prompt that the server gave."""
        start: protocol.EpisodeStart = task["start"]
        return Opening(RemoteState(0, start.info), start.messages)

    def take_turn(self, state: RemoteState, action: str) -> Turn[RemoteState]:
        """Have the server take the turn."""
        session = self._open_session()
        reply = session.connection.post(
            "/step",
            {
                "session_id": session.session_id,
                "episode": session.episode,
                "step": state.step + 1,
                "action": action,
            },
            protocol.StepReply,
        )
        return Turn(
            RemoteState(reply.step, reply.info),
            reply.observation,
            reply.reward,
            terminated=reply.terminated,
            truncated=reply.truncated,
            action_valid=reply.action_valid,
            verdict=None if reply.verdict is None else _verdict(reply.verdict),
            role=reply.role,
        )

    def tools_of(self, task: Task) -> Sequence[ToolSchema]:
        """Return the schemas that the server sent."""
        tools: Sequence[ToolSchema] = task["start"].tools
        return tools

    def state_info(self, state: RemoteState) -> Mapping[str, Any]:
        """Return what the environment's info holds besides."""
        return state.info

    def scripted_policies(self) -> dict[str, Policy]:
        """Return ``oracle``, ``random`` and ``noop``, which ask the server, if it answers."""
        return {name: FunctionPolicy(partial(self._act, name)) for name in _SCRIPTS}

    # How it works.

    @property
    def _connection(self) -> Connection:
        return self._connect()

    @property
    def _remote_tasks(self) -> RemoteTasks:
        assert isinstance(self.tasks, RemoteTasks)  # noqa: S101 (an invariant, for the type checker)
        return self.tasks

    def _start(self, seed: int | None, task_id: str | None) -> protocol.EpisodeStart:
        """Reset the session, or a new one if it is gone."""
        self._connection.close_abandoned()
        if self._resume_from is not None and seed is None:
            self._open_session()  # its randomness decides the next episode
        self._resume_from = None
        if self._session is None:
            return self._start_in(_Session(self._connection), seed, task_id)
        try:
            return self._start_in(self._session, seed, task_id)
        except SessionGoneError:
            if seed is None:
                raise  # it held the randomness
            self._session.forget()
            self._session = None
            return self._start_in(_Session(self._connection), seed, task_id)

    def _start_in(
        self, session: "_Session", seed: int | None, task_id: str | None
    ) -> protocol.EpisodeStart:
        request = {
            "session_id": session.session_id,
            "env_id": self.env_id,
            "seed": None if seed is None else int(seed),
            "task_id": task_id,
            "episode": session.episode + 1,
        }
        start = session.connection.post("/reset", request, protocol.EpisodeStart)
        session.episode = start.episode
        self._session = session
        return start

    def _open_session(self) -> "_Session":
        """Return the session of the episode; a copy opens its own here."""
        if self._session is None and self._resume_from is not None:
            self._go_to(self._resume_from)
            self._resume_from = None
        if self._session is None:
            raise SessionGoneError("the session was closed: call reset()")
        return self._session

    def _go_to(self, snapshot_id: str) -> None:
        session = self._session or _Session(self._connection)
        request = {"session_id": session.session_id, "snapshot_id": snapshot_id}
        restored = session.connection.post("/restore", request, protocol.Restored)
        session.episode = restored.episode
        self._session = session

    def _save(self) -> str:
        """Have the server keep this moment, and return the name of what it keeps."""
        if self._session is None and self._resume_from is not None:
            return self._resume_from  # nothing has happened since
        session = self._open_session()
        return session.connection.post(
            "/snapshot", {"session_id": session.session_id}, protocol.SnapshotReply
        ).snapshot_id

    def _act(self, name: str, prompt: Prompt) -> str:
        request = {
            "policy": name,
            "env_id": self.env_id,
            "messages": list(prompt.messages),
            "text": prompt.text,
            "stop_strings": list(prompt.stop_strings),
            "tools": list(prompt.tools),
            "seed": prompt.seed,
        }
        return self._connection.post("/policy", request, protocol.PolicyReply).completion

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_session"] = None
        if self._session is not None or self._resume_from is not None:
            state["_resume_from"] = self._save()
        return state


class _Session:
    """A session of the server that one environment uses.

    Attributes:
        connection: to the server.
        session_id: chosen here, so that a repeated request opens no second one.
        episode: the number of its episode, 0 before the first.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.session_id = secrets.token_hex(16)
        self.episode = 0
        self._abandon = weakref.finalize(self, connection.abandon, self.session_id)
        self._abandon.atexit = False

    def close(self) -> None:
        """Close it at the server."""
        self.forget()
        self.connection.close_session(self.session_id)

    def forget(self) -> None:
        """Let it go: the server has closed it."""
        self._abandon.detach()


_SCRIPTS = ("oracle", "random", "noop")


def _find(
    envs: Sequence[protocol.EnvDescription], env_id: str | None, base_url: str
) -> protocol.EnvDescription:
    ids = [served.env_id for served in envs]
    if env_id is None and len(envs) == 1:
        return envs[0]
    for served in envs:
        if served.env_id == env_id:
            return served
    raise ValueError(f"env_id must be one of {ids}, which {base_url} serves, got {env_id!r}")


def _verdict(fields: Mapping[str, Any]) -> Verdict:
    try:
        return Verdict(**{**fields, "status": Status(fields["status"])})
    except (TypeError, ValueError, KeyError) as error:
        raise RemoteError(
            f"a verdict must have the fields of one, got {fields!r}: {error}"
        ) from error
