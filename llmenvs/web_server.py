"""Running an application in this process until a signal ends it, whatever clients do.

SIGTERM and SIGINT end it gracefully: no new connection is taken, what is in flight is answered.
uvicorn waits for ever for the headers of a request, and keeps as many as come; here a connection
whose request line and headers are not there in time, or are too long, is closed.
"""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_TIMEOUT_S = 10.0
MAX_HEADER_BYTES = 64 * 2**10
MAX_CONNECTIONS = 4096


class PromptProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a limit on the seconds and the bytes of a request's headers."""

    header_timeout_s = HEADER_TIMEOUT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._num_header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time of the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the time of the next request on a connection that was kept."""
        if self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._start_timer()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Count the header bytes from here."""
        self._num_header_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the request's target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or end the connection where they are too many."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the time: from here on the body's limits hold."""
        self._stop_timer()
        super().on_headers_complete()

    def _count(self, num_bytes: int) -> None:
        self._num_header_bytes += num_bytes
        if self._num_header_bytes > MAX_HEADER_BYTES:
            self.transport.close()

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.header_timeout_s, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to ``host`` and ``port``; port 0 takes a free one.

    Raises:
        OSError: the address is in use, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def url_of(listener: socket.socket) -> str:
    """Return the URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: Any, *, grace_s: int = 30, **options: Any) -> uvicorn.Server:
    """Return the server of ``app``, not yet running.

    Args:
        app: an ASGI application.
        grace_s: seconds that requests in flight have after a signal.
        options: of `uvicorn.Config` besides.
    """
    config = uvicorn.Config(
        app,
        http=PromptProtocol,
        log_level="warning",
        access_log=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=grace_s,
        server_header=False,
        **options,
    )
    return uvicorn.Server(config)


def serve(app: Any, listener: socket.socket, *, grace_s: int = 30) -> None:
    """Serve ``app`` until SIGTERM or SIGINT.

    Args:
        app: an ASGI application.
        listener: from `listen`; closed at the end.
        grace_s: seconds that requests in flight have after the signal.
    """
    make_server(app, grace_s=grace_s).run(sockets=[listener])
