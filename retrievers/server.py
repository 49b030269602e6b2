"""Running the retrieval service in this process, until a signal ends it.

SIGTERM and SIGINT end it gracefully: no new connection is taken, what is in flight is answered.
"""

import socket

import uvicorn
from fastapi import FastAPI


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to ``host`` and ``port``; port 0 takes a free one.

    Raises:
        OSError: the address is in use, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=2048)


def serve(app: FastAPI, listener: socket.socket, *, grace_s: int = 30) -> None:
    """Serve ``app`` until SIGTERM or SIGINT.

    Args:
        app: what `create_app` returned.
        listener: from `listen`; closed at the end.
        grace_s: seconds that requests in flight have after the signal.
    """
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=grace_s
    )
    uvicorn.Server(config).run(sockets=[listener])
