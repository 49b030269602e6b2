"""Frames between a verifier and process 1 of a container: a kind, a length and a body.

Into the container come `STDIN` (the whole of it, before the request), `REQUEST` (the limits of a
run), `JOB` (more of its job, at any time) and `KILL`. Out of it come `ENDING` (one too when the
fork-server has started), `OUTPUT`, `ERRORS` and `RESULT`.
"""

import struct
from collections.abc import Iterator

REQUEST, JOB, STDIN, KILL = range(4)
ENDING, OUTPUT, ERRORS, RESULT = range(4)

_HEADER = struct.Struct("<BI")


def pack(kind: int, body: bytes = b"") -> bytes:
    """Return a frame."""
    return _HEADER.pack(kind, len(body)) + body


def unpack(data: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take complete frames off the front of ``data``, and give their kinds and bodies.

    >>> data = bytearray(pack(JOB, b"abc") + pack(KILL)[:3])
    >>> list(unpack(data)), len(data)
    ([(1, b'abc')], 3)
    """
    while len(data) >= _HEADER.size:
        kind, size = _HEADER.unpack_from(data)
        end = _HEADER.size + size
        if len(data) < end:
            return
        body = bytes(data[_HEADER.size : end])
        del data[:end]
        yield kind, body
