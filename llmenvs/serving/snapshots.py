"""The snapshots that a server keeps for its clients: bounded in number and in time.

A snapshot holds live Python objects, so it stays here and clients hold its id: to take one from a
client, the server would have to unpickle what a stranger sent.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from llmenvs.episode_state import Snapshot
from llmenvs.serving.errors import ServiceError


@dataclass(slots=True)
class KeptSnapshot:
    """A snapshot, and which step of which environment it is of.

    Attributes:
        env_id: of its environment.
        step: how many steps had been taken.
        snapshot: what the environment gave.
        used_at: on the server's clock, in seconds.
    """

    env_id: str
    step: int
    snapshot: Snapshot
    used_at: float


class SnapshotStore:
    """The newest ``max_snapshots`` snapshots that were used in the last ``idle_timeout_s``.

    Args:
        max_snapshots: at least 1.
        idle_timeout_s: in seconds.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        *,
        max_snapshots: int,
        idle_timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_snapshots = max_snapshots
        self._idle_timeout_s = idle_timeout_s
        self._clock = clock
        self._kept: OrderedDict[str, KeptSnapshot] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, snapshot: Snapshot, *, env_id: str, step: int) -> str:
        """Keep ``snapshot`` and return its id."""
        snapshot_id = secrets.token_hex(16)
        self._kept[snapshot_id] = KeptSnapshot(env_id, step, snapshot, self._clock())
        if len(self._kept) > self._max_snapshots:
            self._kept.popitem(last=False)
        return snapshot_id

    def find(self, snapshot_id: str) -> KeptSnapshot:
        """Return the snapshot of that id.

        Raises:
            ServiceError: there is none, or it is no longer kept.
        """
        kept = self._kept.get(snapshot_id)
        if kept is None:
            raise ServiceError(
                404,
                "unknown_snapshot",
                f"no snapshot {snapshot_id}: the newest {self._max_snapshots} are kept, for "
                f"{self._idle_timeout_s:g} s after their last use",
            )
        kept.used_at = self._clock()
        self._kept.move_to_end(snapshot_id)
        return kept

    def drop_expired(self) -> None:
        """Forget what was unused for too long."""
        oldest = self._clock() - self._idle_timeout_s
        while self._kept and next(iter(self._kept.values())).used_at < oldest:
            self._kept.popitem(last=False)
