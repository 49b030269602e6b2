"""Whether the output of a program is the expected one, line by line.

Both are compared whole: a line too few or too many is a difference. Where the expected text has a
number with a decimal point or an exponent, the number in its place may differ by the tolerance;
whole numbers must agree digit by digit.
"""

import math
import re
from typing import Literal, get_args

from llmenvs.verifiers.code.compare import DEFAULT_TOLERANCE

Whitespace = Literal["exact", "trailing", "any"]
WHITESPACE = get_args(Whitespace)

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,5})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_LONGEST_NUMBER = 1000


def same_output(
    given: str,
    expected: str,
    *,
    whitespace: Whitespace = "any",
    tolerance: float = DEFAULT_TOLERANCE,
) -> bool:
    r"""Return whether ``given`` is the output ``expected``.

    Args:
        given: what the program wrote.
        expected: what it should have written.
        whitespace: ``"exact"`` compares the texts as they are, without any tolerance;
            ``"trailing"`` ignores blanks at the ends of lines and empty lines at the end;
            ``"any"`` also takes a run of blanks within a line as one, and none at its start.
        tolerance: error allowed in numbers that are not whole, absolute or relative.

    >>> same_output("1 2 \n0.30000000000000004", "1 2\n0.3\n"), same_output("1\n", "1\n3\n")
    (True, False)
    """
    if whitespace == "exact":
        return given == expected
    ours, theirs = _lines(expected), _lines(given)
    if len(ours) != len(theirs):
        return False
    compare = _same_words if whitespace == "any" else _same_line
    return all(compare(one, other, tolerance) for one, other in zip(theirs, ours, strict=True))


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_line(given: str, expected: str, tolerance: float) -> bool:
    """Compare two lines in which blanks count."""
    if given == expected:
        return True
    blanks = [re.split(r"\S+", line) for line in (given, expected)]
    return blanks[0] == blanks[1] and _same_words(given, expected, tolerance)


def _same_words(given: str, expected: str, tolerance: float) -> bool:
    ours, theirs = expected.split(), given.split()
    return len(ours) == len(theirs) and all(
        _same_word(one, other, tolerance) for one, other in zip(theirs, ours, strict=True)
    )


def _same_word(given: str, expected: str, tolerance: float) -> bool:
    if given == expected:
        return True
    if not tolerance or _WHOLE.fullmatch(expected) or len(expected) > _LONGEST_NUMBER:
        return False
    if len(given) > _LONGEST_NUMBER or not all(map(_NUMBER.fullmatch, (given, expected))):
        return False
    one, other = float(given), float(expected)
    return math.isfinite(other) and math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
