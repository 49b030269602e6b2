"""Turn a verifier into the function that a trainer calls: completions in, a list of floats out.

The call is TRL's: ``reward(completions=…, answer=…, **other_columns)``, with every column of the
data set as a list. A completion is a str, or a list of messages, of which what the assistant wrote
counts and nothing else.

What becomes of an undecided verdict is for the caller to say, since every default is wrong for
somebody, and a failure of ours that trains as 0.0 is a wrong answer that the policy never gave:

- ``None`` leaves the place empty. TRL takes it for "not applicable": the sample gets advantage 0
  where it is the only reward function, but where others reward the same sample, their sum is used
  without this one.
- ``"drop"`` leaves the row out, so that the list is shorter: for filtering, not for TRL.
- a float stands in, such as 0.0 for evaluation, where a failure counts as not solved.
"""

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from llmenvs.verifiers.scoring import TIMEOUT_S, paired, score_here
from llmenvs.verifiers.verdict import Verifier
from llmenvs.verifiers.worker_pool import WorkerPool

Messages = list[Mapping[str, Any]]
RewardFunction = Callable[..., list[float | None]]


def as_reward_function(
    verifier: Verifier,
    *,
    undecided: Literal["drop"] | float | None,
    target_column: str | None = "answer",
    workers: int = 0,
    timeout_s: float = TIMEOUT_S,
    name: str | None = None,
) -> RewardFunction:
    """Return a function from completions and data set columns to their scores.

    Args:
        verifier: any `Verifier`.
        undecided: what a verdict without a score becomes: None, "drop" or a float, see the module.
        target_column: the column that holds the targets; None for a verifier that takes None.
        workers: processes to score in, kept until the function is collected; 0 for none.
        timeout_s: wall seconds that a row may take in a worker.
        name: ``__name__`` of the function, under which TRL logs its mean.

    Raises:
        ValueError: ``undecided`` or a number is none of those; when called, the target column is
            missing or its length is not that of the completions.

    >>> from llmenvs.verifiers.length import LengthVerifier
    >>> reward = as_reward_function(
    ...     LengthVerifier(max_length=3), undecided=None, target_column=None
    ... )
    >>> reward(prompts=["?", "?"], completions=["yes", [{"role": "assistant", "content": "never"}]])
    [1.0, 0.0]
    """
    if isinstance(undecided, str) and undecided != "drop":
        raise ValueError(f"undecided must be 'drop', None or a float, got {undecided!r}")
    pool = WorkerPool(verifier, workers=workers, timeout_s=timeout_s) if workers else None
    turn = threading.Lock()  # a pool scores one list at a time, and trainers have threads

    def reward(completions: Sequence[str | Messages], **columns: Any) -> list[float | None]:
        texts = [completion_text(completion) for completion in completions]
        targets = _targets(columns, target_column, len(texts))
        with turn:
            rows = paired(texts, targets)
            verdicts = list(pool.score(rows) if pool else score_here(verifier, rows))
        if undecided == "drop":
            return [verdict.score for verdict in verdicts if verdict.decided]
        return [undecided if verdict.score is None else verdict.score for verdict in verdicts]

    reward.__name__ = name or f"{type(verifier).__name__}_reward"
    if pool is not None:
        weakref.finalize(reward, pool.close)
    return reward


def completion_text(completion: str | Messages) -> str:
    """Return what the policy wrote: the str, or the assistant's messages joined by newlines.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(completion, str):
        return completion
    if not (isinstance(completion, list) and all(isinstance(m, Mapping) for m in completion)):
        raise ValueError(f"a completion must be a str or a list of messages, got {completion!r}")
    return "\n".join(
        _content_text(message.get("content"))
        for message in completion
        if message.get("role", "assistant") == "assistant"
    )


def _content_text(content: Any) -> str:
    if content is None:  # a message that only calls a tool
        return ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def _targets(columns: Mapping[str, Any], target_column: str | None, num_rows: int) -> list[Any]:
    if target_column is None:
        return [None] * num_rows
    if target_column not in columns:
        raise ValueError(
            f"no column {target_column!r} with the targets: got {', '.join(sorted(columns))}; "
            "pass target_column=, or None for a verifier that takes no target"
        )
    return list(columns[target_column])
