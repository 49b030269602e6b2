"""The client's end of the wire: requests that are made again where that may help.

Environments of one process that talk to one server share its connections. A session whose
environment was dropped without `close` is closed before the next episode starts.
"""

import json
import logging
import os
import time
import weakref
from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from llmenvs.retrievers.optional import import_extra
from llmenvs.serving.protocol import SCHEMA_VERSION, Closed

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

ReplyT = TypeVar("ReplyT")
_RETRIED_STATUSES = frozenset({408, 425, 429, 502, 503, 504})
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class RemoteError(RuntimeError):
    """A server of environments did not do what it was asked."""


class SessionGoneError(RemoteError):
    """The session is not open at the server: it was closed, or timed out, or the server is new."""


class RefusedError(RemoteError):
    """The server understood the request and will not do it, however often it is asked."""


class Connection:
    """Asks one server; thread-safe. Get it from `connect`.

    Args:
        base_url: of the server.
        token: sent as a bearer token, if given.
        timeout_s: seconds that one request may take.
        retry_for_s: seconds for which a request that failed is made again; 0 for never.
    """

    def __init__(
        self, base_url: str, token: str | None, timeout_s: float, retry_for_s: float
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url must begin with http:// or https://, got {base_url!r}")
        if not timeout_s > 0 or retry_for_s < 0:
            raise ValueError(
                f"need timeout_s > 0 and retry_for_s >= 0, got {timeout_s=} and {retry_for_s=}"
            )
        self._httpx = import_extra("httpx", extra="serve")
        self._base_url = base_url.rstrip("/")
        self._retry_for_s = retry_for_s
        self._abandoned: deque[str] = deque()
        headers = {"content-type": "application/json"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self._client: httpx.Client = self._httpx.Client(
            headers=headers,
            timeout=timeout_s,
            limits=self._httpx.Limits(max_connections=None, max_keepalive_connections=64),
            trust_env=False,  # a proxy from the environment must not see what stays on this machine
        )
        weakref.finalize(self, self._client.close)  # also at the end of the process

    def get(self, path: str, kind: type[ReplyT]) -> ReplyT:
        """Return the reply to a GET; raises as `post` does."""
        return self._ask("GET", path, None, kind)

    def post(self, path: str, payload: Mapping[str, Any], kind: type[ReplyT]) -> ReplyT:
        """Return the reply to a POST of ``payload``.

        Raises:
            ValueError: the server says that the request is wrong.
            SessionGoneError: the session is not open.
            RefusedError: the server refused.
            RemoteError: no whole answer came in time, or the environment failed.
        """
        body = json.dumps({"schema_version": SCHEMA_VERSION, **payload}, allow_nan=False)
        return self._ask("POST", path, body.encode(), kind)

    def abandon(self, session_id: str) -> None:
        """Note that nobody will use the session again; does not talk to the server."""
        self._abandoned.append(session_id)

    def close_abandoned(self) -> None:
        """Close the sessions that were abandoned."""
        while self._abandoned:
            self.close_session(self._abandoned.popleft())

    def close_session(self, session_id: str) -> None:
        """Close a session; if that fails, its time-out will."""
        try:
            self.post("/close", {"session_id": session_id}, Closed)
        except (RemoteError, ValueError) as error:
            logger.warning("session %s is left to its time-out: %s", session_id, error)

    def _ask(self, method: str, path: str, body: bytes | None, kind: type[ReplyT]) -> ReplyT:
        """Make a request, again while that may help, and return its reply."""
        give_up_at = time.monotonic() + self._retry_for_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                response = self._client.request(method, self._base_url + path, content=body)
            except self._httpx.TransportError as error:
                failure = f"{type(error).__name__}: {error}"
            else:
                if response.status_code not in _RETRIED_STATUSES:
                    return _read(response, kind)
                failure = _said(response)
            if time.monotonic() + pause_s > give_up_at:
                raise RemoteError(
                    f"{self._base_url}{path} gave no answer in {self._retry_for_s:g} s; "
                    f"at last: {failure}"
                )
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def connect(
    base_url: str, *, token: str | None, timeout_s: float, retry_for_s: float
) -> Connection:
    """Return the connection of this process to that server, made once for the same arguments."""
    return _connection(os.getpid(), base_url, token, timeout_s, retry_for_s)


@lru_cache(maxsize=64)
def _connection(pid: int, *arguments: Any) -> Connection:
    """Return a connection of process ``pid``: sockets must not be shared with a forked one."""
    return Connection(*arguments)


def _read(response: "httpx.Response", kind: type[ReplyT]) -> ReplyT:
    """Return the reply in a response, or raise what it says."""
    status = response.status_code
    if status == 200:
        try:
            return msgspec.convert(json.loads(response.content), kind)
        except (ValueError, RecursionError) as error:
            raise RemoteError(
                f"{response.url} must answer with a {kind.__name__}, got "
                f"{response.content[:100]!r}: {error}"
            ) from error
    error_kind, detail = _problem(response)
    if error_kind in ("unknown_session", "session_closed", "unknown_snapshot"):
        raise SessionGoneError(detail)
    if status == 422:
        raise ValueError(detail)
    if status < 500:
        raise RefusedError(f"{response.url} refused: status {status}: {detail}")
    raise RemoteError(f"{response.url}: status {status}: {detail}")


def _problem(response: "httpx.Response") -> tuple[str, str]:
    try:
        problem = json.loads(response.content)
        return str(problem["error"]), str(problem["detail"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return "", _said(response)


def _said(response: "httpx.Response") -> str:
    return f"status {response.status_code}: {response.text[:200]}"
