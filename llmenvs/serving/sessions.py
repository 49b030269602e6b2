"""The open sessions of a server: opened, found, and closed by their clients or by time.

A session is one environment, used by one request at a time. Who asks for one that is gone is told
so: 410 where it was closed, 404 where it never was.
"""

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from llmenvs.env import TextEnv
from llmenvs.serving.errors import ServiceError

logger = logging.getLogger(__name__)

_MAX_REMEMBERED = 20_000
"""Of so many closed sessions the server still knows why."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What clients may ask for, and for how long.

    Attributes:
        max_sessions: open at a time; more are refused with 503.
        idle_timeout_s: seconds after which an unused session is closed.
        max_age_s: seconds after which a session is closed however much it is used.
        max_action_chars: characters of an action.
        max_snapshots: kept at a time; the one that was unused for longest makes room.
        max_batch: items of a batch.
        max_waiting: requests that run or wait for a thread; more are refused with 503.
        max_body_bytes: of a request.
        body_timeout_s: seconds in which a body must have arrived.

    Raises:
        ValueError: a limit is not above 0.
    """

    max_sessions: int = 4096
    idle_timeout_s: float = 1800.0
    max_age_s: float = 86_400.0
    max_action_chars: int = 2**20
    max_snapshots: int = 4096
    max_batch: int = 256
    max_waiting: int = 4096
    max_body_bytes: int = 8 * 2**20
    body_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        for limit in fields(self):
            if not getattr(self, limit.name) > 0:
                raise ValueError(f"{limit.name} must be above 0, got {getattr(self, limit.name)}")


@dataclass(slots=True, eq=False)
class Session:
    """One open session; it changes with every request, which holds its lock.

    Attributes:
        session_id: its name.
        env_id: of its environment.
        env: None until it is made.
        lock: held by the request that uses it.
        opened_at: on the server's clock, in seconds.
        used_at: on the same clock.
        episode: the number of its episode, 0 before the first.
        step: how many steps were taken in it.
        task_id: of its task, "" before the first.
        running: whether a step may be taken.
        last_reset: the last reset and its reply, for a client that asks again.
        last_step: the last step and its outcome, likewise.
        closed: why it is closed; "" while it is open.
    """

    session_id: str
    env_id: str
    opened_at: float
    used_at: float
    env: TextEnv[Any] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    episode: int = 0
    step: int = 0
    task_id: str = ""
    running: bool = False
    last_reset: tuple[Any, Any] | None = None
    last_step: tuple[str, Any] | None = None
    closed: str = ""


class SessionTable:
    """All open sessions; used from one event loop.

    Args:
        limits: of their number and time.
        on_close: is told of each that is closed, and why; it closes the environment.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        limits: SessionLimits,
        *,
        on_close: Callable[[Session, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.clock = clock
        self._on_close = on_close
        self._open: dict[str, Session] = {}
        self._gone: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._open.values()))

    def open(self, session_id: str | None, env_id: str) -> Session:
        """Open a session, whose environment its first request makes.

        Raises:
            ServiceError: too many are open, or that one was closed.
        """
        if session_id is not None:
            self._refuse_gone(session_id)
        if len(self._open) >= self.limits.max_sessions:
            raise ServiceError(
                503,
                "too_many_sessions",
                f"{len(self._open)} sessions are open, which is the limit: close some, or wait",
            )
        now = self.clock()
        session = Session(session_id or secrets.token_hex(16), env_id, now, now)
        self._open[session.session_id] = session
        return session

    def get(self, session_id: str) -> Session | None:
        """Return the session if it is open, and note that it is used."""
        session = self._open.get(session_id)
        if session is not None:
            session.used_at = self.clock()
        return session

    def find(self, session_id: str) -> Session:
        """Return the open session.

        Raises:
            ServiceError: it was closed, or never was.
        """
        session = self.get(session_id)
        if session is None:
            self._refuse_gone(session_id)
            raise ServiceError(
                404, "unknown_session", f"no session {session_id}: open one with /reset"
            )
        return session

    def close(self, session: Session, why: str) -> None:
        """Close a session, once."""
        if session.closed:
            return
        session.closed = why
        del self._open[session.session_id]
        self._gone[session.session_id] = why
        if len(self._gone) > _MAX_REMEMBERED:
            self._gone.popitem(last=False)
        self._on_close(session, why)

    def discard(self, session: Session) -> None:
        """Close a session that could not be opened; its name may be used again."""
        self.close(session, "could not be opened")
        self._gone.pop(session.session_id, None)

    def close_expired(self) -> None:
        """Close what was idle or open for too long; what is in use waits for the next time."""
        now = self.clock()
        for session in self:
            if session.lock.locked():
                continue
            if now - session.used_at > self.limits.idle_timeout_s:
                self.close(session, f"it was idle for {self.limits.idle_timeout_s:g} s")
            elif now - session.opened_at > self.limits.max_age_s:
                self.close(session, f"it was open for {self.limits.max_age_s:g} s")

    def check_open(self, session: Session) -> None:
        """Refuse a session that was closed while the request waited for it."""
        if session.closed:
            self._refuse_gone(session.session_id)
            raise ServiceError(410, "session_closed", f"the session {session.closed}")

    def expires_in_s(self, session: Session) -> float:
        """Return the seconds until the session is closed if nobody uses it."""
        now = self.clock()
        idle = session.used_at + self.limits.idle_timeout_s - now
        return max(0.0, min(idle, session.opened_at + self.limits.max_age_s - now))

    def _refuse_gone(self, session_id: str) -> None:
        why = self._gone.get(session_id)
        if why is not None:
            raise ServiceError(
                410, "session_closed", f"session {session_id} is closed: {why}; open another"
            )
