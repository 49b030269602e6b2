"""Where an episode of a `TextEnv` stands, and a moment of it to go back to."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmenvs.trajectory import StopReason
from llmenvs.transcript import Transcript
from llmenvs.verifiers import Verdict


class Phase(enum.Enum):
    """Whether an episode is under way; the value says so in messages."""

    NEW = "reset() has not been called"
    RUNNING = "running"
    ENDED = "the episode has ended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the episode stands after its last turn."""

    terminated: bool = False
    truncated: bool = False
    valid: bool = True
    verdict: Verdict | None = None

    @property
    def stop_reason(self) -> StopReason:
        """Why the episode ended, or that it has not."""
        if not self.valid:
            return StopReason.UNDECIDED
        if self.terminated:
            return StopReason.TERMINATED
        return StopReason.TRUNCATED if self.truncated else StopReason.UNFINISHED


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of an episode, to go back to; opaque, picklable."""

    rng_state: Mapping[str, Any]
    task_id: str
    state: Any
    transcript: Transcript
    turn_rewards: tuple[float, ...]
    phase: Phase
    outcome: Outcome
