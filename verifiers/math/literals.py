"""Read number literals exactly."""

import re
from fractions import Fraction

from llmenvs.verifiers.math.limits import MAX_LITERAL_DIGITS, OverBudgetError
from llmenvs.verifiers.math.nodes import BaseNumber, LongInteger, Number
from llmenvs.verifiers.math.tables import split_words

_LITERAL = re.compile(r"(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?", re.ASCII)
MAX_POWER_OF_TEN = 5_000
_MAX_BASE = 36
_WORDS = split_words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
_TENS = split_words("twenty thirty forty fifty sixty seventy eighty ninety")


def _number_words() -> dict[str, Number]:
    values = {word: value for value, word in enumerate(_WORDS)}
    for tens, word in enumerate(_TENS, start=2):
        values[word] = 10 * tens
        values.update({f"{word} {_WORDS[unit]}": 10 * tens + unit for unit in range(1, 10)})
    values["hundred"] = values["one hundred"] = 100
    return {word: Number(Fraction(value)) for word, value in values.items()}


NUMBER_WORDS = _number_words()
"""The whole numbers up to a hundred in words, without hyphens."""


def read_number(text: str) -> Number | LongInteger:
    """Return the number that a token such as ``1,234.50`` or ``3.2e5`` stands for.

    Raises:
        OverBudgetError: the exponent is out of range.

    >>> read_number("0.25")
    Number(value=Fraction(1, 4), digits=2, exponent=-2, truncated=False)
    """
    if text.isdecimal() and len(text) <= MAX_LITERAL_DIGITS:
        return Number(Fraction(int(text)))
    text = text.replace(",", "")
    match = _LITERAL.fullmatch(text)
    if match is None:
        raise ValueError(f"not a number: {text[:40]!r}")
    whole, decimals, power = match.groups()
    if len(text) > MAX_LITERAL_DIGITS:
        if decimals or power:
            raise OverBudgetError(f"a decimal of more than {MAX_LITERAL_DIGITS} digits")
        return LongInteger(negative=False, digits=whole.lstrip("0"))
    if power is not None and (len(power) > 6 or abs(int(power)) > MAX_POWER_OF_TEN):
        raise OverBudgetError(f"a power of ten beyond {MAX_POWER_OF_TEN}")
    decimals = decimals or ""
    exponent = int(power or 0) - len(decimals)
    mantissa = int((whole + decimals) or "0")
    value = Fraction(
        mantissa * 10**exponent if exponent >= 0 else Fraction(mantissa, 10**-exponent)
    )
    digits = len((whole + decimals).lstrip("0")) if decimals or power else 0
    return Number(value, digits, exponent if digits else 0)


def repeating(prefix: str, period: str) -> Number:
    """Return the value of a decimal whose digits ``period`` go on for ever after ``prefix``.

    >>> repeating("0.1", "6").value
    Fraction(1, 6)
    """
    whole, _, decimals = prefix.partition(".")
    if len(prefix) + len(period) > MAX_LITERAL_DIGITS:
        raise OverBudgetError(f"a decimal of more than {MAX_LITERAL_DIGITS} digits")
    nines = (10 ** len(period) - 1) * 10 ** len(decimals)
    head = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    return Number(head + Fraction(int(period), nines))


def in_base(digits: str, base: int) -> BaseNumber | None:
    """Return ``digits`` read in ``base``, or None where they are no number in it."""
    if not 2 <= base <= _MAX_BASE or len(digits) > 1_000:
        return None
    try:
        return BaseNumber(digits.upper().lstrip("0") or "0", base, int(digits, base))
    except ValueError:
        return None
