"""Problems for searching and for greedy choices."""

from llmenvs.data.code_test.problem import problem


@problem(
    level=1,
    variants={"kind": ("peaks", "valleys")},
    draw=lambda dice, n: (dice.ints(n, 0, 6),),
    edges=(([1, 3, 2],), ([3, 1, 2],), ([1, 1, 1],), ([2, 1],)),
    bugs=(
        ("before < value > after", "before <= value >= after"),
        ("numbers[1:], numbers[2:]", "numbers[1:], numbers[1:]"),
        ('kind == "valleys"', 'kind == "peaks"'),
    ),
)
def count_extremes(numbers: list[int], *, kind: str) -> int:
    """Count the $kind of a list.

    A peak is an item of `numbers` that is strictly greater than both of its neighbours, and a
    valley one that is strictly less than both. The first and the last item are neither. Return the
    number of $kind.
    """
    if kind == "valleys":
        numbers = [-value for value in numbers]
    triples = zip(numbers, numbers[1:], numbers[2:], strict=False)
    return sum(1 for before, value, after in triples if before < value > after)


@problem(
    level=2,
    draw=lambda dice, n: (dice.ints(n, 1, 9), dice.ints(n + 1, 1, 9)),
    edges=(([1, 2], [1, 1]), ([2, 3], [3, 2]), ([5], [4]), ([], [3])),
    bugs=(
        ("size >= wishes[served]", "size > wishes[served]"),
        ("sorted(portions)", "portions"),
        ("wishes = sorted(wishes)", "wishes = sorted(wishes, reverse=True)"),
    ),
)
def feed_guests(wishes: list[int], portions: list[int]) -> int:
    """Feed as many guests as possible.

    A guest is content with one portion that is at least as large as the guest's wish, and each
    portion goes to one guest. Return the greatest number of guests that can be content.
    """
    wishes = sorted(wishes)
    served = 0
    for size in sorted(portions):
        if served < len(wishes) and size >= wishes[served]:
            served += 1
    return served


@problem(
    level=3,
    draw=lambda dice, n: (dice.ints(n + 2, -9, 12), dice.number(-12, 16)),
    edges=(([3, 3], 6), ([1, 2, 4], 5), ([-4, 8, 1], 0)),
    bugs=(
        ("abs(total - goal)", "total - goal"),
        ("low + 1", "low"),
        ("(abs(total - goal), total)", "(abs(total - goal), -total)"),
    ),
)
def closest_pair_sum(numbers: list[int], goal: int) -> int:
    """Find two numbers whose sum is closest to a goal.

    Return the sum of two items of `numbers`, at different places, that is closest to `goal`. Of two
    sums that are equally close, return the smaller one. There are at least two items.
    """
    best: tuple[int, int] | None = None
    for low in range(len(numbers)):
        for high in range(low + 1, len(numbers)):
            total = numbers[low] + numbers[high]
            candidate = (abs(total - goal), total)
            best = candidate if best is None else min(best, candidate)
    return best[1] if best is not None else goal


@problem(
    level=3,
    held_out=True,
    draw=lambda dice, n: (
        (gains := dice.ints(n + 1, 1, 9)) and [max(gain + dice.number(-4, 4), 1) for gain in gains],
        gains,
    ),
    edges=(([1, 2, 3], [3, 2, 1]), ([5], [5]), ([2, 2], [1, 1]), ([4, 1], [1, 4])),
    bugs=(
        ("if tank < 0", "if tank <= 0"),
        ("start = index + 1", "start = index"),
        ("sum(costs) > sum(gains)", "False"),
    ),
)
def round_trip_start(costs: list[int], gains: list[int]) -> int:
    """Find where to start a round trip.

    Stations lie on a circle. At station i one takes in gains[i] litres, and the way to the next
    station needs costs[i]; after the last station comes station 0. Starting with an empty tank, one
    must never run out on the way. Return the smallest station at which a whole round can start, or
    -1 if there is none. Both lists are equally long and not empty.
    """
    if sum(costs) > sum(gains):
        return -1
    start = tank = 0
    for index, cost in enumerate(costs):
        tank += gains[index] - cost
        if tank < 0:
            start = index + 1
            tank = 0
    return start


@problem(
    level=4,
    draw=lambda dice, n: (dice.ints(n + 2, 1, 12), dice.number(1, 2 + n // 3)),
    edges=(([7, 2, 5, 10, 8], 2), ([1, 2, 3], 9), ([5, 5], 1)),
    bugs=(
        ("low, high = max(loads), sum(loads)", "low, high = min(loads), sum(loads)"),
        ("total + load > middle", "total + load >= middle"),
        ("days + 1 > limit", "days > limit"),
    ),
)
def smallest_truck(loads: list[int], limit: int) -> int:
    """Find the smallest truck that is large enough.

    The `loads` are carried in their order, on each day a truckload of consecutive ones. Return the
    smallest capacity of a truck that carries all of them in at most `limit` days. The weights are
    positive, there is at least one, and a load cannot be divided.
    """
    low, high = max(loads), sum(loads)
    while low < high:
        middle = (low + high) // 2
        days = total = 0
        for load in loads:
            if total + load > middle:
                days += 1
                total = 0
            total += load
        if days + 1 > limit:
            low = middle + 1
        else:
            high = middle
    return low


@problem(
    level=2,
    held_out=True,
    variants={"power": (2, 3)},
    draw=lambda dice, n: (dice.number(0, 10 ** (1 + n // 2)),),
    edges=((0,), (1,), (8,), (9,), (63,), (64,), (10**18,)),
    bugs=(
        ("middle**power <= number", "middle**power < number"),
        ("high = middle - 1", "high = middle - 2"),
        ("return low", "return low + 1"),
    ),
)
def whole_root(number: int, *, power: int) -> int:
    """Find a root in whole numbers.

    Return the greatest whole number whose power of $power is not greater than `number`, which is
    from 0 to 10^18.
    """
    low, high = 0, max(number, 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**power <= number:
            low = middle
        else:
            high = middle - 1
    return low
