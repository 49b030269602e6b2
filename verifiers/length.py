"""How long is the completion? A band of lengths, with a linear slope on both sides.

Use it to keep completions from running away, as a part of a larger reward. Rewarding length for its
own sake hurts: ToolRL (Qian et al., 2025, arXiv:2504.13958) added a reward for longer thinking, and
the traces grew while the accuracy fell. A length reward is also the easiest of all to win without
solving anything.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from llmenvs.verifiers.verdict import Verdict

Unit = Literal["characters", "words", "tokens"]


class LengthVerifier:
    """Score 1.0 for a completion of ``min_length`` to ``max_length``, less outside that band.

    The score is in [0, 1]: it falls linearly to 0.0 at ``margin`` below ``min_length`` and at
    ``margin`` above ``max_length``. A success is a length within the band. ``target`` is None.
    Leading and trailing whitespace counts as characters. The cost is linear in the length.

    Args:
        min_length: shortest length with the full score, at least 0.
        max_length: longest length with the full score; None for no upper end.
        margin: width of each slope, in the same unit, at least 0; with 0 the score is 1.0 or 0.0.
        unit: what is counted: "characters" (Unicode code points), "words" (runs of text between
            whitespace) or "tokens", which needs ``tokenizer``.
        tokenizer: from the text to its tokens, as in ``tokenizer.encode``; only with "tokens".

    Raises:
        ValueError: the ends are not in order, a number is negative, the unit is unknown, or unit
            and tokenizer do not go together; on a call, ``target`` is not None.

    >>> verifier = LengthVerifier(max_length=4, margin=4, unit="words")
    >>> [verifier(text, None).score for text in ("one two", "1 2 3 4 5", "1 2 3 4 5 6 7 8")]
    [1.0, 0.75, 0.0]
    """

    def __init__(
        self,
        *,
        min_length: int = 0,
        max_length: int | None = None,
        margin: int = 0,
        unit: Unit = "characters",
        tokenizer: Callable[[str], Sequence[Any]] | None = None,
    ) -> None:
        top = min_length if max_length is None else max_length
        if not 0 <= min_length <= top or margin < 0:
            raise ValueError(
                "need 0 <= min_length <= max_length and margin >= 0, "
                f"got {min_length=}, {max_length=} and {margin=}"
            )
        if unit not in ("characters", "words", "tokens"):
            raise ValueError(f"unit must be 'characters', 'words' or 'tokens', got {unit!r}")
        if (unit == "tokens") != (tokenizer is not None):
            raise ValueError(
                f"unit 'tokens' and a tokenizer go together, got {unit=} and {tokenizer=}"
            )
        self.min_length = min_length
        self.max_length = max_length
        self.margin = margin
        self.unit = unit
        self.tokenizer = tokenizer

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge the length of ``completion``."""
        if target is not None:
            raise ValueError(f"target must be None, got {target!r}")
        length = self._measure(completion)
        outside = max(self.min_length - length, 0)
        if self.max_length is not None:
            outside = max(outside, length - self.max_length)
        success = outside == 0
        score = 1.0 if success else max(0.0, 1.0 - outside / self.margin) if self.margin else 0.0
        band = f"{self.min_length} to {'any' if self.max_length is None else self.max_length}"
        reason = f"{length} {self.unit}, {'within' if success else 'outside'} {band}"
        return Verdict.scored(score, success=success, parts={"length": length}, reason=reason)

    def _measure(self, completion: str) -> int:
        if self.tokenizer is not None:
            return len(self.tokenizer(completion))
        return len(completion) if self.unit == "characters" else len(completion.split())
