"""Merging concurrent calls into fewer, larger ones.

There is no timer and no thread of its own: a call that finds too many others running waits, and
whichever waiting call wakes first takes all that has gathered. One caller alone waits for nobody.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _Ticket(Generic[Result]):
    """A part of one caller's queries; filled in by whoever runs it."""

    queries: Sequence[str]
    k: int
    results: list[Result] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False


class Batcher(Generic[Result]):
    """Runs ``function`` for the queries of several threads at once.

    Args:
        function: returns one result for each query; called with at most ``max_batch`` queries.
        max_batch: queries a call.
        max_running: calls at a time.
        refusal: what ``function`` raises where the queries themselves are at fault; a merged call
            that raised it is made again for each caller, so that one does not fail the others.
    """

    def __init__(
        self,
        function: Callable[[Sequence[str], int], list[Result]],
        *,
        max_batch: int,
        max_running: int,
        refusal: type[Exception],
    ) -> None:
        self._function = function
        self._max_batch = max_batch
        self._max_running = max_running
        self._refusal = refusal
        self._running = 0
        self._waiting: deque[_Ticket[Result]] = deque()
        self._changed = threading.Condition()

    def run(self, queries: Sequence[str], k: int) -> list[Result]:
        """Return the result of each query, in order.

        Raises:
            Exception: what ``function`` raised for the batch that held a query of this call.
        """
        tickets: list[_Ticket[Result]] = [
            _Ticket(queries[start : start + self._max_batch], k)
            for start in range(0, len(queries), self._max_batch)
        ]
        with self._changed:
            self._waiting.extend(tickets)
        for ticket in tickets:
            self._finish(ticket)
        for ticket in tickets:
            if ticket.error is not None:
                raise ticket.error
        return [result for ticket in tickets for result in ticket.results]

    def _finish(self, ticket: _Ticket[Result]) -> None:
        """Return when ``ticket`` is done, by this thread or by another one."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: ticket.done or (self._waiting and self._running < self._max_running)
                )
                if ticket.done:
                    return
                batch = self._take()
                self._running += 1
            try:
                self._run(batch)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

    def _take(self) -> list[_Ticket[Result]]:
        """Remove and return the first waiting tickets that fit into one call."""
        batch = [self._waiting.popleft()]
        size = len(batch[0].queries)
        while self._waiting and self._waiting[0].k == batch[0].k:
            size += len(self._waiting[0].queries)
            if size > self._max_batch:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _run(self, batch: Sequence[_Ticket[Result]]) -> None:
        try:
            results = self._function([q for ticket in batch for q in ticket.queries], batch[0].k)
            first = 0
            for ticket in batch:
                ticket.results = results[first : first + len(ticket.queries)]
                first += len(ticket.queries)
        except BaseException as error:  # kept for the callers whose queries these were
            if isinstance(error, self._refusal) and len(batch) > 1:
                for ticket in batch:
                    self._run([ticket])
                return
            for ticket in batch:
                ticket.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            for ticket in batch:
                ticket.done = True
