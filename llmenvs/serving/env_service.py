"""What a served environment does: reset, step, look, close, snapshots, and batches of them.

Environments are made, stepped and closed in a bounded pool of threads, so that the event loop stays
free. Requests for one session wait for each other; those of different sessions do not.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import gymnasium as gym
import msgspec

from llmenvs.env import TextEnv
from llmenvs.episode_state import Phase
from llmenvs.serving import protocol
from llmenvs.serving.env_host import EnvHost
from llmenvs.serving.errors import ServiceError, problem
from llmenvs.serving.sessions import Session, SessionLimits, SessionTable
from llmenvs.serving.snapshots import SnapshotStore

logger = logging.getLogger(__name__)

T = TypeVar("T")
ItemT = TypeVar("ItemT")
_STANDARD_INFO = frozenset(
    (
        "token_ids",
        "generated_mask",
        "task_id",
        "dataset_hash",
        "stop_strings",
        "valid",
        "action_valid",
        "verdict",
    )
)


class EnvService:
    """The operations of the protocol; used from one event loop.

    Args:
        host: the environments.
        limits: of sessions.
        threads: environments that are stepped at a time.
        on_open: is told of each session that is opened.
        on_close: is told of each session that is closed, and why.
    """

    def __init__(
        self,
        host: EnvHost,
        *,
        limits: SessionLimits,
        threads: int,
        on_open: Callable[[Session], None] = lambda session: None,
        on_close: Callable[[Session, str], None] = lambda session, why: None,
    ) -> None:
        self.host = host
        self.limits = limits
        self.sessions = SessionTable(limits, on_close=self._closed)
        self.snapshots = SnapshotStore(
            max_snapshots=limits.max_snapshots, idle_timeout_s=limits.idle_timeout_s
        )
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="env")
        self._num_waiting = 0
        self._on_open = on_open
        self._on_close = on_close

    async def reset(self, request: protocol.ResetRequest) -> protocol.EpisodeStart:
        """Start an episode."""
        session = self._session(request.session_id, request.env_id)
        async with session.lock:
            self.sessions.check_open(session)
            asked = (request.seed, request.task_id)
            if request.episode is not None:
                if request.episode == session.episode and session.last_reset is not None:
                    started: protocol.EpisodeStart = _repeated(session.last_reset, asked, "reset")
                    return started
                _check_number("episode", request.episode, session.episode + 1)
            env = await self._env_of(session)
            options = {} if request.task_id is None else {"task_id": request.task_id}
            try:
                reset = partial(env.reset, seed=request.seed, options=options)
                observation, info = await self._run(reset)
            except Exception as error:
                if session.episode == 0:
                    self.sessions.discard(session)
                raise _fault("reset", error) from error
            session.episode, session.step, session.last_step = session.episode + 1, 0, None
            session.task_id, session.running = info["task_id"], True
            start = _start(session, env, observation, info)
            session.last_reset = (asked, start)
            return start

    async def step(self, request: protocol.StepRequest) -> protocol.StepReply:
        """Take one turn."""
        if len(request.action) > self.limits.max_action_chars:
            raise ServiceError(
                422,
                "action_too_long",
                f"an action may have {self.limits.max_action_chars} characters, "
                f"got {len(request.action)}",
            )
        session = self.sessions.find(request.session_id)
        async with session.lock:
            self.sessions.check_open(session)
            if request.episode is not None:
                _check_number("episode", request.episode, session.episode)
            if request.step is not None:
                if request.step == session.step and session.last_step is not None:
                    taken: protocol.StepReply = _repeated(session.last_step, request.action, "step")
                    return taken
                _check_number("step", request.step, session.step + 1)
            if session.env is None or session.episode == 0:
                raise ServiceError(409, "no_episode", "no episode is under way: call /reset first")
            try:
                outcome = await self._run(partial(session.env.step, request.action))
            except gym.error.ResetNeeded as error:
                raise ServiceError(409, "no_episode", str(error)) from error
            except ServiceError:
                raise
            except Exception as error:
                # The turn is spent, so a client that asks again is told the same.
                session.step += 1
                session.running = False
                session.last_step = (request.action, _fault("step", error))
                raise session.last_step[1] from error
            session.step += 1
            session.running = not (outcome[2] or outcome[3])
            reply = _turn(session, session.env, *outcome)
            session.last_step = (request.action, reply)
            return reply

    async def state(self, request: protocol.SessionRequest) -> protocol.StateReply:
        """Say where a session stands."""
        session = self.sessions.find(request.session_id)
        async with session.lock:
            self.sessions.check_open(session)
            env = await self._env_of(session)
            return protocol.StateReply(
                session_id=session.session_id,
                env_id=session.env_id,
                episode=session.episode,
                step=session.step,
                running=session.running,
                task_id=session.task_id,
                messages=env.transcript.messages,
                turn_rewards=env.turn_rewards,
                expires_in_s=self.sessions.expires_in_s(session),
            )

    async def close(self, request: protocol.SessionRequest) -> protocol.Closed:
        """Close a session once what runs in it has ended; closing it again does nothing."""
        session = self.sessions.get(request.session_id)
        if session is None:
            return protocol.Closed(session_id=request.session_id, was_open=False)
        async with session.lock:
            was_open = not session.closed
            self.sessions.close(session, "its client closed it")
        return protocol.Closed(session_id=request.session_id, was_open=was_open)

    async def snapshot(self, request: protocol.SessionRequest) -> protocol.SnapshotReply:
        """Keep where a session stands."""
        session = self.sessions.find(request.session_id)
        async with session.lock:
            self.sessions.check_open(session)
            env = await self._env_of(session)
            try:
                snapshot = await self._run(env.snapshot)
            except gym.error.ResetNeeded as error:
                raise ServiceError(409, "no_episode", str(error)) from error
            snapshot_id = self.snapshots.keep(snapshot, env_id=session.env_id, step=session.step)
            return protocol.SnapshotReply(snapshot_id=snapshot_id, env_id=session.env_id)

    async def restore(self, request: protocol.RestoreRequest) -> protocol.Restored:
        """Go back to a snapshot."""
        kept = self.snapshots.find(request.snapshot_id)
        session = self._session(request.session_id, kept.env_id)
        if session.env_id != kept.env_id:
            raise ServiceError(
                409,
                "other_env",
                f"the snapshot is of {kept.env_id} and the session of {session.env_id}",
            )
        async with session.lock:
            self.sessions.check_open(session)
            env = await self._env_of(session)
            await self._run(partial(env.restore, kept.snapshot))
            session.episode, session.step = session.episode + 1, kept.step
            session.last_reset = session.last_step = None
            session.task_id = kept.snapshot.task_id
            session.running = kept.snapshot.phase is Phase.RUNNING
            return protocol.Restored(
                session_id=session.session_id,
                env_id=session.env_id,
                episode=session.episode,
                step=session.step,
            )

    async def reset_batch(self, request: protocol.ResetBatch) -> protocol.BatchReply:
        """Start several episodes; one that cannot be started spoils no other."""
        return await self._batch(self.reset, request.items)

    async def step_batch(self, request: protocol.StepBatch) -> protocol.BatchReply:
        """Take several turns; one that fails spoils no other."""
        return await self._batch(self.step, request.items)

    async def act(self, request: protocol.PolicyRequest) -> protocol.PolicyReply:
        """Ask a scripted policy."""
        return protocol.PolicyReply(completion=await self._run(partial(self.host.act, request)))

    async def expire(self, every_s: float) -> None:
        """Close what has expired, for ever."""
        while True:
            await asyncio.sleep(every_s)
            self.sessions.close_expired()
            self.snapshots.drop_expired()

    def shut_down(self) -> None:
        """Close all sessions and wait for their environments."""
        for session in self.sessions:
            self.sessions.close(session, "the server stopped")
        self._executor.shutdown(wait=True)
        self.host.close()

    def _session(self, session_id: str | None, env_id: str | None) -> Session:
        """Return the open session of that id, or one that is opened now."""
        session = None if session_id is None else self.sessions.get(session_id)
        if session is not None:
            if env_id is not None and env_id != session.env_id:
                raise ServiceError(
                    409, "other_env", f"the session is of {session.env_id}, not of {env_id}"
                )
            return session
        session = self.sessions.open(session_id, self.host.resolve(env_id))
        self._on_open(session)
        return session

    async def _env_of(self, session: Session) -> TextEnv[Any]:
        if session.env is None:
            try:
                session.env = await self._run(partial(self.host.make, session.env_id))
            except Exception:
                self.sessions.discard(session)
                raise
        return session.env

    def _closed(self, session: Session, why: str) -> None:
        if session.env is not None:
            self._executor.submit(_close, session.env)
            session.env = None
        self._on_close(session, why)

    async def _run(self, function: Callable[[], T]) -> T:
        if self._num_waiting >= self.limits.max_waiting:
            raise ServiceError(503, "busy", f"{self._num_waiting} requests wait already")
        self._num_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function)
        finally:
            self._num_waiting -= 1

    async def _batch(
        self, operation: Callable[[ItemT], Awaitable[protocol.Reply]], items: Sequence[ItemT]
    ) -> protocol.BatchReply:
        if len(items) > self.limits.max_batch:
            raise ServiceError(
                422,
                "batch_too_large",
                f"a batch may have {self.limits.max_batch} items, got {len(items)}",
            )
        return protocol.BatchReply(
            items=await asyncio.gather(*(_item(operation, item) for item in items))
        )


async def _item(
    operation: Callable[[ItemT], Awaitable[protocol.Reply]], item: ItemT
) -> dict[str, Any]:
    try:
        done: dict[str, Any] = msgspec.to_builtins(await operation(item))
    except ServiceError as error:
        return problem(error.status, error.detail, error.error)
    return done


def _start(
    session: Session, env: TextEnv[Any], observation: str, info: dict[str, Any]
) -> protocol.EpisodeStart:
    return protocol.EpisodeStart(
        session_id=session.session_id,
        env_id=session.env_id,
        episode=session.episode,
        observation=observation,
        messages=env.transcript.messages,
        tools=env.tools,
        stop_strings=info["stop_strings"],
        cuts_at_stop=env.cuts_at_stop,
        task_id=info["task_id"],
        dataset_hash=info["dataset_hash"],
        info=_more(info),
    )


def _turn(
    session: Session,
    env: TextEnv[Any],
    observation: str,
    reward: float,
    terminated: bool,  # noqa: FBT001 (Gymnasium's order)
    truncated: bool,  # noqa: FBT001
    info: dict[str, Any],
) -> protocol.StepReply:
    verdict = info.get("verdict")
    return protocol.StepReply(
        session_id=session.session_id,
        episode=session.episode,
        step=session.step,
        observation=observation,
        role=env.transcript.segments[-1].messages[-1]["role"],
        reward=reward,
        terminated=terminated,
        truncated=truncated,
        valid=info["valid"],
        action_valid=info["action_valid"],
        verdict=None if verdict is None else verdict.to_dict(),
        info=_more(info),
    )


def _more(info: dict[str, Any]) -> dict[str, Any]:
    if len(info) <= len(_STANDARD_INFO) and _STANDARD_INFO.issuperset(info):
        return {}
    return {key: value for key, value in info.items() if key not in _STANDARD_INFO}


def _repeated(last: tuple[Any, Any], asked: Any, what: str) -> Any:
    """Return the reply that was given already, or raise the error that was."""
    if last[0] != asked:
        raise ServiceError(
            409, "other_request", f"this {what} was asked for already, and was another one"
        )
    if isinstance(last[1], ServiceError):
        raise last[1]
    return last[1]


def _check_number(name: str, got: int, expected: int) -> None:
    if got != expected:
        raise ServiceError(409, "wrong_number", f"{name} must be {expected}, got {got}")


def _fault(what: str, error: Exception) -> ServiceError:
    """Return whose fault it is that an environment raised."""
    if isinstance(error, ServiceError):
        return error
    if what == "reset" and isinstance(error, ValueError):
        return ServiceError(422, "bad_reset", str(error))
    logger.error("a %s failed", what, exc_info=error)
    return ServiceError(500, "env_failed", f"the environment raised in {what}: {error!r}")


def _close(env: TextEnv[Any]) -> None:
    try:
        env.close()
    except Exception:
        logger.exception("an environment could not be closed")
