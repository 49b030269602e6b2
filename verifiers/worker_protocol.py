"""What a worker process and its parent say to each other.

A message is a header and a body. Requests carry pickles: they come from the process that started
the worker, which could run anything there anyway. Replies carry JSON: the worker has run verifiers
over text that a model wrote, and must not be able to run anything in the process that reads the
reply, not even if a completion has taken it over. JSON is as fast, too. Verdicts travel as lists of
the six fields, so a subclass of `Verdict` arrives as a `Verdict`.
"""

import json
import struct
from typing import Any

from llmenvs.verifiers.judge import failure
from llmenvs.verifiers.verdict import Status, Verdict

REQUEST_HEADER = struct.Struct("<QQ")
"""Bytes of the body, rows in it."""
REPLY_HEADER = struct.Struct("<Q")
"""Bytes of the body."""
MAX_REPLY_BYTES = 1 << 28
"""A longer reply is taken for a broken worker: it bounds what a worker can make its parent hold."""
COUNTER_BYTES = 8
"""Size of the shared number of rows that a worker has started."""

_STATUS = {status.value: status for status in Status}


def encode_verdicts(verdicts: list[Verdict]) -> str:
    """Return the verdicts as a JSON list, each as the list of its fields.

    ASCII, so that lone surrogates in what was extracted from a completion survive the way. A
    verdict that holds what its types do not allow becomes one with status ERROR.
    """
    try:
        return json.dumps([_fields(verdict) for verdict in verdicts])
    except (TypeError, ValueError) as error:
        if len(verdicts) == 1:
            return encode_verdicts([failure(f"the verifier returned a malformed verdict: {error}")])
    return f"[{', '.join(encode_verdicts([verdict])[1:-1] for verdict in verdicts)}]"


def _fields(verdict: Verdict) -> list[Any]:
    # By float and bool, since a number may be of a kind that JSON does not know, as numpy's.
    score = None if verdict.score is None else float(verdict.score)
    success = None if verdict.success is None else bool(verdict.success)
    parts = {str(name): float(value) for name, value in verdict.parts.items()}
    return [score, success, verdict.status.value, parts, verdict.reason, verdict.extracted]


def decode_verdict(fields: list[Any]) -> Verdict:
    """Return the verdict of a list that `encode_verdicts` wrote and JSON has read.

    Raises:
        KeyError, TypeError, ValueError: the fields are not those of a verdict.

    >>> decode_verdict([1.0, True, "scored", {}, "equal", "42"]).extracted
    '42'
    """
    score, success, status, parts, reason, extracted = fields
    return Verdict(score, success, _STATUS[status], parts, reason, extracted)
