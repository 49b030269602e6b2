"""Problems about lists of numbers."""

from llmenvs.data.code_test.problem import problem


@problem(
    level=1,
    variants={"rank": (2, 3)},
    draw=lambda dice, n: (dice.ints(n + 2, -6, 9),),
    edges=(([4],), ([4, 4],), ([1, 2],), ([1, 1, 2, 3],)),
    bugs=(
        ("sorted(set(numbers), reverse=True)", "sorted(numbers, reverse=True)"),
        ("reverse=True", "reverse=False"),
        ("rank - 1", "rank % len(ordered)"),
    ),
)
def ranked_value(numbers: list[int], *, rank: int) -> int | None:
    """Find a value by its rank.

    Return the number with the rank $rank among the different values of `numbers`, the greatest of
    which has rank 1. Return None if there are fewer different values.
    """
    ordered = sorted(set(numbers), reverse=True)
    return ordered[rank - 1] if len(ordered) >= rank else None


@problem(
    level=1,
    variants={"direction": ("left", "right")},
    draw=lambda dice, n: (dice.ints(n, 0, 99), dice.number(0, 2 * n + 3)),
    bugs=(
        ("steps % len(numbers)", "steps"),
        ('direction == "left"', 'direction != "left"'),
        ("if not numbers:", "if len(numbers) < 3:"),
    ),
)
def rotate(numbers: list[int], steps: int, *, direction: str) -> list[int]:
    """Rotate a list.

    Return `numbers` after moving every item `steps` places to the $direction. What leaves the list
    at one end comes back at the other. `steps` is at least 0 and may exceed the list's length.
    """
    if not numbers:
        return []
    cut = steps % len(numbers)
    if direction == "left":
        return numbers[cut:] + numbers[:cut]
    return numbers[len(numbers) - cut :] + numbers[: len(numbers) - cut]


@problem(
    level=2,
    variants={"width": (2, 3, 4)},
    draw=lambda dice, n: (dice.ints(n + 3, -9, 9),),
    bugs=(
        ("len(numbers) - width + 1", "len(numbers) - width"),
        ("start + width", "start + width - 1"),
        ("largest - smallest", "largest"),
    ),
)
def window_spreads(numbers: list[int], *, width: int) -> list[int]:
    """Measure how far the numbers of each window lie apart.

    For each $width consecutive items of `numbers`, from left to right, return the difference
    between the greatest and the smallest of them. The list is empty if there are fewer than $width
    items.
    """
    spreads = []
    for start in range(len(numbers) - width + 1):
        window = numbers[start : start + width]
        largest, smallest = max(window), min(window)
        spreads.append(largest - smallest)
    return spreads


@problem(
    level=2,
    draw=lambda dice, n: (dice.ints(n + 1, 1, 30),),
    bugs=(
        ("max(worst, peak - value)", "max(worst, numbers[0] - value)"),
        ("peak = max(peak, value)", "peak = value"),
        ("prices[0], 0", "prices[0], 1"),
    ),
)
def deepest_fall(prices: list[int]) -> int:
    """Find the largest loss.

    `prices` are the prices of a share on consecutive days. Return the greatest amount that one can
    lose by buying one share on some day and selling it on the same or a later day, or 0 if no loss
    is possible. The list is not empty.
    """
    peak, worst = prices[0], 0
    for value in prices:
        peak = max(peak, value)
        worst = max(worst, peak - value)
    return worst


@problem(
    level=2,
    draw=lambda dice, n: (
        sorted(dice.ints(n, -9, 9)),
        sorted(dice.ints(dice.number(0, n), -9, 9)),
    ),
    bugs=(
        ("if merged[-1:] != [value]:", "if True:"),
        ("first[i] <= second[j]", "first[i] > second[j]"),
        ("first[i:] + second[j:]", "first[i:]"),
    ),
)
def merge_unique(first: list[int], second: list[int]) -> list[int]:
    """Merge two sorted lists.

    Both lists are in ascending order and may hold a value several times. Return all values of the
    two in ascending order, each of them once.
    """
    merged: list[int] = []
    i = j = 0
    ordered = []
    while i < len(first) and j < len(second):
        if first[i] <= second[j]:
            ordered.append(first[i])
            i += 1
        else:
            ordered.append(second[j])
            j += 1
    for value in ordered + first[i:] + second[j:]:
        if merged[-1:] != [value]:
            merged.append(value)
    return merged


@problem(
    level=3,
    held_out=True,
    draw=lambda dice, n: (dice.ints(n + 1, 1, 12),),
    bugs=(
        ("numbers[waiting[-1]] < value", "numbers[waiting[-1]] <= value"),
        ("distances[place] = index - place", "distances[place] = value"),
        ("[0] * len(numbers)", "[1] * len(numbers)"),
    ),
)
def wait_for_greater(numbers: list[int]) -> list[int]:
    """Find how far away the next greater number is.

    For each item of `numbers`, return how many places further on the first item stands that is
    strictly greater, or 0 if there is none.
    """
    distances = [0] * len(numbers)
    waiting: list[int] = []
    for index, value in enumerate(numbers):
        while waiting and numbers[waiting[-1]] < value:
            place = waiting.pop()
            distances[place] = index - place
        waiting.append(index)
    return distances


@problem(
    level=3,
    draw=lambda dice, n: (dice.ints(n + 1, 1, 9), dice.number(1, 4 + 3 * n)),
    edges=(([5], 5), ([2, 3], 5), ([1], 9)),
    bugs=(
        ("while total >= goal", "if total >= goal"),
        ("total >= goal", "total > goal"),
        ("if shortest is None", "if shortest is None or True"),
    ),
)
def shortest_enough(numbers: list[int], goal: int) -> int:
    """Find the shortest stretch with a large enough sum.

    `numbers` are positive. Return the length of the shortest run of consecutive items whose sum is
    at least `goal`, or 0 if there is none.
    """
    shortest: int | None = None
    start = total = 0
    for end, value in enumerate(numbers):
        total += value
        while total >= goal:
            length = end - start + 1
            shortest = length if shortest is None else min(shortest, length)
            total -= numbers[start]
            start += 1
    return shortest or 0


@problem(
    level=4,
    draw=lambda dice, n: (dice.ints(n + 2, 0, 12),),
    bugs=(
        ("left[i] <= right[j]", "left[i] < right[j]"),
        ("count += len(left) - i", "count += 1"),
        ("count += len(left) - i", "count += i"),
    ),
)
def count_inversions(numbers: list[int]) -> int:
    """Count the pairs that stand in the wrong order.

    Return the number of pairs of places i < j with numbers[i] > numbers[j]. The list may hold
    thousands of items.
    """

    def sort(items: list[int]) -> tuple[list[int], int]:
        if len(items) < 2:
            return items, 0
        middle = len(items) // 2
        left, before = sort(items[:middle])
        right, after = sort(items[middle:])
        merged = []
        i = j = 0
        count = before + after
        while i < len(left) and j < len(right):
            if left[i] <= right[j]:
                merged.append(left[i])
                i += 1
            else:
                merged.append(right[j])
                count += len(left) - i
                j += 1
        return merged + left[i:] + right[j:], count

    return sort(numbers)[1]


@problem(
    level=1,
    variants={"size": (2, 3, 4)},
    draw=lambda dice, n: (dice.ints(n, 0, 50),),
    bugs=(
        ("range(0, len(numbers), size)", "range(0, len(numbers) - size + 1, size)"),
        ("start + size]", "start + size - 1]"),
    ),
)
def chunks(numbers: list[int], *, size: int) -> list[list[int]]:
    """Cut a list into pieces.

    Return `numbers` as a list of lists of $size items each, in their order. The last of them has
    fewer items where the numbers do not suffice.
    """
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]
