"""One request to a chat endpoint, tried again while that may help (extra ``[bench]``).

Too many requests, errors of the server, time-outs, lost connections and broken answers are tried
again after a wait that grows and is spread at random, or that the server asks for. The key is in
no message: whatever the server says is shown without it.
"""

import email.utils
import time
import urllib.request
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import aiohttp
import tenacity

from llmenvs.bench.chat_reply import BadReplyError, ChatReply, ReplyPieces, read_reply, shown
from llmenvs.bench.endpoint_config import RetryRules

_RETRIED = frozenset({408, 409, 425, 429})
_KEEPALIVE_S = 4.0
_MAX_EVENT_BYTES = 2**20
_MAX_SHOWN_BYTES = 2_000


class EndpointError(RuntimeError):
    """The endpoint gave no reply; the message says what it did."""


class _PassingError(EndpointError):
    """What may pass: worth another try, after ``wait_s`` seconds if the server said so.

    A connection that the server had closed as idle is worth one ``at_once``.
    """

    def __init__(self, message: str, *, wait_s: float = 0.0, at_once: bool = False) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.at_once = at_once


class EndpointClient:
    """Connections to one endpoint; used within ``async with``.

    Args:
        url: of the chat completions.
        key: None where the endpoint wants none.
        rules: of trying again.
    """

    def __init__(self, url: str, *, key: str | None, rules: RetryRules) -> None:
        self._url = url
        self._key = key
        self._rules = rules
        self._spread = tenacity.wait_random_exponential(rules.first_wait_s, rules.max_wait_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "EndpointClient":
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._session = aiohttp.ClientSession(
            # The rollout says how many are open. Many servers close what is idle for 5 s, and a
            # request that meets the closing is lost.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self._rules.timeout_s),
            read_bufsize=_MAX_EVENT_BYTES,
            trust_env=bool(urllib.request.getproxies()),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, body: Mapping[str, Any], *, on_attempt: Callable[[], None]) -> ChatReply:
        """Return the reply to one request.

        Args:
            body: of the request, JSON-ready.
            on_attempt: called before each attempt.

        Raises:
            EndpointError: there was no reply, in spite of trying again.
        """
        try:
            try:
                return await self._ask_once(body, on_attempt)
            except _PassingError as first:
                return await self._ask_again(first, body, on_attempt)
        except EndpointError as error:
            # A fresh error without a cause: what was caught on the way may hold the key.
            raise EndpointError(self.without_key(str(error))) from None

    async def _ask_again(
        self, first: _PassingError, body: Mapping[str, Any], on_attempt: Callable[[], None]
    ) -> ChatReply:
        """Try again after a failure; apart from `ask`, where most requests need none of this."""
        failures = [first]

        async def attempt() -> ChatReply:
            if failures:
                raise failures.pop()  # the attempt that was made already
            return await self._ask_once(body, on_attempt)

        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            stop=tenacity.stop_after_attempt(self._rules.max_attempts),
            wait=self._wait_s,
            reraise=True,
        )
        return await attempts(attempt)

    def without_key(self, text: str) -> str:
        """Return ``text`` with the key replaced, should it be in there."""
        return text.replace(self._key, "[key removed]") if self._key else text

    def _wait_s(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, _PassingError) and error.at_once and state.attempt_number == 1:
            return 0.0
        asked = error.wait_s if isinstance(error, _PassingError) else 0.0
        return min(max(asked, float(self._spread(state))), self._rules.max_wait_s)

    async def _ask_once(self, body: Mapping[str, Any], on_attempt: Callable[[], None]) -> ChatReply:
        if self._session is None:
            raise RuntimeError("an EndpointClient must be entered by `async with` before it asks")
        on_attempt()
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as response:
                if response.status != 200:
                    raise await _refusal(response)
                if response.content_type == "text/event-stream":
                    return await _read_stream(response)
                return _checked(await response.text(errors="replace"))
        except TimeoutError:
            raise _PassingError(f"no answer within {self._rules.timeout_s:g} s") from None
        except aiohttp.InvalidURL as error:
            raise EndpointError(f"the URL {self._url} is not valid: {error}") from None
        except (aiohttp.ClientError, OSError) as error:
            closed = isinstance(error, aiohttp.ServerDisconnectedError)
            message = f"the connection failed: {_name(error)}"
            raise _PassingError(message, at_once=closed) from None


def _checked(body: str) -> ChatReply:
    try:
        return read_reply(body)
    except BadReplyError as error:
        if "is HTML" in str(error):
            # A page instead of an answer is a wrong address, which no waiting mends.
            raise EndpointError(f"{error}; is the base URL right? It often ends in /v1") from None
        raise _PassingError(str(error)) from None


async def _read_stream(response: aiohttp.ClientResponse) -> ChatReply:
    pieces = ReplyPieces()
    is_done = False
    try:
        async for line in response.content:
            field, _, data = line.decode("utf-8", "replace").partition(":")
            if field.strip() != "data":
                continue  # a comment that keeps the connection open, or the name of the event
            if data.strip() == "[DONE]":
                is_done = True
                break
            pieces.add_event(data)
    except (BadReplyError, ValueError) as error:
        raise _PassingError(f"the stream is broken: {error}") from None
    if not (is_done or pieces.is_finished):
        raise _PassingError("the stream ended before the reply did")
    if not pieces.has_choice:
        raise _PassingError("the stream has no choices")
    return pieces.reply()


async def _refusal(response: aiohttp.ClientResponse) -> EndpointError:
    body = (await response.content.read(_MAX_SHOWN_BYTES)).decode("utf-8", "replace")
    message = f"the endpoint answered {response.status} {response.reason}: {shown(body)}"
    if response.status in _RETRIED or response.status >= 500:
        return _PassingError(message, wait_s=_retry_after_s(response.headers))
    if 300 <= response.status < 400:
        return EndpointError(f"{message}; it redirects, which is not followed with a key")
    return EndpointError(message)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Return the wait that a server asks for, in seconds or as a date; 0.0 for none."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return 0.0
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
