"""The HTTP protocols of a served verifier: a plain one, OpenRLHF's, and verl's reward function.

A verdict that is not decided has the score null. OpenRLHF reads ``rewards`` and ``scores``: where
the only row of a request is undecided, which is how it asks, both are null as a whole, and it keeps
the sample without a reward, as it does when a reward server cannot be reached; in a longer list the
place is null. verl's reward functions return a number, so there the caller of ``/compute_score``
decides what becomes of null.

Source: OpenRLHF 0.11.2, ``utils/agent.py`` and ``cli/serve_rm.py``; verl 0.9.1,
``experimental/reward_loop/reward_manager/naive.py``, whose keyword arguments are the fields here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llmenvs.serving.protocol import Reply, Request


class ScoreRequest(Request, frozen=True, kw_only=True):
    """Score one completion.

    Attributes:
        completion: what the policy wrote.
        target: of the kind that the verifier takes.
    """

    completion: str
    target: Any = None


class ScoreBatchRequest(Request, frozen=True, kw_only=True):
    """Score many completions.

    Attributes:
        completions: what the policy wrote, a row each.
        targets: as many; left out for a verifier that takes none.
    """

    completions: Sequence[str]
    targets: Sequence[Any] | None = None


class ScoreReply(Reply, frozen=True, kw_only=True):
    """A verdict; ``score`` and ``success`` are null where it is not decided."""

    score: float | None
    success: bool | None
    status: str
    parts: Mapping[str, float]
    reason: str
    extracted: str | None


class ScoreBatchReply(Reply, frozen=True, kw_only=True):
    """The verdicts, in the order of the completions."""

    verdicts: Sequence[ScoreReply]


class OpenRLHFRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenRLHF posts to ``--reward.remote_url``.

    Attributes:
        query: prompt and completion as one text, special tokens included.
        prompts: the prompts alone; without them a query is taken for the completion.
        labels: the targets.
    """

    query: Sequence[str]
    prompts: Sequence[str] | None = None
    labels: Sequence[Any] | None = None


class OpenRLHFReply(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenRLHF reads.

    Attributes:
        rewards: a score for each query; null where the only one is undecided.
        scores: the same, which it uses for filtering.
        extra_logs: 1.0 or 0.0 for each query: whether it was solved, and whether it is undecided.
    """

    rewards: Sequence[float | None] | None
    scores: Sequence[float | None] | None
    extra_logs: Mapping[str, Sequence[float]]


class VerlRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The keyword arguments of verl's ``compute_score``.

    Attributes:
        solution_str: the completion.
        ground_truth: the target.
        data_source: of the row; not used.
        extra_info: of the row; not used.
    """

    solution_str: str
    ground_truth: Any = None
    data_source: str | None = None
    extra_info: Any = None


class VerlReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a ``compute_score`` may return as it is, once ``score`` is not null.

    Attributes:
        score: null where it is undecided.
        acc: 1.0 where the task is solved, 0.0 where not; null where it is undecided.
        undecided: 1.0 or 0.0.
        status: of the verdict.
        reason: of the verdict.
    """

    score: float | None
    acc: float | None
    undecided: float
    status: str
    reason: str


class VerifierHealth(Reply, frozen=True, kw_only=True):
    """That the server answers."""

    status: str = "ok"
    verifier: str
    options: Mapping[str, Any]
