"""Problems for dynamic programming."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


@problem(
    level=2,
    variants={"strides": ((1, 2), (1, 3), (1, 2, 3), (2, 3))},
    draw=lambda dice, n: (dice.number(0, 3 + 2 * n),),
    edges=((0,), (1,), (2,)),
    bugs=(
        ("ways = [1]", "ways = [0]"),
        ("if stride <= height", "if stride < height"),
        ("range(1, stairs + 1)", "range(2, stairs + 1)"),
    ),
)
def climb(stairs: int, *, strides: tuple[int, ...]) -> int:
    """Count the ways up a staircase.

    A staircase has `stairs` steps, at least 0. One stride takes a number of steps out of $strides.
    Return in how many ways strides can follow each other that lead exactly to the top. For 0 steps
    there is one way, to stand still.
    """
    ways = [1]
    for height in range(1, stairs + 1):
        ways.append(sum(ways[height - stride] for stride in strides if stride <= height))
    return ways[stairs]


@problem(
    level=3,
    draw=lambda dice, n: (sorted(dice.distinct(2 + n % 3, 2, 9)), dice.number(0, 10 + 4 * n)),
    edges=(([3, 4], 6), ([4, 5], 8), ([5], 3), ([1], 3), ([1, 5], 4)),
    bugs=(
        ("min(best, fewest[rest] + 1)", "fewest[rest] + 1"),
        ("if coin <= value", "if coin < value"),
        ("fewest[amount] < unreachable", "fewest[amount] <= unreachable"),
    ),
)
def fewest_coins(coins: list[int], amount: int) -> int:
    """Pay with as few coins as possible.

    There are as many coins as one likes of each of the values in `coins`. Return the smallest
    number of coins that add up to `amount`, or -1 if none do.
    """
    unreachable = amount + 1
    fewest = [0]
    for value in range(1, amount + 1):
        best = unreachable
        for coin in coins:
            if coin <= value:
                rest = value - coin
                best = min(best, fewest[rest] + 1)
        fewest.append(best)
    return fewest[amount] if fewest[amount] < unreachable else -1


@problem(
    level=3,
    variants={"order": ("increasing", "decreasing")},
    draw=lambda dice, n: (dice.ints(n + 1, 0, 9 + n),),
    bugs=(
        ("after > before", "after >= before"),
        ("max(lengths)", "lengths[-1]"),
        ('order == "increasing"', 'order != "increasing"'),
    ),
)
def longest_ordered_part(numbers: list[int], *, order: str) -> int:
    """Find the longest $order part of a list.

    Return the greatest number of items that can be kept, in their places, so that what is kept is
    strictly $order. The list is not empty, and the kept items need not stand side by side.
    """
    signed = numbers if order == "increasing" else [-value for value in numbers]
    lengths: list[int] = []
    for index, after in enumerate(signed):
        longest = 0
        for place, before in enumerate(signed[:index]):
            if after > before:
                longest = max(longest, lengths[place])
        lengths.append(longest + 1)
    return max(lengths)


@problem(
    level=4,
    variants={"swap_cost": (1, 2, 3)},
    draw=lambda dice, n: (dice.word(n, "abc"), dice.word(dice.number(0, n + 1), "abc")),
    edges=(("ab", "ba"), ("abc", "abd"), ("a", "b")),
    bugs=(
        ("(0 if one == other else swap_cost)", "swap_cost"),
        ("row = [above[0] + 1]", "row = [0]"),
        ("above[j + 1] + 1, row[j] + 1", "above[j + 1] + 1, above[j] + 1"),
    ),
)
def edit_cost(first: str, second: str, *, swap_cost: int) -> int:
    """Find the cheapest way to change one text into another.

    Inserting a character costs 1, deleting one costs 1, and replacing one by another costs
    $swap_cost. Return the smallest total cost of making `second` out of `first`.
    """
    above = list(range(len(second) + 1))
    for one in first:
        row = [above[0] + 1]
        for j, other in enumerate(second):
            kept = above[j] + (0 if one == other else swap_cost)
            row.append(min(kept, above[j + 1] + 1, row[j] + 1))
        above = row
    return above[-1]


def _draw_items(dice: Dice, n: int) -> tuple[list[list[int]], int]:
    items = [[dice.number(1, 9), dice.number(1, 20)] for _ in range(n)]
    return items, dice.number(0, 5 + 2 * n)


@problem(
    level=3,
    draw=_draw_items,
    edges=(([[2, 3]], 6), ([[3, 4], [2, 3], [2, 3]], 4), ([[5, 9]], 5)),
    bugs=(
        ("range(limit, weight - 1, -1)", "range(weight, limit + 1)"),
        ("weight - 1, -1", "weight, -1"),
        ("best[room - weight] + value", "best[room] + value"),
    ),
)
def pack_bag(items: list[list[int]], limit: int) -> int:
    """Pack a bag as valuable as possible.

    Each item is a list [weight, value] and can be taken once or not at all. Return the greatest sum
    of values of items whose weights add up to at most `limit`.
    """
    best = [0] * (limit + 1)
    for weight, value in items:
        for room in range(limit, weight - 1, -1):
            best[room] = max(best[room], best[room - weight] + value)
    return best[limit]


@problem(
    level=3,
    draw=lambda dice, n: (
        [dice.word(1 + n % 5, "......#") for _ in range(1 + (n + dice.number(0, 2)) % 5)],
    ),
    edges=((["."],), (["#"],), (["..", ".."],), ([".#", "#."],)),
    bugs=(
        ("ways[column] += ways[column - 1]", "ways[column] += 1"),
        ("ways[column] = 0", "pass"),
        ("elif column > 0", "elif column > 1"),
    ),
)
def grid_routes(grid: list[str]) -> int:
    """Count the routes through a grid.

    The rows of `grid` are equally long texts of "." for free cells and "#" for walls. Return the
    number of routes from the top left cell to the bottom right one that go only right and down,
    over free cells. If the first or the last cell is a wall, there is none.
    """
    ways = [1] + [0] * (len(grid[0]) - 1)
    for row in grid:
        for column, cell in enumerate(row):
            if cell == "#":
                ways[column] = 0
            elif column > 0:
                ways[column] += ways[column - 1]
    return ways[-1]


@problem(
    level=4,
    held_out=True,
    draw=lambda dice, n: (dice.ints(n + 1, 1, 12 + n),),
    edges=(([7],), ([1, 3],), ([3, 3],), ([5, 5, 4, 6],), ([8, 7, 6, 5, 4],)),
    bugs=(
        ("sums | {total + value for total in sums}", "{total + value for total in sums}"),
        ("abs(whole - 2 * total)", "abs(whole - total)"),
        ("sums = {0}", "sums = {0, numbers[0]}"),
    ),
)
def fairest_split(numbers: list[int]) -> int:
    """Split numbers into two parts as evenly as possible.

    Every one of the positive `numbers` goes into one of two parts, of which one may stay empty.
    Return the smallest possible difference between the sums of the parts.
    """
    sums = {0}
    for value in numbers:
        sums = sums | {total + value for total in sums}
    whole = sum(numbers)
    return min(abs(whole - 2 * total) for total in sums)


@problem(
    level=4,
    draw=lambda dice, n: (dice.word(n + 1, "abc" if n % 2 else "ab"),),
    edges=(("a",), ("ab",), ("aba",), ("abba",), ("aab",)),
    bugs=(
        ("piece == piece[::-1]", "piece[0] == piece[-1]"),
        ("fewest[start] + 1", "fewest[start]"),
        ("return fewest[-1] - 1", "return fewest[-1]"),
    ),
)
def palindrome_cuts(text: str) -> int:
    """Cut a text into palindromes.

    A palindrome reads the same from both ends. Return the smallest number of cuts that divide
    `text`, which is not empty, into palindromes. If the text is one itself, that is 0.
    """
    fewest = [0]
    for end in range(1, len(text) + 1):
        best = end
        for start in range(end):
            piece = text[start:end]
            if piece == piece[::-1]:
                best = min(best, fewest[start] + 1)
        fewest.append(best)
    return fewest[-1] - 1


@problem(
    level=3,
    variants={"gap": (2, 3)},
    draw=lambda dice, n: (dice.ints(n, 0, 20),),
    edges=(([9],), ([1, 9],), ([5, 1, 1, 5],), ([4, 9, 4, 4, 9, 4],)),
    bugs=(
        ("best[max(index - gap, 0)]", "best[max(index - 1, 0)]"),
        ("best[max(index - gap, 0)]", "0"),
        ("best.append(max(best[-1], taken))", "best.append(taken)"),
    ),
)
def spaced_harvest(values: list[int], *, gap: int) -> int:
    """Choose items that are not too close to each other.

    Between any two chosen items of `values` at least $gap items must be left out. Return the
    greatest possible sum of the chosen ones; nothing need be chosen. No value is negative.
    """
    best = [0]
    for index, value in enumerate(values):
        taken = value + best[max(index - gap, 0)]
        best.append(max(best[-1], taken))
    return best[-1]


@problem(
    level=3,
    held_out=True,
    draw=lambda dice, n: (dice.word(n + 1, "0112236"),),
    edges=(("0",), ("10",), ("27",), ("26",), ("106",), ("30",), ("11",)),
    bugs=(
        ('"10" <= pair <= "26"', '"01" <= pair <= "26"'),
        ('"10" <= pair <= "26"', '"10" <= pair <= "25"'),
        ('if digits[end - 1] != "0"', "if True"),
    ),
)
def count_readings(digits: str) -> int:
    """Count the readings of a coded message.

    Letters were coded as numbers, A as 1 to Z as 26, without leading zeros, and the numbers written
    one after the other without a gap. Return how many messages give the text `digits`, which is not
    empty. It may be that none does.
    """
    ways = [1]
    for end in range(1, len(digits) + 1):
        count = 0
        if digits[end - 1] != "0":
            count += ways[end - 1]
        pair = digits[max(end - 2, 0) : end]
        if len(pair) == 2 and "10" <= pair <= "26":
            count += ways[end - 2]
        ways.append(count)
    return ways[-1]
