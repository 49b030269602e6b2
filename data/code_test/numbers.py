"""Problems of number theory."""

from llmenvs.data.code_test.problem import problem


@problem(
    level=1,
    variants={"base": (2, 3, 8, 10)},
    draw=lambda dice, n: (dice.number(0, 4 ** (n + 1)),),
    bugs=(("total += number % base", "total += 1"), ("number //= base", "number //= base + 1")),
)
def digit_sum(number: int, *, base: int) -> int:
    """Add the digits of a number.

    Return the sum of the digits of `number`, which is at least 0, written in base $base.
    """
    total = 0
    while number:
        total += number % base
        number //= base
    return total


@problem(
    level=1,
    variants={"factor": (3, 5)},
    draw=lambda dice, n: (dice.number(1, 8 + 6 * n) * 2 ** dice.number(0, 3),),
    edges=((1,), (2,), (8,), (7,), (2**1000,), (2**1001,)),
    bugs=(
        ("while number != 1", "while number > 2"),
        ("number // 2 if", "number // 3 if"),
        ("1000", "10"),
    ),
)
def hailstone_steps(number: int, *, factor: int) -> int:
    """Follow a sequence until it comes to 1.

    From `number`, at least 1, go on like this: an even number is halved, and an odd one is
    multiplied by $factor and 1 added. Return after how many steps the sequence reaches 1, or -1 if
    it has not done so after 1000 steps.
    """
    steps = 0
    while number != 1:
        if steps == 1000:
            return -1
        number = number // 2 if number % 2 == 0 else factor * number + 1
        steps += 1
    return steps


@problem(
    level=2,
    draw=lambda dice, n: (dice.number(2, 20 + 40 * n),),
    edges=((2,), (4,), (9,), (6,), (49,)),
    bugs=(
        ("divisor * divisor <= number", "divisor * divisor < number"),
        ("if number > 1", "if number > 3"),
        ("while number % divisor == 0", "if number % divisor == 0"),
    ),
)
def prime_powers(number: int) -> list[list[int]]:
    """Factor a number.

    Return the prime factors of `number`, which is at least 2, in ascending order, each as a list
    [prime, exponent]. So 12 gives [[2, 2], [3, 1]].
    """
    factors = []
    divisor = 2
    while divisor * divisor <= number:
        exponent = 0
        while number % divisor == 0:
            number //= divisor
            exponent += 1
        if exponent:
            factors.append([divisor, exponent])
        divisor += 1
    if number > 1:
        factors.append([number, 1])
    return factors


@problem(
    level=2,
    variants={"base": (-2, -3)},
    draw=lambda dice, n: (dice.number(-3 - n * n, 3 + n * n),),
    edges=((0,), (-1,), (2,)),
    bugs=(
        ("if digit < 0:", "if digit > 0:"),
        ('or "0"', 'or ""'),
        ("reversed(digits)", "digits"),
    ),
)
def negative_base(number: int, *, base: int) -> str:
    """Write a number in a negative base.

    Return the digits of `number` in base $base: the text d_k…d_1 d_0 without leading zeros for
    which number = d_0 + d_1 * ($base) + d_2 * ($base)^2 + …, where each digit is at least 0 and
    less than the absolute value of the base. Zero is "0". Every integer has exactly one such form.
    """
    digits = []
    while number:
        number, digit = divmod(number, base)
        if digit < 0:
            number, digit = number + 1, digit - base
        digits.append(str(digit))
    return "".join(reversed(digits)) or "0"


@problem(
    level=2,
    draw=lambda dice, n: (dice.ints(n % 4 + 2, 1, 12 + 6 * n),),
    edges=(([3, 5],), ([7],), ([9, 15, 21],)),
    bugs=(
        ("math.gcd(*numbers)", "min(numbers)"),
        ("// math.gcd(multiple, value)", ""),
        ("[divisor, multiple]", "[divisor, max(numbers)]"),
    ),
)
def common_divisor_and_multiple(numbers: list[int]) -> list[int]:
    """Find the greatest common divisor and the least common multiple.

    Return both for all of the positive `numbers`, as a list of two, the divisor first.
    """
    import math

    divisor = math.gcd(*numbers)
    multiple = 1
    for value in numbers:
        multiple = multiple * value // math.gcd(multiple, value)
    return [divisor, multiple]


@problem(
    level=3,
    draw=lambda dice, n: (top := dice.number(1, 4 + n), dice.number(top + 1, top + 6 + 3 * n)),
    bugs=(
        ("-(-bottom // top)", "bottom // top + 1"),
        ("top * step - bottom", "top * step - 1"),
        ("while top > 0", "while top > 1"),
    ),
)
def unit_fractions(top: int, bottom: int) -> list[int]:
    """Write a fraction as a sum of unit fractions.

    With 0 < top < bottom, take the greatest unit fraction 1/d that is not greater than top/bottom,
    subtract it, and go on with the rest until nothing is left. Return the denominators d in the
    order in which they are taken.
    """
    denominators = []
    while top > 0:
        step = -(-bottom // top)
        denominators.append(step)
        top, bottom = top * step - bottom, bottom * step
    return denominators


@problem(
    level=3,
    held_out=True,
    draw=lambda dice, n: (dice.number(1, 9 + 20 * n),),
    edges=((1,), (2,), (4,), (6,), (9,)),
    bugs=(
        ("result -= result // divisor", "result -= 1"),
        ("if rest > 1", "if rest > 7"),
        ("while rest % divisor == 0", "if rest % divisor == 0"),
    ),
)
def count_coprime(number: int) -> int:
    """Count the numbers without a common divisor.

    Return how many of the numbers from 1 to `number` have no divisor in common with it but 1. For
    the number 1 that is 1.
    """
    result, rest, divisor = number, number, 2
    while divisor * divisor <= rest:
        if rest % divisor == 0:
            result -= result // divisor
            while rest % divisor == 0:
                rest //= divisor
        divisor += 1
    if rest > 1:
        result -= result // rest
    return result


@problem(
    level=3,
    draw=lambda dice, n: (dice.number(2, 9), dice.number(2, 6 + 5 * n)),
    bugs=(
        ("len(seen) - seen[value]", "len(seen)"),
        ("value = 1 % modulus", "value = base % modulus"),
        ("[seen[value], ", "[len(seen), "),
    ),
)
def power_cycle(base: int, modulus: int) -> list[int]:
    """Find where the powers of a number begin to repeat.

    Look at the remainders of 1, base, base^2, base^3, … on division by `modulus`, at least 2. From
    some exponent on they repeat. Return a list of the first exponent whose remainder comes again
    later, and the length of the shortest part that repeats.
    """
    seen: dict[int, int] = {}
    value = 1 % modulus
    while value not in seen:
        seen[value] = len(seen)
        value = value * base % modulus
    return [seen[value], len(seen) - seen[value]]


@problem(
    level=4,
    draw=lambda dice, n: (
        [[dice.number(0, m - 1), m] for m in dice.shuffled((2, 3, 4, 5, 6, 8, 9))[: 2 + n % 3]],
    ),
    edges=(
        ([[1, 4], [3, 6], [0, 5]],),
        ([[1, 2], [2, 4]],),
        ([[0, 2], [2, 3]],),
        ([[1, 2], [2, 3]],),
        ([[0, 2], [0, 3]],),
    ),
    bugs=(
        ("range(modulus // common)", "range(modulus // 2)"),
        ("step * modulus // common", "step + modulus"),
        ("return None", "return 0"),
    ),
)
def meet_remainders(conditions: list[list[int]]) -> int | None:
    """Find a number with given remainders.

    Each condition is a list [remainder, modulus] with 0 <= remainder < modulus. Return the smallest
    number that is at least 0 and leaves each remainder on division by its modulus, or None if there
    is no such number. The moduli may have divisors in common.
    """
    import math

    value, step = 0, 1
    for remainder, modulus in conditions:
        common = math.gcd(step, modulus)
        for _ in range(modulus // common):
            if value % modulus == remainder:
                break
            value += step
        if value % modulus != remainder:
            return None
        step = step * modulus // common
    return value
