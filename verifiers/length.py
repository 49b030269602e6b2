"""How long is the completion? A band of lengths, and the length rewards that others published.

- `LengthVerifier`: a band, with a linear slope on both sides.
- `SoftOverlongVerifier`: DAPO's punishment of what is too long.
- `ToolRLLengthVerifier`: ToolRL's reward for a long thought.
- `CosineLengthVerifier`: open-r1's reward of a right answer that is short.

Their formulas, and open-r1's reward over a group, are in `llmenvs.verifiers.length_rewards`; the
penalty for repetition is `llmenvs.verifiers.repetition`.

Use them as a part of a larger reward. Rewarding length for its own sake hurts: ToolRL (Qian et al.,
2025, arXiv:2504.13958) added a reward for longer thinking, and the traces grew while the accuracy
fell. A length reward is also the easiest of all to win without solving anything.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from llmenvs.verifiers.length_rewards import (
    cosine_reward,
    len_rewards,
    soft_overlong_punishment,
    toolrl_length_reward,
)
from llmenvs.verifiers.verdict import Verdict, Verifier

__all__ = [
    "CosineLengthVerifier",
    "LengthVerifier",
    "SoftOverlongVerifier",
    "ToolRLLengthVerifier",
    "Unit",
    "cosine_reward",
    "len_rewards",
    "soft_overlong_punishment",
    "toolrl_length_reward",
]

Unit = Literal["characters", "words", "tokens"]
Encode = Callable[[str], Sequence[Any]]


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
        check_unit(unit, tokenizer)
        self.min_length = min_length
        self.max_length = max_length
        self.margin = margin
        self.unit = unit
        self.tokenizer = tokenizer

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge the length of ``completion``."""
        refuse_target(target)
        length = measure(completion, self.unit, self.tokenizer)
        outside = max(self.min_length - length, 0)
        if self.max_length is not None:
            outside = max(outside, length - self.max_length)
        success = outside == 0
        score = 1.0 if success else max(0.0, 1.0 - outside / self.margin) if self.margin else 0.0
        band = f"{self.min_length} to {'any' if self.max_length is None else self.max_length}"
        reason = f"{length} {self.unit}, {'within' if success else 'outside'} {band}"
        return Verdict.scored(score, success=success, parts={"length": length}, reason=reason)


class SoftOverlongVerifier:
    """Score 0.0 up to ``max_length - buffer``, then linearly less, down to -1.0 beyond the limit.

    DAPO (Yu et al., 2025, arXiv:2503.14476), equation 13. The score is in [-1, 0] and is meant to
    be added to that of an answer; a success is the score 0.0. ``target`` is None.

    Args:
        max_length: the limit, at least 1.
        buffer: how far before the limit the punishment begins, from 0 to ``max_length``.
        unit: as of `LengthVerifier`; the paper counts tokens.
        tokenizer: as of `LengthVerifier`.

    Raises:
        ValueError: an argument is out of range; on a call, ``target`` is not None.

    >>> verifier = SoftOverlongVerifier(max_length=100, buffer=20)
    >>> [verifier("x" * length, None).score for length in (80, 90, 100, 101)]
    [0.0, -0.5, -1.0, -1.0]
    """

    def __init__(
        self,
        *,
        max_length: int,
        buffer: int,
        unit: Unit = "characters",
        tokenizer: Encode | None = None,
    ) -> None:
        soft_overlong_punishment(0, max_length=max_length, buffer=buffer)
        check_unit(unit, tokenizer)
        self.max_length = max_length
        self.buffer = buffer
        self.unit = unit
        self.tokenizer = tokenizer

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge the length of ``completion``."""
        refuse_target(target)
        length = measure(completion, self.unit, self.tokenizer)
        score = soft_overlong_punishment(length, max_length=self.max_length, buffer=self.buffer)
        reason = f"{length} {self.unit} of {self.max_length}, the last {self.buffer} punished"
        return Verdict.scored(score, success=score == 0, parts={"length": length}, reason=reason)


class ToolRLLengthVerifier:
    """Score the words of the last thought over 512, up to 1.0: ToolRL's reward for length.

    For runs that must compare with it; see the module for what it does to accuracy. A success is
    the score 1.0. ``target`` is None.

    Args:
        step: of the training, where the wanted length grows with it (SCHEDULELENGTH), at least 0;
            None for 512 throughout.

    Raises:
        ValueError: ``step`` is negative; on a call, ``target`` is not None.

    >>> ToolRLLengthVerifier()("<think>" + "so " * 128 + "</think>", None).score
    0.25
    """

    def __init__(self, *, step: int | None = None) -> None:
        toolrl_length_reward(0, step=step)
        self.step = step

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge the length of the last thought in ``completion``."""
        refuse_target(target)
        if "<think>" not in completion or "</think>" not in completion:
            return Verdict.no_answer("there is no thought")
        thought = completion.rpartition("<think>")[2].partition("</think>")[0]
        words = len(thought.split())
        score = toolrl_length_reward(words, step=self.step)
        reason = f"{words} words in the last thought"
        return Verdict.scored(score, success=score >= 1, parts={"length": words}, reason=reason)


class CosineLengthVerifier:
    """Score a right answer the more the shorter it is, a wrong one the less the shorter it is.

    Yeo et al., 2025, arXiv:2502.03373, as in open-r1's ``cosine``; beyond ``max_length`` the score
    stays what it is there, where open-r1's rises again. The score is in [-1, 1] by default; the
    success is that of ``accuracy``, whose parts are kept, and where it cannot decide nothing is.

    Args:
        accuracy: says whether the answer is right, by its success; gets the target.
        max_length: where the cosine ends, at least 1.
        wrong: the scores of a wrong answer of length 0 and of ``max_length``.
        right: the scores of a right answer of length 0 and of ``max_length``.
        unit: as of `LengthVerifier`; open-r1 counts characters, TRL tokens.
        tokenizer: as of `LengthVerifier`.

    Raises:
        ValueError: an argument is out of range; on a call, what ``accuracy`` raises.

    >>> from llmenvs.verifiers.math import MathVerifier
    >>> verifier = CosineLengthVerifier(MathVerifier(), max_length=14)
    >>> [verifier(text, "4").score for text in ("4 it is", "4 is the answer, yes, I am sure")]
    [0.75, 0.5]
    """

    def __init__(
        self,
        accuracy: Verifier,
        *,
        max_length: int,
        wrong: tuple[float, float] = (-1.0, -0.5),
        right: tuple[float, float] = (1.0, 0.5),
        unit: Unit = "characters",
        tokenizer: Encode | None = None,
    ) -> None:
        cosine_reward(0, max_length=max_length, at_zero=right[0], at_max=right[1])
        check_unit(unit, tokenizer)
        self.accuracy = accuracy
        self.max_length = max_length
        self.wrong = wrong
        self.right = right
        self.unit = unit
        self.tokenizer = tokenizer

    def __call__(self, completion: str, target: Any) -> Verdict:
        """Judge ``completion`` by ``accuracy``, and then its length."""
        verdict = self.accuracy(completion, target)
        if verdict.success is None:
            return verdict
        length = measure(completion, self.unit, self.tokenizer)
        at_zero, at_max = self.right if verdict.success else self.wrong
        score = cosine_reward(length, max_length=self.max_length, at_zero=at_zero, at_max=at_max)
        return Verdict(
            score,
            verdict.success,
            verdict.status,
            {**verdict.parts, "length": length},
            f"{verdict.reason}; {length} {self.unit} of {self.max_length}",
            verdict.extracted,
        )


def measure(text: str, unit: Unit, tokenizer: Encode | None) -> int:
    """Return how long ``text`` is in that unit."""
    if tokenizer is not None:
        return len(tokenizer(text))
    return len(text) if unit == "characters" else len(text.split())


def check_unit(unit: Unit, tokenizer: Encode | None) -> None:
    """Check that the unit is known, and that it goes with the tokenizer.

    Raises:
        ValueError: it does not.
    """
    if unit not in ("characters", "words", "tokens"):
        raise ValueError(f"unit must be 'characters', 'words' or 'tokens', got {unit!r}")
    if (unit == "tokens") != (tokenizer is not None):
        raise ValueError(f"unit 'tokens' and a tokenizer go together, got {unit=} and {tokenizer=}")


def refuse_target(target: Any) -> None:
    """Raise a `ValueError` if there is a target."""
    if target is not None:
        raise ValueError(f"target must be None, got {target!r}")
