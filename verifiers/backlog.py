"""The rows of one pass over a worker pool: not read yet, put back, at work, and out of turn.

Rows are read from the caller only while fewer than `MAX_ROWS_AHEAD`, with at most about
`MAX_CHARS_AHEAD` characters of completion, wait for a verdict or for their turn to be handed out.
So one row that takes a minute holds up the others only once they are that far ahead of it, and
memory stays bounded.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from llmenvs.verifiers.judge import failure
from llmenvs.verifiers.verdict import Verdict

MAX_BATCH_CHARS = 1 << 20
MAX_ROWS_AHEAD = 1 << 16
MAX_CHARS_AHEAD = 1 << 24


class Row(NamedTuple):
    """A row and its place in the order of the caller."""

    position: int
    completion: str
    target: Any


class Backlog:
    """What is left to do and to hand out, in the order of the caller; mutable."""

    def __init__(self, rows: Iterable[tuple[str, Any]]) -> None:
        self._source = enumerate(rows)
        self._read_all = False
        self._put_back: deque[Row] = deque()
        self._alone: set[int] = set()  # positions of rows that go in a batch of their own
        self._verdicts: dict[int, Verdict] = {}
        self._next = 0  # position of the next verdict to hand out
        self._chars: deque[int] = deque()  # of each row from there on
        self._total_chars = 0

    @property
    def done(self) -> bool:
        """Whether all rows are read and their verdicts handed out."""
        return self._read_all and not self._chars

    def take(self, most: int) -> list[Row]:
        """Return the rows of the next batch, [] if there are none or too many are under way."""
        return self._take_back(most) if self._put_back else self._read(most)

    def _take_back(self, most: int) -> list[Row]:
        batch = [self._put_back.popleft()]
        if batch[0].position in self._alone:
            return batch
        while self._put_back and len(batch) < most:
            if self._put_back[0].position in self._alone:
                break
            batch.append(self._put_back.popleft())
        return batch

    def _read(self, most: int) -> list[Row]:
        batch: list[Row] = []
        most = min(most, MAX_ROWS_AHEAD - len(self._chars))
        if self._read_all or most <= 0 or self._total_chars >= MAX_CHARS_AHEAD:
            return batch
        chars_before = self._total_chars
        for position, (completion, target) in self._source:
            batch.append(Row(position, completion, target))
            num_chars = len(completion) if isinstance(completion, str) else 0
            self._chars.append(num_chars)
            self._total_chars += num_chars
            if len(batch) >= most or self._total_chars - chars_before >= MAX_BATCH_CHARS:
                return batch
        self._read_all = True
        return batch

    def put_back(self, rows: list[Row]) -> None:
        """Score these rows, in order, before all that are not read yet."""
        self._put_back.extendleft(reversed(rows))

    def isolate(self, rows: list[Row], reason: str) -> None:
        """Settle the one row as an error; of several, find the one by sending each alone."""
        if len(rows) == 1:
            self.settle(rows, [failure(reason)])
        else:
            self._alone.update(row.position for row in rows)
            self.put_back(rows)

    def settle(self, rows: list[Row], verdicts: list[Verdict]) -> None:
        """Keep the verdict of each row until it is its turn."""
        for row, verdict in zip(rows, verdicts, strict=True):
            self._verdicts[row.position] = verdict
        if self._alone:
            self._alone.difference_update(row.position for row in rows)

    def settled(self) -> Iterator[Verdict]:
        """Hand out the verdicts whose turn it is."""
        while (verdict := self._verdicts.pop(self._next, None)) is not None:
            self._next += 1
            self._total_chars -= self._chars.popleft()
            yield verdict
