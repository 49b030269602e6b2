"""Does an answer match a pattern? On RE2, whose time is linear in the text whatever the pattern is.

A backtracking engine such as Python's `re` can take years on a text of 40 characters, and here the
text comes from a policy and the pattern often from a data set. RE2 has no back-references and no
look-around; a pattern with these is refused with a `ValueError`.
"""

import functools
from typing import Any, Literal

try:
    import re2
except ImportError as error:
    raise ImportError("patterns need google-re2: pip install 'llmenvs[regex]'") from error

from llmenvs.verifiers.blocks import checked_text
from llmenvs.verifiers.verdict import Verdict

Where = Literal["whole", "anywhere"]

MAX_MEMORY_BYTES = 8 << 20
"""Memory of one compiled pattern."""

_SHOWN_CHARS = 200


class RegexVerifier:
    r"""Score 1.0 for a completion whose answer matches a pattern, else 0.0.

    In a pattern ``.`` is any character but a newline, ``\d`` and ``\w`` are ASCII; write ``(?i)``
    or ``(?s)`` at its start for flags. ``extracted`` is what matched.

    Args:
        pattern: in RE2's syntax; None where each target is the pattern of its row.
        where: "whole" if all of the answer must match, "anywhere" if a part of it is enough.
        block: the tag that holds the answer, such as "answer"; None for all that follows
            ``</think>``.

    Raises:
        ValueError: the pattern is none that RE2 takes, or another argument is unknown; on a call,
            the target is a bad pattern, or is there beside a pattern of the verifier's own.

    >>> verifier = RegexVerifier(r"[A-Z]{2}\d{4}")
    >>> [verifier(text, None).score for text in ("AB1234", "AB12345")]
    [1.0, 0.0]
    """

    def __init__(
        self, pattern: str | None = None, *, where: Where = "whole", block: str | None = None
    ) -> None:
        if where not in ("whole", "anywhere"):
            raise ValueError(f"where must be 'whole' or 'anywhere', got {where!r}")
        self.pattern = pattern
        self.where = where
        self.block = block
        if pattern is not None:
            compile_pattern(pattern)

    def __call__(self, completion: str, target: str | None = None) -> Verdict:
        """Judge the answer in ``completion``; ``target`` is its pattern, or None."""
        pattern = self.pattern if target is None else target
        if pattern is None or (target is not None and self.pattern is not None):
            raise ValueError(
                "target must be a pattern exactly where the verifier has none, "
                f"got {target=} and pattern={self.pattern!r}"
            )
        compiled = compile_pattern(pattern)
        text = checked_text(completion, self.block)
        if text is None:
            return Verdict.no_answer("there is no answer")
        try:
            match = compiled.fullmatch(text) if self.where == "whole" else compiled.search(text)
        except UnicodeEncodeError:  # a lone surrogate is no text to RE2
            match = None
        shown_pattern = repr(pattern[:_SHOWN_CHARS])
        if match is None:
            shown = text[:_SHOWN_CHARS]
            reason = f"does not match {shown_pattern}"
            return Verdict.scored(0.0, success=False, reason=reason, extracted=shown)
        found = match.group()[:_SHOWN_CHARS]
        return Verdict.scored(1.0, success=True, reason=f"matches {shown_pattern}", extracted=found)


@functools.lru_cache(maxsize=256)
def compile_pattern(pattern: Any) -> Any:
    """Return RE2's compiled pattern; the last few are kept.

    Raises:
        ValueError: it is no text, or RE2 does not take it.
    """
    if not isinstance(pattern, str):
        raise ValueError(f"a pattern must be a str, got {pattern!r}")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY_BYTES
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"RE2 does not take the pattern {pattern!r}: {reason}") from error
