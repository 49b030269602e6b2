"""`Guard`: what every request meets before an application of ours sees it.

It asks for the bearer token, and bounds the bytes and the seconds of a body while they arrive, so
that nothing large or slow is ever held. It wraps any ASGI application; headers, which come before
it, are bounded by `llmenvs.web_server`.
"""

import asyncio
import hmac
import ipaddress
import json
import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

_DRAIN_S = 2.0
"""For so long a refused body is read and dropped: a client that still sends would otherwise be cut
off before it read the answer."""


def read_token(*, env_name: str | None, path: Path | None) -> str | None:
    """Return the bearer token from the environment variable or the file, None where neither is set.

    Raises:
        ValueError: both are given, or what is named holds no token.
        OSError: the file cannot be read.
    """
    if env_name is not None and path is not None:
        raise ValueError("give the name of an environment variable or a file, not both")
    if path is not None:
        return _printable(path.read_text("utf-8").strip(), str(path))
    if env_name is not None:
        return _printable(os.environ.get(env_name, "").strip(), f"the variable {env_name}")
    return None


def check_exposure(host: str, token: str | None) -> None:
    """Refuse to listen beyond this machine without a token.

    Raises:
        ValueError: ``host`` is not a loopback address and there is no token.
    """
    if token is None and not _is_loopback(host):
        raise ValueError(
            f"host {host!r} can be reached from other machines, which needs a bearer token: "
            "give one, or listen on 127.0.0.1"
        )


class Guard:
    """An ASGI application that lets through to another what is allowed.

    Args:
        app: what is guarded.
        token: asked of every request as ``Authorization: Bearer``; None asks for none.
        open_paths: need no token.
        max_body_bytes: of a request; a longer one is answered with 413 as soon as that is known.
        body_timeout_s: seconds in which a body must have arrived; 408 otherwise.
        on_refusal: is told the status of what never reached ``app``.
        refusal: the JSON body of a refusal, from its status and a sentence.
    """

    def __init__(
        self,
        app: Application,
        *,
        token: str | None,
        open_paths: Iterable[str] = (),
        max_body_bytes: int,
        body_timeout_s: float,
        on_refusal: Callable[[int], None] = lambda status: None,
        refusal: Callable[[int, str], Any] = lambda status, detail: {"detail": detail},
    ) -> None:
        self._app = app
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._open_paths = frozenset(open_paths)
        self._max_body_bytes = max_body_bytes
        self._body_timeout_s = body_timeout_s
        self._on_refusal = on_refusal
        self._refusal = refusal

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Refuse the request, or hand it on with a body that is watched."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if not self._is_authorized(scope, headers):
            await self._refuse(scope, receive, send, 401, "a bearer token is required")
        elif scope["type"] == "http" and self._declares_too_much(headers):
            await self._refuse(scope, receive, send, 413, self._too_large)
        elif scope["type"] == "http":
            await self._app(scope, self._watched(receive), send)
        else:
            await self._app(scope, receive, send)

    def _is_authorized(self, scope: Any, headers: dict[bytes, bytes]) -> bool:
        if self._expected is None or scope["path"] in self._open_paths:
            return True
        return hmac.compare_digest(headers.get(b"authorization", b""), self._expected)

    @property
    def _too_large(self) -> str:
        return f"a request may have {self._max_body_bytes} bytes"

    def _declares_too_much(self, headers: dict[bytes, bytes]) -> bool:
        length = headers.get(b"content-length", b"0")
        return length.isdigit() and int(length[:20]) > self._max_body_bytes

    def _watched(self, receive: Receive) -> Receive:
        """Return ``receive``, which raises where the body is too long or takes too long."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._body_timeout_s
        num_bytes = 0
        whole = False

        async def watched() -> Message:
            nonlocal num_bytes, whole
            if whole:
                return await receive()  # the client's going away, which may be waited for
            try:
                async with asyncio.timeout_at(due):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408,
                    f"a body must arrive within {self._body_timeout_s:g} s",
                    {"connection": "close"},
                ) from None
            num_bytes += len(message.get("body", b""))
            if num_bytes > self._max_body_bytes:
                raise HTTPException(413, self._too_large, {"connection": "close"})
            whole = not message.get("more_body", False)
            return message

        return watched

    async def _refuse(
        self, scope: Any, receive: Receive, send: Send, status: int, detail: str
    ) -> None:
        self._on_refusal(status)
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": detail})
            return
        body = json.dumps(self._refusal(status, detail)).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    try:
        async with asyncio.timeout(_DRAIN_S):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass


def _printable(token: str, where: str) -> str:
    if not token or not token.isascii() or not token.isprintable():
        raise ValueError(f"{where} must hold a token of printable ASCII, and holds none")
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
