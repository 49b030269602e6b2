"""Run a verifier on one row so that nothing it does wrong reaches the other rows.

`judge` is the one place that turns an exception of a verifier into a verdict. The worker processes
and the scoring without workers share it, so that both give the same verdicts.
"""

import traceback
from typing import Any

from llmenvs.verifiers.verdict import Status, Verdict, Verifier

MAX_REASON_CHARS = 500
"""Longest reason made from an exception: some hold the whole input in their message."""


def judge(verifier: Verifier, completion: str, target: Any) -> Verdict:
    """Return the verdict, or one with status ERROR where the verifier raises or returns no verdict.

    That includes the `ValueError` of a bad target and a `SystemExit`; only `KeyboardInterrupt` and
    the like pass through.

    >>> from llmenvs.verifiers.length import LengthVerifier
    >>> judge(LengthVerifier(max_length=3), "four", "a target").reason
    "the verifier raised ValueError: target must be None, got 'a target'"
    """
    if not isinstance(completion, str):
        return failure(f"completion must be a str, got {type(completion).__name__}")
    try:
        verdict = verifier(completion, target)
    except (Exception, SystemExit) as error:
        return failure(f"the verifier raised {describe(error)}")
    if not isinstance(verdict, Verdict):
        return failure(f"the verifier must return a Verdict, got {type(verdict).__name__}")
    return verdict


def failure(reason: str) -> Verdict:
    """Return a verdict with status ERROR, its reason one line of bounded length."""
    line = " ".join(reason.split())
    if len(line) > MAX_REASON_CHARS:
        line = line[: MAX_REASON_CHARS - 1] + "…"
    return Verdict.undecided(Status.ERROR, reason=line)


def describe(error: BaseException) -> str:
    """Return ``Type: message``, also of an exception whose message cannot be computed."""
    # str(error) itself fails on some exceptions, as where an integer has too many digits.
    return traceback.format_exception_only(error)[-1].strip()
