"""The actors that score batches of rows on the nodes of a Ray cluster.

Two kinds, one protocol: a batch goes in as a pickle of (completion, target) pairs, and verdicts
come back as the JSON of `llmenvs.verifiers.worker_protocol`. Ray starts an actor that was lost
again, and hands it the batches that it had.
"""

import pickle
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from llmenvs.verifiers.judge import describe, judge
from llmenvs.verifiers.verdict import Verdict, Verifier
from llmenvs.verifiers.worker_pool import WorkerError, WorkerPool
from llmenvs.verifiers.worker_protocol import encode_verdicts


@dataclass(frozen=True, slots=True)
class Reply:
    """What an actor says to a batch.

    Attributes:
        verdicts: of its rows, in order, as `encode_verdicts` writes them; "" where ``failed``.
        seconds: that they took.
        failed: why no row at all can be scored there, or "".
        unreadable: why the batch could not be read, or "".
    """

    verdicts: str = ""
    seconds: float = 0.0
    failed: str = ""
    unreadable: str = ""


class ProcessScorer:
    """Scores in a worker process of its own, as `score_many` does with one worker.

    So a row that hangs, crashes or asks for too much memory costs its worker and gets the verdict
    that it would get without Ray; and the process that talks to Ray, whose replies are pickles, has
    never run a verifier over what a model wrote.

    Args:
        pickled: the verifier.
        timeout_s: wall time of a row.
    """

    def __init__(self, pickled: bytes, *, timeout_s: float) -> None:
        self._pool = WorkerPool(Unpickled(pickled), workers=1, timeout_s=timeout_s)

    def score(self, body: bytes) -> Reply:
        """Score a batch."""
        return _reply(body, self._pool.score)


class ThreadScorer:
    """Scores on threads of the actor: for verifiers that wait for a sandbox, which isolates.

    There is one on each node, so that all rows of a node share one pool of sandboxes. The sandbox's
    own limits hold; ``timeout_s`` of a row is not enforced on top.

    Args:
        pickled: the verifier.
        num_threads: rows at a time.
    """

    def __init__(self, pickled: bytes, *, num_threads: int) -> None:
        self._pickled = pickled
        self._verifier: Verifier | None = None
        self._threads = ThreadPoolExecutor(num_threads, thread_name_prefix="score")

    def score(self, body: bytes) -> Reply:
        """Score a batch."""
        return _reply(body, self._judge)

    def _judge(self, rows: list[tuple[str, Any]]) -> Iterable[Verdict]:
        if self._verifier is None:
            try:
                self._verifier = pickle.loads(self._pickled)  # noqa: S301 (of the driver)
            except Exception as error:
                raise WorkerError(f"the verifier does not load: {describe(error)}") from error
        verifier = self._verifier
        return self._threads.map(lambda row: judge(verifier, *row), rows)


@dataclass(frozen=True, slots=True)
class Unpickled:
    """A verifier that is still a pickle, so that only the worker process loads it.

    Attributes:
        pickled: of the verifier.
    """

    pickled: bytes

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return pickle.loads, (self.pickled,)

    def __call__(self, completion: str, target: Any) -> Verdict:
        """Judge in this process."""
        verifier: Verifier = pickle.loads(self.pickled)  # noqa: S301 (of the driver)
        return verifier(completion, target)


def _reply(body: bytes, score: Callable[[list[tuple[str, Any]]], Iterable[Verdict]]) -> Reply:
    try:
        rows = pickle.loads(body)  # noqa: S301 (of the driver)
    except Exception as error:
        return Reply(unreadable=describe(error))
    start = time.perf_counter()
    try:
        verdicts = list(score(rows))
    except WorkerError as error:
        return Reply(failed=str(error))
    return Reply(encode_verdicts(verdicts), time.perf_counter() - start)
