"""Problems about binary numbers."""

from llmenvs.data.code_test.problem import problem


@problem(
    level=1,
    held_out=True,
    draw=lambda dice, n: (dice.number(1, 4 ** (1 + n // 2)),),
    edges=((1,), (9,), (32,), (1041,), (15,)),
    bugs=(
        ("place - last - 1", "place - last"),
        ("last = place", "pass"),
        ("max(widest,", "max(0,"),
    ),
)
def widest_gap(number: int) -> int:
    """Find the widest gap in a binary number.

    A gap is a run of zeros with a one on both sides, in the binary digits of the positive `number`.
    Return the length of the longest, or 0 if there is none.
    """
    widest, last, place = 0, -1, 0
    while number:
        if number & 1:
            if last >= 0:
                widest = max(widest, place - last - 1)
            last = place
        number >>= 1
        place += 1
    return widest


@problem(
    level=2,
    variants={"width": (4, 6, 8)},
    draw=lambda dice, n: (dice.ints(1 + n, 0, 15),),
    bugs=(
        ("range(width)", "range(value.bit_length())"),
        ("result << 1 | value & 1", "result >> 1 | value & 1"),
        ("reversed_values.append(result)", "reversed_values.insert(0, result)"),
    ),
)
def reverse_bits(values: list[int], *, width: int) -> list[int]:
    """Reverse the bits of numbers.

    Each of `values` is less than 2 to the power of 4. Write each with $width binary digits, reverse
    the order of the digits, and return the numbers that are written then.
    """
    reversed_values = []
    for value in values:
        result = 0
        for _ in range(width):
            result = result << 1 | value & 1
            value >>= 1
        reversed_values.append(result)
    return reversed_values


@problem(
    level=2,
    draw=lambda dice, n: (dice.ints(n, 0, 4 + 4 * n),),
    edges=(([],), ([7],), ([1, 2, 4],), ([3, 3],), ([32768, 0],), ([65535, 1, 40000],)),
    bugs=(
        ("ones * (len(numbers) - ones)", "ones"),
        ("for place in range(16)", "for place in range(1, 16)"),
        ("(len(numbers) - ones)", "len(numbers)"),
    ),
)
def total_bit_distance(numbers: list[int]) -> int:
    """Add up the distances between all pairs of numbers.

    The distance between two numbers is the number of places at which their binary digits differ.
    Return the sum of the distances over all pairs of `numbers`, each pair once. All numbers are
    from 0 to 65535.
    """
    total = 0
    for place in range(16):
        ones = sum(number >> place & 1 for number in numbers)
        total += ones * (len(numbers) - ones)
    return total


@problem(
    level=3,
    draw=lambda dice, n: (dice.ints(n + 2, 0, 2 ** (3 + n // 2)),),
    edges=(([0, 0],), ([8, 7, 1],), ([12, 10, 9],), ([32768, 1],)),
    bugs=(
        ("wanted ^ prefix in prefixes", "wanted in prefixes"),
        ("range(15, -1, -1)", "range(15, 0, -1)"),
        ("best << 1 | 1", "best << 1"),
    ),
)
def greatest_xor(numbers: list[int]) -> int:
    """Find the greatest exclusive or of two numbers.

    Return the greatest value of a ^ b for two items a and b of `numbers`, which are from 0 to
    65535. There are at least two; the list may hold thousands.
    """
    best = 0
    for place in range(15, -1, -1):
        prefixes = {number >> place for number in numbers}
        wanted = best << 1 | 1
        if any(wanted ^ prefix in prefixes for prefix in prefixes):
            best = wanted
        else:
            best <<= 1
    return best


@problem(
    level=2,
    held_out=True,
    draw=lambda dice, n: (dice.number(1, 2 + n % 4), dice.number(0, n)),
    edges=((1, 0), (2, 3), (3, 5)),
    bugs=(
        ("value ^ value >> 1", "value ^ value << 1"),
        ("(start + offset) % size", "start + offset"),
        ("range(size)", "range(size - 1)"),
    ),
)
def gray_code(width: int, start: int) -> list[str]:
    """List a Gray code.

    The Gray code of a number v is v ^ (v >> 1). Return the Gray codes of the 2^width numbers from 0
    to 2^width - 1, each written with `width` binary digits. Begin with the number `start` modulo
    2^width, and go on with 0 after the last one.
    """
    size = 2**width
    codes = []
    for offset in range(size):
        value = (start + offset) % size
        codes.append(format(value ^ value >> 1, f"0{width}b"))
    return codes


@problem(
    level=1,
    variants={"digit": ("0", "1")},
    draw=lambda dice, n: (dice.ints(n + 1, 0, 3 + 3 * n),),
    edges=(([0, 1, 2],), ([8, 7, 6],)),
    bugs=(
        ('format(value, "b").count(digit)', 'format(value, "b").count(digit) % 2'),
        ("(ones, value)", "value"),
        ("(ones, value)", "(-ones, value)"),
    ),
)
def sort_by_bits(numbers: list[int], *, digit: str) -> list[int]:
    """Sort numbers by their bits.

    Return `numbers`, none of which is negative, in ascending order of how often the digit $digit
    comes in their binary notation without leading zeros (that of 0 is "0"). Numbers that have it
    equally often are in ascending order of value.
    """
    keyed = []
    for value in numbers:
        ones = format(value, "b").count(digit)
        keyed.append((ones, value))
    return [pair[-1] for pair in sorted(keyed)]


@problem(
    level=3,
    held_out=True,
    draw=lambda dice, n: (dice.distinct(1 + n % 6, 1, 14), dice.number(0, 18)),
    edges=(([1, 2, 3], 3), ([5], 0), ([4], 5), ([5, 9], 5), ([5, 9], 9), ([1, 2, 4], 7)),
    bugs=(
        ("range(1, 2 ** len(numbers))", "range(2 ** len(numbers))"),
        ("total ^= number", "total |= number"),
        ("if total == goal", "if total >= goal"),
    ),
)
def count_xor_subsets(numbers: list[int], goal: int) -> int:
    """Count the subsets with a given exclusive or.

    Return how many non-empty subsets of the different `numbers`, at most 12 of them, have `goal` as
    the exclusive or of all their members.
    """
    count = 0
    for chosen in range(1, 2 ** len(numbers)):
        total = 0
        for place, number in enumerate(numbers):
            if chosen >> place & 1:
                total ^= number
        if total == goal:
            count += 1
    return count
