"""The one worker process in which reasoning-gym's scorers run, whatever a model wrote."""

import functools
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

from llmenvs.envs.reasoning_gym_scorer import GuardedScorer
from llmenvs.verifiers.verdict import Status, Verdict
from llmenvs.verifiers.worker_pool import WorkerError, WorkerPool

WALL_LIMIT_S = 60.0
_MEMORY_LIMIT_BYTES = 8 << 30
_OUT_OF_CPU = f"signal {signal.SIGXCPU.value} "
_LOCK = threading.Lock()


def score_answer(answer: str, target: Mapping[str, Any], *, partial_credit: bool) -> Verdict:
    """Return the verdict of `GuardedScorer`, from a worker that is kept from call to call.

    An answer on which the scorer spends its limit of CPU time is the policy's, and scores 0.
    """
    with _LOCK:
        try:
            (verdict,) = _pool(os.getpid(), partial_credit).score([(answer, target)])
        except WorkerError as error:
            return Verdict.undecided(Status.ERROR, reason=str(error))
    if verdict.score is None and _OUT_OF_CPU in verdict.reason:
        reason = "the scorer spent its CPU time on the answer"
        return Verdict.scored(0.0, success=False, reason=reason, extracted=answer[:200])
    return verdict


@functools.lru_cache(maxsize=4)
def _pool(process_id: int, partial_credit: bool) -> WorkerPool:  # noqa: FBT001 (a key of the cache)
    """Return the pool of this process; one that was forked from another makes its own."""
    del process_id
    return WorkerPool(
        GuardedScorer(partial_credit=partial_credit),
        workers=1,
        timeout_s=WALL_LIMIT_S,
        memory_limit_bytes=_MEMORY_LIMIT_BYTES,
    )
