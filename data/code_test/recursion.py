"""Problems about nested data and trying out possibilities."""

from typing import Any

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


def _draw_nested(dice: Dice, n: int) -> list[Any]:
    items: list[Any] = []
    while n > 0:
        inner = dice.number(1, max(n // 2, 1))
        items.append(_draw_nested(dice, inner - 1) if dice.chance(0.5) else dice.number(0, 9))
        n -= inner
    return items


@problem(
    level=1,
    draw=lambda dice, n: (_draw_nested(dice, 2 * n),),
    edges=(([],), ([[]],), ([1, [2, [3]]],), ([[], [[]], 1],)),
    bugs=(
        ("max(deepest, depth(item))", "depth(item)"),
        ("return deepest + 1", "return deepest"),
        ("isinstance(item, list)", "isinstance(item, list) and item"),
    ),
)
def nesting_depth(items: list[Any]) -> int:
    """Find how deep lists are nested.

    `items` holds numbers and further such lists. A list without lists in it has depth 1, also the
    empty one. Any other has a depth of 1 more than the deepest list in it. Return the depth of
    `items`.
    """

    def depth(nested: list[Any]) -> int:
        deepest = 0
        for item in nested:
            if isinstance(item, list):
                deepest = max(deepest, depth(item))
        return deepest + 1

    return depth(items)


@problem(
    level=2,
    variants={"levels": (1, 2)},
    draw=lambda dice, n: (_draw_nested(dice, n),),
    edges=(([1, [2, [3, [4]]]],), ([[[[5]]]],), ([[], [[]]],)),
    bugs=(
        ("flat(item, left - 1)", "flat(item, left)"),
        ("left > 0", "left > 1"),
        ("result.append(item)", "result.insert(0, item)"),
    ),
)
def flatten_levels(items: list[Any], *, levels: int) -> list[Any]:
    """Flatten a nested list by a few levels.

    `items` holds numbers and further such lists. Flattening by one level puts the items of each
    list that stands in `items` in its place. Return `items` flattened $levels times.
    """

    def flat(nested: list[Any], left: int) -> list[Any]:
        result: list[Any] = []
        for item in nested:
            if isinstance(item, list) and left > 0:
                result.extend(flat(item, left - 1))
            else:
                result.append(item)
        return result

    return flat(items, levels)


@problem(
    level=2,
    held_out=True,
    draw=lambda dice, n: (dice.number(1, 1 + n % 6), *dice.shuffled("ABC")),
    bugs=(
        ("move(count - 1, spare, goal, start)", "move(count - 1, start, goal, spare)"),
        ("return [*first, start + goal,", "return [start + goal, *first,"),
        ("if count == 0", "if count == 1"),
    ),
)
def tower_moves(discs: int, source: str, goal: str, spare: str) -> list[str]:
    """Move a tower of discs.

    A tower of `discs` discs, the largest at the bottom, stands on the peg `source` and shall be
    moved to `goal` by way of `spare`. One disc is moved at a time, and never onto a smaller one.
    Return the shortest sequence of moves, each as the letters of the two pegs, such as "AC".
    """

    def move(count: int, start: str, goal: str, spare: str) -> list[str]:
        if count == 0:
            return []
        first = move(count - 1, start, spare, goal)
        return [*first, start + goal, *move(count - 1, spare, goal, start)]

    return move(discs, source, goal, spare)


@problem(
    level=3,
    variants={"reuse": ("any number of times", "at most once")},
    draw=lambda dice, n: (sorted(dice.distinct(1 + n % 5, 2, 9)), dice.number(2, 8 + n % 7)),
    options={"order_free": 1},
    edges=(([2, 3], 6), ([5], 4), ([2, 4], 4), ([2, 3, 5], 8)),
    bugs=(
        ("following, left", "0, left"),
        ('reuse == "any number of times"', 'reuse != "any number of times"'),
        ("if left == 0", "if left <= 1"),
    ),
)
def sums_to(numbers: list[int], goal: int, *, reuse: str) -> list[list[int]]:
    """List the ways to reach a sum.

    `numbers` are different, positive and ascending. Return all ascending lists of items of
    `numbers` with the sum `goal`, at least 1, in which each item may be taken $reuse. The lists may
    be in any order.
    """
    found: list[list[int]] = []

    def extend(chosen: list[int], first: int, left: int) -> None:
        if left == 0:
            found.append(chosen)
        elif left > 0:
            for index in range(first, len(numbers)):
                following = index if reuse == "any number of times" else index + 1
                extend([*chosen, numbers[index]], following, left - numbers[index])

    extend([], 0, goal)
    return found


@problem(
    level=3,
    draw=lambda dice, n: (dice.number(0, 1 + n % 5), dice.number(1, 3)),
    edges=((0, 1), (1, 1), (3, 2), (3, 1), (4, 2)),
    bugs=(
        ("opened < pairs and depth < deepest", "opened < pairs"),
        ("if depth > 0", "if depth > 1"),
        ("if len(text) == 2 * pairs", "if len(text) == 2 * pairs and pairs"),
    ),
)
def bracket_words(pairs: int, deepest: int) -> list[str]:
    """List the well-formed texts of brackets.

    Return all texts of `pairs` opening and as many closing brackets ( and ) in which every bracket
    is matched and no more than `deepest` brackets are open at a time, in alphabetical order, where
    "(" comes before ")". Without any pairs, there is the empty text.
    """
    words: list[str] = []

    def extend(text: str, opened: int, depth: int) -> None:
        if len(text) == 2 * pairs:
            words.append(text)
            return
        if opened < pairs and depth < deepest:
            extend(text + "(", opened + 1, depth + 1)
        if depth > 0:
            extend(text + ")", opened, depth - 1)

    extend("", 0, 0)
    return words


@problem(
    level=4,
    draw=lambda dice, n: (
        dice.number(1, 4 + n // 10),
        [[dice.number(0, 3), dice.number(0, 3)] for _ in range(n // 4)],
    ),
    edges=((4, []), (1, []), (5, [[0, 0]]), (5, [[2, 2]]), (4, [[0, 1]]), (5, []), (2, [])),
    bugs=(
        ("row + column in rising or ", ""),
        ("[row, column] not in blocked", "True"),
        ("row == size", "row == size - 1"),
    ),
)
def place_queens(size: int, blocked: list[list[int]]) -> int:
    """Count the ways to place queens.

    `size` queens are put on a chess board of `size` by `size` cells so that no two stand in one
    row, column or diagonal. No queen may stand on a cell [row, column] in `blocked`; a cell in it
    may lie outside of the board. Return the number of ways.
    """

    def count(row: int, columns: set[int], rising: set[int], falling: set[int]) -> int:
        if row == size:
            return 1
        ways = 0
        for column in range(size):
            taken = column in columns or row + column in rising or row - column in falling
            if not taken and [row, column] not in blocked:
                ways += count(
                    row + 1,
                    columns | {column},
                    rising | {row + column},
                    falling | {row - column},
                )
        return ways

    return count(0, set(), set(), set())


@problem(
    level=4,
    held_out=True,
    draw=lambda dice, n: (
        dice.word(1 + n, "ab"),
        sorted(set(dice.words(4, longest=3, letters="ab"))),
    ),
    edges=(("aaa", ["a", "aa"]), ("ab", ["b"]), ("abab", ["ab", "a", "b"])),
    bugs=(
        ("text.startswith(word, start)", "word in text"),
        ("start == len(text)", "start >= len(text) - 1"),
        ("in words if", "in words[:2] if"),
    ),
)
def count_splits(text: str, words: list[str]) -> int:
    """Count the ways to read a text without spaces.

    Return in how many ways `text` can be split into words of the list `words`, all different and
    not empty. A word may be used any number of times.
    """

    def count(start: int) -> int:
        if start == len(text):
            return 1
        return sum(count(start + len(word)) for word in words if text.startswith(word, start))

    return count(0)


@problem(
    level=3,
    draw=lambda dice, n: (
        "".join(sorted(dice.word(1 + n % 6, "abcd"))),
        dice.number(0, 3 + 2 * n),
    ),
    edges=(("aab", 1), ("abc", 5), ("abc", 6), ("aab", 3), ("aabb", 4)),
    bugs=(
        ("if char in rest[:place]", "if False"),
        ("index >= arrangements(letters)", "index > arrangements(letters)"),
        ("index -= count", "index -= 1"),
    ),
)
def nth_arrangement(letters: str, index: int) -> str | None:
    """Find an arrangement by its number.

    List the different texts that have exactly the letters of `letters`, which are in alphabetical
    order and may repeat, in alphabetical order. Return the one with the given index, counted from
    0, or None if there are too few.
    """
    import math

    def arrangements(text: str) -> int:
        total = math.factorial(len(text))
        for char in set(text):
            total //= math.factorial(text.count(char))
        return total

    if index >= arrangements(letters):
        return None
    result, rest = "", letters
    while rest:
        for place, char in enumerate(rest):
            if char in rest[:place]:
                continue
            left = rest[:place] + rest[place + 1 :]
            count = arrangements(left)
            if index < count:
                result, rest = result + char, left
                break
            index -= count
    return result
