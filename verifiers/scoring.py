"""Score many completions: in order, each failure kept to its own row, here or in worker processes.

`score_many` is for lists, `score_stream` for more rows than fit in memory, `score_async` for an
event loop. All three give the same verdicts whatever ``workers`` is, but for what only a process of
its own can survive: with ``workers=0`` a verifier that hangs, hangs the caller, and one that takes
its process down takes the caller down.

A row that cannot be scored has a verdict with status ERROR or TIMEOUT and no score; that includes a
bad target, for which a verifier that is called directly raises `ValueError`. One bad row is not
the end of a million.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from llmenvs.verifiers.judge import judge
from llmenvs.verifiers.verdict import Verdict, Verifier

if TYPE_CHECKING:
    from llmenvs.verifiers.worker_pool import WorkerPool

TIMEOUT_S = 60.0
"""Default limit of one row. Verifiers keep a limit of their own, far below it."""


def score_many(
    verifier: Verifier,
    completions: Iterable[str],
    targets: Iterable[Any],
    *,
    workers: int = 0,
    timeout_s: float = TIMEOUT_S,
    progress: bool = False,
    memory_limit_bytes: int | None = None,
) -> list[Verdict]:
    """Return one verdict for each completion, in order.

    Args:
        verifier: any `Verifier`; with workers it must pickle (by cloudpickle).
        completions: what the policy wrote, a row each.
        targets: as many, of the kind that the verifier takes.
        workers: processes to score in, started for this call and ended with it; 0 scores in this
            one. To keep them between calls, use a `WorkerPool`.
        timeout_s: wall seconds that a row may take before its worker is replaced and its status is
            TIMEOUT; not enforced with ``workers=0``.
        progress: whether to show a progress bar on standard error.
        memory_limit_bytes: address space of one worker; None for no limit.

    Raises:
        ValueError: there are more completions than targets or the reverse, a number is out of
            range, or the verifier does not pickle.
        WorkerError: the workers could not load the verifier, or are lost before they score.

    >>> from llmenvs.verifiers.length import LengthVerifier
    >>> verdicts = score_many(LengthVerifier(max_length=4), ["four", "fives"], [None, "bad"])
    >>> [verdict.status.value for verdict in verdicts]
    ['scored', 'error']
    """
    rows = paired(completions, targets)
    verdicts = score_stream(
        verifier,
        rows,
        workers=workers,
        timeout_s=timeout_s,
        memory_limit_bytes=memory_limit_bytes,
    )
    return list(_with_progress(verdicts, len(rows)) if progress else verdicts)


def score_stream(
    verifier: Verifier,
    rows: Iterable[tuple[str, Any]],
    *,
    workers: int = 0,
    timeout_s: float = TIMEOUT_S,
    memory_limit_bytes: int | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Verdict]:
    """Yield the verdict of each (completion, target) in order, in bounded memory.

    The rows are read as they are needed, a bounded number ahead. Closing the iterator, or leaving
    it by an exception such as `KeyboardInterrupt`, ends the workers.

    Args:
        verifier: as in `score_many`.
        rows: pairs of a completion and its target.
        workers: as in `score_many`.
        timeout_s: as in `score_many`.
        memory_limit_bytes: as in `score_many`.
        stop: once set, from any thread, no further verdicts come.

    Raises:
        ValueError, WorkerError: as in `score_many`.
    """
    _check_numbers(workers, timeout_s)
    if workers == 0:
        return score_here(verifier, rows, stop)
    from llmenvs.verifiers.worker_pool import WorkerPool  # loads what only processes need

    pool = WorkerPool(
        verifier, workers=workers, timeout_s=timeout_s, memory_limit_bytes=memory_limit_bytes
    )
    return _score_in(pool, rows, stop)


async def score_async(
    verifier: Verifier,
    completions: Iterable[str],
    targets: Iterable[Any],
    *,
    workers: int = 0,
    timeout_s: float = TIMEOUT_S,
    memory_limit_bytes: int | None = None,
) -> list[Verdict]:
    """Return what `score_many` returns, without blocking the event loop.

    The work is done on a thread, or in worker processes that a thread waits for. If the task is
    cancelled, the workers are ended before the cancellation goes on; with ``workers=0`` that waits
    for the row that is being scored.

    Raises:
        ValueError, WorkerError: as in `score_many`.
    """
    import asyncio  # takes longer to import than the rest of this module

    rows = paired(completions, targets)
    stop = threading.Event()
    verdicts = score_stream(
        verifier,
        rows,
        workers=workers,
        timeout_s=timeout_s,
        memory_limit_bytes=memory_limit_bytes,
        stop=stop,
    )
    work = asyncio.ensure_future(asyncio.to_thread(list, verdicts))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([work])
        raise


def _check_numbers(workers: int, timeout_s: float) -> None:
    if workers < 0 or not timeout_s > 0:
        raise ValueError(f"need workers >= 0 and timeout_s > 0, got {workers=} and {timeout_s=}")


def score_here(
    verifier: Verifier, rows: Iterable[tuple[str, Any]], stop: threading.Event | None = None
) -> Iterator[Verdict]:
    """Yield the verdicts of this process; parameters as in `score_stream`."""
    for completion, target in rows:
        if stop is not None and stop.is_set():
            return
        yield judge(verifier, completion, target)


def _score_in(
    pool: "WorkerPool", rows: Iterable[tuple[str, Any]], stop: threading.Event | None
) -> Iterator[Verdict]:
    with pool:
        yield from pool.score(rows, stop=stop)


def paired(completions: Iterable[str], targets: Iterable[Any]) -> list[tuple[str, Any]]:
    """Return the rows of two equally long lists.

    Raises:
        ValueError: their lengths differ, or completions is a single str.
    """
    if isinstance(completions, str):
        raise ValueError(f"completions must be a list of str, got one str: {completions[:80]!r}")
    completions, targets = list(completions), list(targets)
    if len(completions) != len(targets):
        raise ValueError(
            "completions and targets must be equally many, "
            f"got {len(completions)} completions and {len(targets)} targets"
        )
    return list(zip(completions, targets, strict=True))


def _with_progress(verdicts: Iterator[Verdict], total: int) -> Iterator[Verdict]:
    from rich.console import Console
    from rich.progress import track

    yield from track(verdicts, "scoring", total=total, console=Console(stderr=True))
