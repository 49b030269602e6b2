"""Problems about matrices and grids."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


def _grid(dice: Dice, n: int, *, high: int = 9) -> tuple[list[list[int]]]:
    rows, columns = dice.number(1, 2 + n // 4), dice.number(1, 2 + n // 4)
    return ([dice.ints(columns, 0, high) for _ in range(rows)],)


@problem(
    level=1,
    draw=_grid,
    edges=(([[1, 2, 3]],), ([[1], [2]],)),
    bugs=(
        ("range(len(rows[0]))", "range(len(rows))"),
        ("[row[column] for row in rows]", "[row[column] for row in rows[::-1]]"),
    ),
)
def transpose(rows: list[list[int]]) -> list[list[int]]:
    """Swap the rows and the columns of a matrix.

    Return the matrix whose rows are the columns of `rows`, in their order. It has at least one row
    and one column.
    """
    return [[row[column] for row in rows] for column in range(len(rows[0]))]


@problem(
    level=1,
    held_out=True,
    variants={"which": ("border", "inside")},
    draw=lambda dice, n: _grid(dice, n + 3),
    edges=(([[5]],), ([[1, 2], [3, 4]],), ([[1, 2, 3], [4, 5, 6], [7, 8, 9]],)),
    bugs=(
        ("len(rows) - 1", "len(rows)"),
        ("on_edge == (which", "on_edge != (which"),
        ("i in (0,", "i in (1,"),
    ),
)
def part_sum(rows: list[list[int]], *, which: str) -> int:
    """Add the numbers of a part of a matrix.

    The border of a matrix is its first and last row and its first and last column; all else is its
    inside. Return the sum of the numbers in the $which of `rows`.
    """
    total = 0
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            on_edge = i in (0, len(rows) - 1) or j in (0, len(row) - 1)
            if on_edge == (which == "border"):
                total += value
    return total


@problem(
    level=3,
    variants={"turn": ("clockwise", "counter-clockwise")},
    draw=lambda dice, n: _grid(dice, n + 4, high=99),
    edges=(([[1, 2, 3]],), ([[1], [2], [3]],), ([[1, 2], [3, 4]],)),
    bugs=(
        ("left = left[1:]", "left = left[2:]"),
        ("strict=True)][::-1]", "strict=True)]"),
        ("path += left[0]", "path += left[0][:-1]"),
    ),
)
def spiral(rows: list[list[int]], *, turn: str) -> list[int]:
    """Read a matrix in a spiral.

    Begin at the top left, and go around $turn along the outermost numbers, then along those within
    them, and so on, until every number was read once. Clockwise, that is along the first row to the
    right; counter-clockwise, down the first column. Return the numbers in that order.
    """
    left = [list(row) for row in rows]
    if turn == "counter-clockwise":
        left = [list(column) for column in zip(*left, strict=True)]
    path: list[int] = []
    while left:
        path += left[0]
        left = left[1:]
        left = [list(column) for column in zip(*left, strict=True)][::-1]
    return path


@problem(
    level=2,
    draw=lambda dice, n: _grid(dice, n + 4, high=5),
    edges=(([[1, 2], [3, 4]],), ([[7]],), ([[2, 2]],)),
    bugs=(
        ("value == min(row)", "value == max(row)"),
        ("for other in rows)", "for other in rows[:i + 1])"),
        ("found.append([i, j])", "found.append([j, i])"),
    ),
)
def saddle_points(rows: list[list[int]]) -> list[list[int]]:
    """Find the saddle points of a matrix.

    A saddle point is a number that is no greater than any other in its row and no less than any
    other in its column. Return the places of all, as lists [row, column] counted from 0, in the
    order in which they are read row by row.
    """
    found = []
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            if value == min(row) and value == max(other[j] for other in rows):
                found.append([i, j])
    return found


@problem(
    level=3,
    variants={"neighbours": (4, 8)},
    draw=lambda dice, n: ([dice.word(2 + n % 5, "#..") for _ in range(2 + n // 3)],),
    edges=((["#.", ".#"],), (["..."],), (["#.#", "###"],)),
    bugs=(
        ("abs(y - v) + abs(x - u) == 1", "abs(y - v) + abs(x - u) <= 2"),
        ("land.discard(cell)", "pass"),
        ("sorted(sizes)", "sizes"),
    ),
)
def island_sizes(rows: list[str], *, neighbours: int) -> list[int]:
    """Measure the islands on a map.

    The rows are equally long texts of "#" for land and "." for water. Two cells of land are on the
    same island if one can go from one to the other over land, by steps from a cell to one of its
    $neighbours neighbours: the 4 that share a side with it, or all 8 that share a side or a corner.
    Return the numbers of cells of all islands, in ascending order.
    """
    land = {(i, j) for i, row in enumerate(rows) for j, char in enumerate(row) if char == "#"}
    sizes = []
    while land:
        pending = [land.pop()]
        size = 0
        while pending:
            y, x = pending.pop()
            size += 1
            for cell in sorted(land):
                v, u = cell
                diagonal = neighbours == 8 and max(abs(y - v), abs(x - u)) == 1
                if diagonal or abs(y - v) + abs(x - u) == 1:
                    land.discard(cell)
                    pending.append(cell)
        sizes.append(size)
    return sorted(sizes)


@problem(
    level=4,
    draw=lambda dice, n: ([dice.word(1 + n % 6, "##.") for _ in range(1 + n % 5)],),
    edges=((["##", "##"],), (["."],), (["###", "###", "##."],), (["#"],)),
    bugs=(
        ("min(above[j], above[j + 1], row[j])", "min(above[j + 1], row[j])"),
        ("min(above[j], above[j + 1], row[j])", "max(above[j], above[j + 1], row[j])"),
        ("widest * widest", "widest"),
    ),
)
def largest_square(rows: list[str]) -> int:
    """Find the largest full square.

    The rows are equally long texts of "#" and ".". Return the number of cells of the largest square
    part of the map that holds "#" only, or 0 if there is none.
    """
    above = [0] * (len(rows[0]) + 1)
    widest = 0
    for line in rows:
        row = [0]
        for j, char in enumerate(line):
            row.append(min(above[j], above[j + 1], row[j]) + 1 if char == "#" else 0)
        widest = max(widest, *row)
        above = row
    return widest * widest


@problem(
    level=4,
    held_out=True,
    draw=lambda dice, n: (dice.grid(1 + n % 4, 1 + n % 4, range(-4, 6)),),
    edges=(
        ([[7]],),
        ([[0, 1], [1, 0]],),
        ([[1, 2], [2, 4]],),
        ([[0, 2, 0], [1, 0, 0], [0, 0, 3]],),
    ),
    bugs=(
        ("(-1) ** column", "1"),
        ("factor * value * (", "value * ("),
        ("row[:column] + row[column + 1 :]", "row[1:]"),
    ),
)
def determinant(rows: list[list[int]]) -> int:
    """Compute the determinant of a matrix.

    `rows` is a square matrix of whole numbers with 1 to 5 rows. Return its determinant, exactly.
    """
    total, pending = 0, [(1, rows)]
    while pending:
        factor, part = pending.pop()
        if len(part) == 1:
            total += factor * part[0][0]
            continue
        for column, value in enumerate(part[0]):
            minor = [row[:column] + row[column + 1 :] for row in part[1:]]
            pending.append((factor * value * (-1) ** column, minor))
    return total


@problem(
    level=2,
    held_out=True,
    draw=lambda dice, n: (
        dice.grid(rows := 1 + n % 3, inner := dice.number(1, 3), range(-3, 6)),
        dice.grid(inner if dice.chance(0.8) else rows, 1 + n % 4, range(-3, 6)),
    ),
    edges=(([[1, 2]], [[3], [4]]), ([[1, 2]], [[3, 4]]), ([[0, 1], [1, 0]], [[1, 2], [3, 4]])),
    bugs=(
        ("return None", "return []"),
        ("row[k] * right[k][j]", "row[k] * right[j % len(right)][k % len(right[0])]"),
        ("range(len(right)))", "range(len(right) - 1))"),
    ),
)
def multiply(left: list[list[int]], right: list[list[int]]) -> list[list[int]] | None:
    """Multiply two matrices.

    Return the product of `left` and `right`, or None if the number of columns of `left` is not the
    number of rows of `right`. Both have at least one row and one column.
    """
    if len(left[0]) != len(right):
        return None
    return [
        [sum(row[k] * right[k][j] for k in range(len(right))) for j in range(len(right[0]))]
        for row in left
    ]
