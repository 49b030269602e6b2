r"""Formulas of rewards for length, each as published; verifiers of them are in `length`.

Lengths are counts in whatever unit: open-r1 counts characters, TRL and DAPO tokens, ToolRL words.
"""

import math
from collections.abc import Sequence


def len_rewards(lengths: Sequence[int], correct: Sequence[bool]) -> list[float]:
    """Return open-r1's ``len`` reward (Kimi k1.5, Kimi Team, 2025, arXiv:2501.12599) of a group.

    With l = 0.5 - (length - shortest) / (longest - shortest), a right completion gets l and a wrong
    one min(0, l); all get 0 where all are equally long.

    Args:
        lengths: (G,), each at least 0.
        correct: (G,).

    Returns:
        (G,), each in [-0.5, 0.5].

    Raises:
        ValueError: they are not equally many, or a length is negative.

    >>> len_rewards([10, 20, 30, 10], [True, True, True, False])
    [0.5, 0.0, -0.5, 0.0]
    """
    if len(lengths) != len(correct) or min(lengths, default=0) < 0:
        raise ValueError(f"need as many lengths >= 0 as flags, got {lengths=} and {correct=}")
    if not lengths or min(lengths) == max(lengths):
        return [0.0] * len(lengths)
    shortest, longest = min(lengths), max(lengths)
    rewards = [0.5 - (length - shortest) / (longest - shortest) for length in lengths]
    return [
        reward if right else min(0.0, reward)
        for reward, right in zip(rewards, correct, strict=True)
    ]


def cosine_reward(length: int, *, max_length: int, at_zero: float, at_max: float) -> float:
    """Return the value at ``length`` of half a cosine from ``at_zero`` to ``at_max``.

    Source: Yeo et al., 2025, arXiv:2502.03373, appendix C.1; clamped at ``max_length``, as in TRL.
    Open-r1 goes on along the cosine, so that a completion of twice the limit is the best again.

    Raises:
        ValueError: ``max_length`` is below 1, ``length`` negative, or a value not finite.

    >>> [cosine_reward(n, max_length=100, at_zero=1.0, at_max=0.5) for n in (0, 50, 100, 200)]
    [1.0, 0.75, 0.5, 0.5]
    """
    if max_length < 1 or length < 0 or not (math.isfinite(at_zero) and math.isfinite(at_max)):
        raise ValueError(
            "need max_length >= 1, length >= 0 and finite values, "
            f"got {max_length=}, {length=}, {at_zero=} and {at_max=}"
        )
    cosine = math.cos(math.pi * min(length / max_length, 1.0))
    return at_max + 0.5 * (at_zero - at_max) * (1.0 + cosine)


def soft_overlong_punishment(length: int, *, max_length: int, buffer: int) -> float:
    """Return DAPO's punishment, in [-1, 0] (Yu et al., 2025, arXiv:2503.14476, equation 13).

    Raises:
        ValueError: not 0 <= buffer <= max_length, max_length < 1, or ``length`` is negative.

    >>> [soft_overlong_punishment(n, max_length=100, buffer=20) for n in (80, 90, 100, 101)]
    [0.0, -0.5, -1.0, -1.0]
    """
    if not 0 <= buffer <= max_length or max_length < 1 or length < 0:
        raise ValueError(
            "need 0 <= buffer <= max_length, max_length >= 1 and length >= 0, "
            f"got {buffer=}, {max_length=} and {length=}"
        )
    free = max_length - buffer
    if length <= free:
        return 0.0
    return (free - length) / buffer if length <= max_length else -1.0


def toolrl_length_reward(words: int, *, step: int | None = None) -> float:
    """Return ToolRL's reward for the words of a thought, in [0, 1], rounded to hundredths.

    Args:
        words: at least 0.
        step: of the training, for the schedule in which 384 words are wanted at first and 256 more
            every 105 steps; None for 512 words throughout.

    Raises:
        ValueError: a number is negative.

    >>> toolrl_length_reward(300), toolrl_length_reward(300, step=0)
    (0.59, 0.78)
    """
    if words < 0 or (step is not None and step < 0):
        raise ValueError(f"need words >= 0 and step >= 0, got {words=} and {step=}")
    wanted = 512 if step is None else 384 + 256 * step / 105
    return min(round(words / wanted, 2), 1.0)
