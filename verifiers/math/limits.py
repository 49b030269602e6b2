"""The bounds that keep every verdict cheap, and the meter that enforces them.

All limits count characters, bits or steps and never seconds, so that a verdict does not depend on
the machine. Only the worker process, which runs sympy, is limited in seconds (see `worker`).
"""

MAX_ANSWER_CHARS = 20_000
"""Longest answer that is parsed; a longer one is compared only if it is a single whole number."""
MAX_WORK_CHARS = 4_000_000
"""Longest completion that is searched: of a longer one, only the end."""
MAX_TOKENS = 12_000
"""Most tokens in one answer."""
MAX_NESTING = 1_000
"""Most brackets open at once. They cost memory, not Python frames."""
MAX_DEPTH = 60
"""Deepest chain of unbracketed prefixes (``\\sin\\cos…``, ``x^y^z…``)."""
MAX_TREE_DEPTH = 110
"""Deepest tree that is walked."""
MAX_TREE_SIZE = 30_000
"""Most nodes in a tree; products of symbolic matrices share parts and grow fast."""
MAX_LITERAL_DIGITS = 4_000
"""Longest literal that enters arithmetic; longer ones are compared digit by digit."""
MAX_BITS = 60_000
"""Largest numerator or denominator of an exact value, in bits."""
MAX_FACTORIAL = 4_000
"""Largest n whose factorial is computed exactly."""
MAX_EXPONENT = 10**7
"""Largest magnitude, as a power of two, of a number that is evaluated numerically."""
MAX_TERMS = 1_000
"""Longest sum or product that is expanded."""
MAX_ITEMS = 2_000
"""Longest list that is compared."""
MAX_UNIT_WORDS = 12
"""Most words and signs in a unit."""
MAX_STEPS = 20_000
"""Work allowed for one verdict; a step is about ten microseconds."""


class OverBudgetError(Exception):
    """The work on an answer passed its limit."""


class Meter:
    """Count the work spent on one verdict.

    Attributes:
        steps: what is left, in steps of about ten microseconds.
    """

    __slots__ = ("steps",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.steps = steps

    def charge(self, steps: int = 1) -> None:
        """Spend ``steps``.

        Raises:
            OverBudgetError: the budget is spent.
        """
        self.steps -= steps
        if self.steps < 0:
            raise OverBudgetError(f"more than {MAX_STEPS} steps of work")

    def charge_bits(self, bits: int) -> None:
        """Spend what exact arithmetic on numbers of ``bits`` bits costs: the gcd is quadratic.

        Raises:
            OverBudgetError: the number is too large, or the budget is spent.
        """
        if bits > MAX_BITS:
            raise OverBudgetError(f"a number of more than {MAX_BITS} bits")
        if bits > 1_000:
            self.charge(1 + (bits // 1_000) ** 2 // 8)
