"""Problems on tables of numbers and cells."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem

Grid = list[list[int]]


def _draw_grid(dice: Dice, n: int) -> tuple[Grid]:
    return (dice.grid(1 + n % 5, 1 + (n * 7) % 4, range(-9, 10)),)


def _draw_square(dice: Dice, n: int) -> tuple[Grid]:
    side = 1 + n % 5
    return (dice.grid(side, side, range(-5, 10)),)


@problem(
    level=1,
    draw=_draw_grid,
    edges=(([[1, 2, 3]],), ([[1], [2]],)),
    bugs=(
        ("range(len(table[0]))", "range(len(table))"),
        ("sum(row[column] for row in table)", "sum(table[column % len(table)])"),
    ),
)
def column_sums(table: list[list[int]]) -> list[int]:
    """Add up the columns.

    `table` has at least one row, and all rows are equally long and not empty. Return the sum of
    each column, from left to right.
    """
    return [sum(row[column] for row in table) for column in range(len(table[0]))]


@problem(
    level=2,
    variants={"quarters": (1, 2, 3)},
    draw=_draw_grid,
    edges=(([[1, 2], [3, 4]],), ([[1, 2, 3]],)),
    bugs=(
        ("table[::-1]", "table"),
        ("range(quarters)", "range(1)  # quarters"),
        ("list(row)", "list(row)[::-1]"),
    ),
)
def turn_table(table: list[list[int]], *, quarters: int) -> list[list[int]]:
    """Turn a table to the right.

    Turn `table`, whose rows are equally long and not empty, clockwise by $quarters times 90 degrees
    and return the result. One such turn makes the first row the last column.
    """
    for _ in range(quarters):
        table = [list(row) for row in zip(*table[::-1], strict=True)]
    return table


@problem(
    level=2,
    held_out=True,
    draw=_draw_grid,
    edges=(([[1, 2, 3], [4, 5, 6], [7, 8, 9]],), ([[1], [2], [3]],), ([[1, 2, 3]],)),
    bugs=(
        ("[list(row) for row in zip(*rest, strict=True)][::-1]", "[row[::-1] for row in rest]"),
        ("found += rest.pop(0)", "found += rest.pop(0)[::-1]"),
    ),
)
def spiral(table: list[list[int]]) -> list[int]:
    """Read a table in a spiral.

    `table` has at least one row, and all rows are equally long and not empty. Begin at the top
    left, go along the first row to the right, down the last column, back along the last row and up,
    and so on inwards. Return the numbers in the order in which they are met.
    """
    rest = [list(row) for row in table]
    found: list[int] = []
    while rest:
        found += rest.pop(0)
        rest = [list(row) for row in zip(*rest, strict=True)][::-1]
    return found


@problem(
    level=2,
    draw=_draw_square,
    edges=(([[5]],), ([[1, 2], [3, 4]],)),
    bugs=(
        ("if row != side - 1 - row", "if row >= 0"),
        ("side - 1 - row]", "row]"),
    ),
)
def diagonal_sum(square: list[list[int]]) -> int:
    """Add up both diagonals.

    `square` has as many rows as columns, at least one. Return the sum of the numbers on its two
    diagonals; the number in the middle, where they cross, counts once.
    """
    side = len(square)
    total = sum(square[row][row] for row in range(side))
    return total + sum(square[row][side - 1 - row] for row in range(side) if row != side - 1 - row)


@problem(
    level=2,
    draw=lambda dice, n: (
        dice.grid(1 + n % 4, 1 + n % 3, range(-4, 5)),
        dice.grid(1 + n % 3, 1 + (n + 1) % 4, range(-4, 5)),
    ),
    edges=(([[2]], [[3]]), ([[1, 2]], [[3], [4]])),
    bugs=(
        ("zip(row, column, strict=True)", "zip(row, row, strict=True)"),
        ("zip(*right, strict=True)", "right"),
    ),
)
def multiply_tables(left: list[list[int]], right: list[list[int]]) -> list[list[int]]:
    """Multiply two matrices.

    `left` has as many columns as `right` has rows, and neither is empty. Return their product.
    """
    columns = list(zip(*right, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left
    ]


@problem(
    level=3,
    variants={"corners": (True, False)},
    draw=lambda dice, n: (dice.grid(1 + n % 6, 1 + (2 * n) % 7, "..#"),),
    edges=(([["."]],), ([["#"]],), ([["#", "."], [".", "#"]],)),
    bugs=(
        ("if corners or step_row == 0 or step_column == 0", "if True"),
        ("islands += 1", "islands = 1"),
    ),
)
def count_islands(sea: list[list[str]], *, corners: bool) -> int:
    """Count islands.

    A cell of `sea`, whose rows are equally long and not empty, is land ("#") or water ("."). Two
    cells of land belong to one island if one can walk from one to the other over land, from a cell
    to one that shares an edge with it and, if $corners is True, also to one that touches it at a
    corner. Return the number of islands.
    """
    steps = [
        (step_row, step_column)
        for step_row in (-1, 0, 1)
        for step_column in (-1, 0, 1)
        if corners or step_row == 0 or step_column == 0
    ]
    land = {(r, c) for r, row in enumerate(sea) for c, cell in enumerate(row) if cell == "#"}
    islands = 0
    while land:
        islands += 1
        coast = [land.pop()]
        while coast:
            row, column = coast.pop()
            for step_row, step_column in steps:
                neighbour = (row + step_row, column + step_column)
                if neighbour in land:
                    land.remove(neighbour)
                    coast.append(neighbour)
    return islands


@problem(
    level=3,
    held_out=True,
    draw=lambda dice, n: (dice.grid(1 + n % 6, 1 + (3 * n) % 6, (0, 1, 1, 1)),),
    edges=(([[0]],), ([[1]],), ([[1, 1], [1, 1]],)),
    bugs=(
        ("1 + min(above[column], left, corner)", "1 + min(above[column], left)"),
        ("best = max(best, left)", "best = left"),
        ("return best * best", "return best"),
    ),
)
def largest_square(cells: list[list[int]]) -> int:
    """Find the largest square of ones.

    `cells` holds zeros and ones; its rows are equally long and not empty. Return how many cells the
    largest square has that holds ones alone, or 0 if there are none.
    """
    above = [0] * len(cells[0])
    best = 0
    for row in cells:
        corner = left = 0
        for column, cell in enumerate(row):
            left, corner = (1 + min(above[column], left, corner) if cell else 0), above[column]
            above[column] = left
            best = max(best, left)
    return best * best


@problem(
    level=4,
    draw=lambda dice, n: (dice.grid(1 + n % 4, 1 + (3 * n) % 5, range(-9, 10)),),
    edges=(([[-3]],), ([[-1, -2], [-3, -4]],), ([[1, -2], [3, 4]],)),
    bugs=(
        ("running = max(running, 0) + value", "running += value"),
        ("best = max(best, running)", "best = max(best, running, 0)"),
        ("range(top, len(table))", "range(top, top + 1)"),
    ),
)
def richest_rectangle(table: list[list[int]]) -> int:
    """Find the richest rectangle.

    `table` has at least one row, and all rows are equally long and not empty. Return the greatest
    sum of numbers that a rectangle of at least one cell holds.
    """
    best = table[0][0]
    for top in range(len(table)):
        sums = [0] * len(table[0])
        for bottom in range(top, len(table)):
            running = 0
            for column, number in enumerate(table[bottom]):
                sums[column] += number
            for value in sums:
                running = max(running, 0) + value
                best = max(best, running)
    return best
