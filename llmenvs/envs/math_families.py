"""Families of mathematics problems with exact answers, generated from a seed.

A family draws the numbers of a problem, writes them into one of several sentences, and solves it.
The numbers can be read back out of the sentence, which is how the oracle of ``MathAnswer-v0`` gets
every fact through the environment, and two problems are the same exactly if their numbers are.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

Values = Mapping[str, str]
"""What stands in the fields of a sentence, as text."""
MAX_LEVEL = 5

_FIELD = re.compile(r"\{(\w+)\}")
_PATTERNS = {"op": r"[-+*]", "signed": r"[+-] \d+", "who": r"[A-Z][a-z]+"}
_NUMBER = r"-?\d+"
_NAMES = ("Ana", "Ben", "Chidi", "Dana", "Emil", "Farah", "Goro", "Hana", "Ivan", "Jun")


@dataclass(frozen=True)
class ProblemFamily:
    """Problems of one kind.

    Attributes:
        name: the family's.
        sentences: each with the same fields; one is drawn for a problem.
        draw: draws the fields' texts for a level from 1 to `MAX_LEVEL`.
        solve: returns the exact answer, an integer or a fraction in lowest terms.
        kinds: the kind of each field that is not a plain integer: ``op``, ``signed`` or ``who``.
        symmetric: fields whose order does not matter to what the problem is.
    """

    name: str
    sentences: tuple[str, ...]
    draw: Callable[[np.random.Generator, int], Values]
    solve: Callable[[Values], Fraction]
    kinds: Mapping[str, str] = field(default_factory=dict)
    symmetric: tuple[str, ...] = ()

    @cached_property
    def _readers(self) -> list[re.Pattern[str]]:
        return [re.compile(self._pattern(sentence)) for sentence in self.sentences]

    def _pattern(self, sentence: str) -> str:
        pieces, end = [], 0
        seen: set[str] = set()
        for match in _FIELD.finditer(sentence):
            name = match[1]
            inside = _PATTERNS.get(self.kinds.get(name, ""), _NUMBER)
            pieces.append(re.escape(sentence[end : match.start()]))
            pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>{inside})")
            seen.add(name)
            end = match.end()
        return "".join([*pieces, re.escape(sentence[end:])])

    def read(self, text: str) -> Values | None:
        """Return the fields of the sentence that ``text`` holds, or None if it holds none."""
        for reader in self._readers:
            match = reader.search(text)
            if match is not None:
                return match.groupdict()
        return None

    def identity(self, values: Values) -> str:
        """Return a text that is the same for the same problem in other words."""
        shared = sorted(values[name] for name in self.symmetric)
        others = [
            f"{name}={text}"
            for name, text in sorted(values.items())
            if name not in self.symmetric and self.kinds.get(name) != "who"
        ]
        return ":".join([self.name, *shared, *others])


def _between(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high, endpoint=True))


def _texts(**values: Any) -> Values:
    return {name: str(value) for name, value in values.items()}


def _signed(number: int) -> str:
    return f"{'-' if number < 0 else '+'} {abs(number)}"


def _int(values: Values, name: str) -> int:
    return int(values[name].replace(" ", ""))


def _draw_arithmetic(rng: np.random.Generator, level: int) -> Values:
    a, b, c = (_between(rng, 1, 9 * 4 ** (level - 1)) for _ in range(3))
    first, second = (str(op) for op in rng.choice(["+", "-", "*"], size=2))
    return _texts(a=a, first=first, b=b, second=second, c=c)


def _solve_arithmetic(values: Values) -> Fraction:
    a, b, c = (_int(values, name) for name in "abc")
    first, second = values["first"], values["second"]
    if second == "*" and first != "*":
        return Fraction(_apply(first, a, _apply(second, b, c)))
    return Fraction(_apply(second, _apply(first, a, b), c))


def _apply(op: str, left: int, right: int) -> int:
    return {"+": left + right, "-": left - right, "*": left * right}[op]


def _draw_equation(rng: np.random.Generator, level: int) -> Values:
    while True:  # until no term is zero
        x = _between(rng, -4 * level, 4 * level)
        a, c = (_between(rng, 2, 3 + 4 * level) for _ in range(2))
        b = _between(rng, -9 * level, 9 * level)
        d = (a - c) * x + b
        if a != c and b and d:
            return _texts(a=a, b=_signed(b), c=c, d=_signed(d))


def _solve_equation(values: Values) -> Fraction:
    a, b, c, d = (_int(values, name) for name in "abcd")
    return Fraction(d - b, a - c)


def _draw_fractions(rng: np.random.Generator, level: int) -> Values:
    high = 4 + 4 * level
    p, r = (_between(rng, 1, high) for _ in range(2))
    q, s = (_between(rng, 2, high) for _ in range(2))
    return _texts(p=p, q=q, op=str(rng.choice(["+", "-", "*"])), r=r, s=s)


def _solve_fractions(values: Values) -> Fraction:
    p, q, r, s = (_int(values, name) for name in "pqrs")
    left, right = Fraction(p, q), Fraction(r, s)
    return {"+": left + right, "-": left - right, "*": left * right}[values["op"]]


def _draw_system(rng: np.random.Generator, level: int) -> Values:
    x, y = (_between(rng, -3 * level, 3 * level) for _ in range(2))
    while True:  # until the two lines cross in one point
        a, b, c, d = (_between(rng, 2, 3 + 2 * level) for _ in range(4))
        if a * d != b * c:
            return _texts(a=a, b=b, e=a * x + b * y, c=c, d=d, f=c * x + d * y)


def _solve_system(values: Values) -> Fraction:
    a, b, e, c, d, f = (_int(values, name) for name in "abecdf")
    return Fraction(e * d - b * f, a * d - b * c)


def _draw_pair(rng: np.random.Generator, level: int) -> Values:
    factor = _between(rng, 1, 6 * level)
    a, b = (factor * _between(rng, 2, 8 * level) for _ in range(2))
    return _texts(a=a, b=b)


def _draw_division(rng: np.random.Generator, level: int) -> Values:
    return _texts(a=_between(rng, 20, 10 ** (level + 1)), b=_between(rng, 3, 10 * level))


def _draw_tickets(rng: np.random.Generator, level: int) -> Values:
    adults, children = (_between(rng, 1, 8 * level) for _ in range(2))
    child = _between(rng, 2, 5 + 3 * level)
    adult = child + _between(rng, 1, 4 + 2 * level)
    return _texts(
        who=rng.choice(_NAMES),
        n=adults + children,
        adult=adult,
        child=child,
        total=adult * adults + child * children,
    )


def _solve_tickets(values: Values) -> Fraction:
    n, adult, child, total = (_int(values, name) for name in ("n", "adult", "child", "total"))
    return Fraction(total - child * n, adult - child)


def _draw_shopping(rng: np.random.Generator, level: int) -> Values:
    count, other = (_between(rng, 2, 4 + 3 * level) for _ in range(2))
    price, other_price = (_between(rng, 1, 4 + 4 * level) for _ in range(2))
    spent = count * price + other * other_price
    return _texts(
        who=rng.choice(_NAMES),
        a=count,
        p=price,
        b=other,
        q=other_price,
        paid=spent + _between(rng, 1, 20 * level),
    )


def _solve_shopping(values: Values) -> Fraction:
    a, p, b, q, paid = (_int(values, name) for name in ("a", "p", "b", "q", "paid"))
    return Fraction(paid - a * p - b * q)


def _draw_ages(rng: np.random.Generator, level: int) -> Values:
    younger, times = _between(rng, 2, 6 + 4 * level), _between(rng, 2, 1 + level)
    return _texts(
        who=rng.choice(_NAMES), times=times, years=_between(rng, 1, 5 * level), now=times * younger
    )


def _solve_ages(values: Values) -> Fraction:
    times, years, now = (_int(values, name) for name in ("times", "years", "now"))
    return Fraction(now, times) + years


FAMILIES = (
    ProblemFamily(
        "arithmetic",
        (
            "What is {a} {first} {b} {second} {c}?",
            "Compute {a} {first} {b} {second} {c}.",
            "Find the value of {a} {first} {b} {second} {c}.",
        ),
        _draw_arithmetic,
        _solve_arithmetic,
        kinds={"first": "op", "second": "op"},
    ),
    ProblemFamily(
        "linear_equation",
        (
            "Solve {a}x {b} = {c}x {d} for x.",
            "For which x is {a}x {b} = {c}x {d}?",
            "The number x satisfies {a}x {b} = {c}x {d}. What is x?",
        ),
        _draw_equation,
        _solve_equation,
        kinds={"b": "signed", "d": "signed"},
    ),
    ProblemFamily(
        "fractions",
        (
            "What is {p}/{q} {op} {r}/{s} in lowest terms?",
            "Write {p}/{q} {op} {r}/{s} as one fraction in lowest terms.",
        ),
        _draw_fractions,
        _solve_fractions,
        kinds={"op": "op"},
    ),
    ProblemFamily(
        "linear_system",
        (
            "If {a}x + {b}y = {e} and {c}x + {d}y = {f}, what is x?",
            "Two numbers satisfy {a}x + {b}y = {e} and {c}x + {d}y = {f}. Find x.",
        ),
        _draw_system,
        _solve_system,
    ),
    ProblemFamily(
        "greatest_common_divisor",
        (
            "What is the greatest common divisor of {a} and {b}?",
            "Which is the largest number that divides both {a} and {b}?",
        ),
        _draw_pair,
        lambda values: Fraction(math.gcd(_int(values, "a"), _int(values, "b"))),
        symmetric=("a", "b"),
    ),
    ProblemFamily(
        "least_common_multiple",
        (
            "What is the least common multiple of {a} and {b}?",
            "Find the smallest positive number that both {a} and {b} divide.",
        ),
        _draw_pair,
        lambda values: Fraction(math.lcm(_int(values, "a"), _int(values, "b"))),
        symmetric=("a", "b"),
    ),
    ProblemFamily(
        "remainder",
        (
            "What is the remainder when {a} is divided by {b}?",
            "Divide {a} by {b}. What remains?",
        ),
        _draw_division,
        lambda values: Fraction(_int(values, "a") % _int(values, "b")),
    ),
    ProblemFamily(
        "tickets",
        (
            "{who} sold {n} tickets. Adults pay {adult} dollars and children {child}. In all, "
            "{total} dollars were paid. How many adults' tickets were sold?",
            "At {who}'s theatre adults pay {adult} dollars and children {child}. One evening {n} "
            "people came and paid {total} dollars. How many of them were adults?",
        ),
        _draw_tickets,
        _solve_tickets,
        kinds={"who": "who"},
    ),
    ProblemFamily(
        "shopping",
        (
            "{who} buys {a} pens at {p} dollars each and {b} books at {q} dollars each, and pays "
            "with {paid} dollars. How many dollars come back?",
            "Each pen costs {p} dollars and each book {q}. {who} takes {a} pens and {b} books and "
            "had {paid} dollars before. How many dollars are left?",
        ),
        _draw_shopping,
        _solve_shopping,
        kinds={"who": "who"},
    ),
    ProblemFamily(
        "ages",
        (
            "{who} is {now} years old, {times} times as old as a cousin. How old will the cousin "
            "be in {years} years?",
            "{who}'s age is {times} times the age of a neighbour. {who} is {now}. What will be the "
            "neighbour's age {years} years from now?",
        ),
        _draw_ages,
        _solve_ages,
        kinds={"who": "who"},
    ),
)
FAMILY_BY_NAME = {family.name: family for family in FAMILIES}


def solve_text(text: str) -> str | None:
    """Return the answer of the problem that ``text`` holds in a family's words, or None.

    >>> solve_text("Question: What is 2 + 3 * 4? Please answer.")
    '14'
    """
    for family in FAMILIES:
        values = family.read(text)
        if values is not None:
            return str(family.solve(values))
    return None
