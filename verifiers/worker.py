"""The process that scores: `python -m llmenvs.verifiers.worker COUNTER_FD LIFELINE_FD`.

It is started by `llmenvs.verifiers.worker_process`, never by hand, and speaks the protocol of
`llmenvs.verifiers.worker_protocol` on its standard streams.

Three things let the parent isolate a failure to its row. The counter, eight shared bytes, is the
number of rows that were started, so that the parent knows which row ran when this process died or
hung. Verdicts are sent when a batch is done or `FLUSH_S` after the last, so that little work is
lost with the process. The lifeline is a socket on which nothing is ever sent: once the parent is
gone, for whatever reason, the kernel ends this process, even in the middle of a long row.
"""

import contextlib
import fcntl
import json
import mmap
import os
import pickle
import resource
import sys
import time
from typing import Any, BinaryIO

from llmenvs.verifiers.judge import describe, judge
from llmenvs.verifiers.verdict import Verdict, Verifier
from llmenvs.verifiers.worker_protocol import (
    COUNTER_BYTES,
    REPLY_HEADER,
    REQUEST_HEADER,
    encode_verdicts,
)

FLUSH_S = 0.1


def main() -> None:
    """Load the verifier that the parent sends, then score batches until the parent hangs up."""
    counter_fd, lifeline_fd = int(sys.argv[1]), int(sys.argv[2])
    _end_with_parent(lifeline_fd)
    _offer_to_the_oom_killer()
    requests, replies = _take_over_standard_streams()
    counter = memoryview(mmap.mmap(counter_fd, COUNTER_BYTES)).cast("Q")
    os.close(counter_fd)
    first = _read_request(requests)
    if first is None:
        return
    try:
        verifier = _set_up(first[0])
    except Exception as error:
        _send(replies, {"failed": describe(error)})
        return
    _send(replies, {"ready": True})
    while (request := _read_request(requests)) is not None:
        _score_batch(verifier, *request, counter, replies)


def _score_batch(
    verifier: Verifier, body: bytes, num_rows: int, counter: memoryview, replies: BinaryIO
) -> None:
    try:
        rows = pickle.loads(body)  # noqa: S301 (from the parent)
    except Exception as error:
        counter[0] += num_rows
        _send(replies, {"unreadable": describe(error), "rows": num_rows})
        return
    verdicts: list[Verdict] = []
    start = time.perf_counter()
    for completion, target in rows:
        counter[0] += 1
        verdicts.append(judge(verifier, completion, target))
        now = time.perf_counter()
        if now - start > FLUSH_S:
            _send_verdicts(replies, verdicts, now - start)
            verdicts, start = [], now
    _send_verdicts(replies, verdicts, time.perf_counter() - start)


def _read_request(requests: BinaryIO) -> tuple[bytes, int] | None:
    header = requests.read(REQUEST_HEADER.size)
    if len(header) < REQUEST_HEADER.size:
        return None
    size, num_rows = REQUEST_HEADER.unpack(header)
    body = requests.read(size)
    return (body, num_rows) if len(body) == size else None


def _send_verdicts(replies: BinaryIO, verdicts: list[Verdict], seconds: float) -> None:
    text = encode_verdicts(verdicts)
    _send_text(replies, f'{{"seconds": {seconds!r}, "verdicts": {text}}}')


def _send(replies: BinaryIO, message: dict[str, Any]) -> None:
    _send_text(replies, json.dumps(message))


def _send_text(replies: BinaryIO, text: str) -> None:
    body = text.encode("ascii")
    replies.write(REPLY_HEADER.pack(len(body)) + body)
    replies.flush()


def _set_up(body: bytes) -> Verifier:
    path, python_path, memory_limit_bytes, pickled_verifier = pickle.loads(body)  # noqa: S301
    sys.path[:] = path
    # Programs that the verifier starts see the environment of the caller, not that of our start.
    os.environ.pop("PYTHONPATH", None)
    if python_path is not None:
        os.environ["PYTHONPATH"] = python_path
    if memory_limit_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit_bytes, memory_limit_bytes))
    verifier: Verifier = pickle.loads(pickled_verifier)  # noqa: S301
    return verifier


def _take_over_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes to the parent, and let what a verifier prints go to standard error."""
    requests, replies = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    os.close(nowhere)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def _end_with_parent(lifeline_fd: int) -> None:
    # SIGIO, not a thread that reads: its default action ends the process without waiting for the
    # interpreter lock, which a regular expression may hold for hours.
    os.set_inheritable(lifeline_fd, False)  # noqa: FBT003 (the signature of os)
    fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(lifeline_fd, fcntl.F_GETFL)
    fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, flags | os.O_ASYNC)


def _offer_to_the_oom_killer() -> None:
    # If memory runs out, Linux shall take a worker, whose row is then an error, not the trainer.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


if __name__ == "__main__":
    main()
