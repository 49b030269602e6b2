"""What a verifier says of a completion: `Verdict`, its `Status`, and the `Verifier` protocol.

Three kinds of failure are never mixed. The policy's fault (a wrong answer, no answer, code that
loops) is a verdict with a score. The caller's fault (a bad target) is a `ValueError` at once. Our
own fault (a worker died, the machine stood still) is a verdict without a score, which a trainer
leaves out: training on it as 0 would teach the policy that a right answer was wrong.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable


class Status(StrEnum):
    """How the check ended. The first two carry a score, the last two do not."""

    SCORED = "scored"
    """An answer was found and checked."""
    NO_ANSWER = "no_answer"
    """The completion holds nothing that could be an answer: the policy's fault."""
    TIMEOUT = "timeout"
    """The verifier ran out of wall time through no fault of the completion."""
    ERROR = "error"
    """The verifier itself failed."""


UNDECIDED = frozenset({Status.TIMEOUT, Status.ERROR})
"""The statuses in which there is no score."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one completion.

    Attributes:
        score: finite, in the range that the verifier states ([0, 1] unless it says otherwise); None
            exactly when ``status`` is TIMEOUT or ERROR.
        success: whether the task is solved; None exactly where ``score`` is None.
        status: how the check ended.
        parts: named components of the score, read-only.
        reason: one line that a person understands.
        extracted: what was read out of the completion as its answer, if anything was.

    >>> Verdict.scored(1.0, success=True, reason="equal", extracted="42").decided
    True
    >>> Verdict.undecided(Status.TIMEOUT, reason="the worker was lost").score is None
    True
    """

    score: float | None
    success: bool | None
    status: Status
    parts: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    extracted: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", MappingProxyType(dict(self.parts)))
        undecided = self.status in UNDECIDED
        if (self.score is None) != undecided or (self.success is None) != undecided:
            raise ValueError(
                "score and success must be None exactly when status is timeout or error, "
                f"got score={self.score!r}, success={self.success!r}, status={self.status.value!r}"
            )
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"score must be finite, got {self.score!r}")

    @classmethod
    def scored(
        cls,
        score: float,
        *,
        success: bool,
        parts: Mapping[str, float] | None = None,
        reason: str = "",
        extracted: str | None = None,
    ) -> "Verdict":
        """Return a verdict on an answer that was found."""
        return cls(score, success, Status.SCORED, parts or {}, reason, extracted)

    @classmethod
    def no_answer(cls, reason: str, *, score: float = 0.0) -> "Verdict":
        """Return the verdict on a completion without an answer, by default with the score 0.0."""
        return cls(score, False, Status.NO_ANSWER, {}, reason, None)  # noqa: FBT003

    @classmethod
    def undecided(cls, status: Status, *, reason: str, extracted: str | None = None) -> "Verdict":
        """Return a verdict without a score; ``status`` is TIMEOUT or ERROR."""
        return cls(None, None, status, {}, reason, extracted)

    @property
    def decided(self) -> bool:
        """Whether there is a score to train on."""
        return self.score is not None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict with the keys of the fields."""
        return {
            "score": self.score,
            "success": self.success,
            "status": self.status.value,
            "parts": dict(self.parts),
            "reason": self.reason,
            "extracted": self.extracted,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy does not pickle, and verdicts travel between processes.
        fields = (self.score, self.success, self.status, dict(self.parts))
        return (type(self), (*fields, self.reason, self.extracted))


@runtime_checkable
class Verifier(Protocol):
    """A function from a completion and its target to a verdict.

    It returns on every completion, whatever the policy wrote, within its stated limit, on any
    thread; the same input gives the same verdict. It raises `ValueError` for a bad target.
    """

    def __call__(self, completion: str, target: Any) -> Verdict:
        """Judge ``completion``, which holds only what the policy wrote, against ``target``."""
        ...
