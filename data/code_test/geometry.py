"""Problems of plane geometry in whole numbers."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


def _points(dice: Dice, count: int, reach: int) -> list[list[int]]:
    return [[dice.number(-reach, reach), dice.number(-reach, reach)] for _ in range(count)]


def _draw_box(dice: Dice, n: int) -> list[int]:
    left, bottom = dice.number(-n, n), dice.number(-n, n)
    return [left, bottom, left + dice.number(1, n + 2), bottom + dice.number(1, n + 2)]


@problem(
    level=1,
    draw=lambda dice, n: (_draw_box(dice, 2 + n // 3), _draw_box(dice, 2 + n // 3)),
    edges=(
        ([0, 0, 2, 2], [5, 5, 7, 7]),
        ([0, 0, 4, 4], [1, 1, 2, 3]),
        ([0, 0, 1, 1], [1, 0, 2, 1]),
    ),
    bugs=(
        ("max(width, 0) * max(height, 0)", "width * height"),
        ("max(width, 0) * max(height, 0)", "abs(width * height)"),
        ("min(first[2], second[2])", "max(first[2], second[2])"),
    ),
)
def overlap_area(first: list[int], second: list[int]) -> int:
    """Find the area that two rectangles share.

    A rectangle is a list [left, bottom, right, top] with left < right and bottom < top, and its
    sides are parallel to the axes. Return the area of what is within both.
    """
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)


@problem(
    level=1,
    draw=lambda dice, n: (sorted(dice.ints(3, 1, 4 + n)),),
    edges=(
        ([3, 4, 5],),
        ([2, 3, 5],),
        ([2, 2, 2],),
        ([2, 2, 3],),
        ([2, 3, 4],),
        ([4, 5, 6],),
        ([5, 5, 11],),
    ),
    bugs=(
        ("a + b <= c", "a + b < c"),
        ("a + b <= c", "a + b <= c + 1"),
        ('"obtuse" if', '"acute" if'),
    ),
)
def triangle_kind(sides: list[int]) -> str:
    """Tell what kind of triangle three sides make.

    `sides` are three positive lengths in ascending order. Return "none" if they are not the sides
    of a triangle with an area, else "right", "obtuse" or "acute" by its greatest angle.
    """
    a, b, c = sides
    if a + b <= c:
        return "none"
    if a * a + b * b == c * c:
        return "right"
    return "obtuse" if a * a + b * b < c * c else "acute"


@problem(
    level=2,
    draw=lambda dice, n: (_points(dice, 3 + n % 5, 3 + n),),
    edges=(([[0, 0], [1, 0], [0, 1]],), ([[0, 0], [0, 2], [2, 2], [2, 0]],)),
    bugs=(
        ("return abs(total)", "return total"),
        ("x * next_y - next_x * y", "x * next_y + next_x * y"),
        ("corners[index - 1]", "corners[max(index - 1, 0)]"),
    ),
)
def doubled_area(corners: list[list[int]]) -> int:
    """Find the area of a polygon.

    `corners` are at least three points [x, y], in order along the outline; the last is joined to
    the first. Return twice the area by the shoelace formula, which is a whole number and never
    negative: the absolute value of the sum of x_i * y_(i+1) - x_(i+1) * y_i over all sides.
    """
    total = 0
    for index, (next_x, next_y) in enumerate(corners):
        x, y = corners[index - 1]
        total += x * next_y - next_x * y
    return abs(total)


@problem(
    level=2,
    held_out=True,
    draw=lambda dice, n: (_points(dice, 2 + n, 4 + 2 * n),),
    edges=(([[0, 0], [0, 0]],), ([[0, 0], [9, 9], [3, 4]],)),
    bugs=(
        ("(x - u) ** 2 + (y - v) ** 2", "abs(x - u) + abs(y - v)"),
        ("points[:index]", "points[max(index - 1, 0):index]"),
        ("min(distances)", "max(distances)"),
    ),
)
def closest_pair(points: list[list[int]]) -> int:
    """Find how close two points come to each other.

    Return the square of the smallest distance between two of the `points`, each of them a list
    [x, y]. There are at least two points, and some may be the same.
    """
    distances = []
    for index, (x, y) in enumerate(points):
        for u, v in points[:index]:
            distances.append((x - u) ** 2 + (y - v) ** 2)
    return min(distances)


@problem(
    level=4,
    draw=lambda dice, n: (_points(dice, n + 1, 2 + n // 2),),
    edges=(
        ([[0, 0], [2, 0], [1, 0]],),
        ([[0, 0], [0, 0]],),
        ([[0, 0], [2, 0], [2, 2], [0, 2], [1, 1]],),
    ),
    bugs=(
        ("<= 0:", "< 0:"),
        ("sorted({(x, y) for x, y in points})", "sorted((x, y) for x, y in points)"),
        ("ordered[::-1]", "ordered"),
    ),
)
def convex_hull(points: list[list[int]]) -> list[list[int]]:
    """Find the convex hull of points.

    Return the corners of the smallest convex polygon that holds all `points`, each a list [x, y],
    counter-clockwise (x to the right, y up), from the point with the smallest x, of several the
    smallest y. Points on a side between two corners are no corners. If all points are the same,
    return that one; if they lie on a line, its two ends. There is at least one point.
    """
    ordered = sorted({(x, y) for x, y in points})
    if len(ordered) == 1:
        return [list(ordered[0])]
    hull: list[list[int]] = []
    for side in (ordered, ordered[::-1]):
        chain: list[tuple[int, int]] = []
        for x, y in side:
            while len(chain) > 1:
                (a, b), (c, d) = chain[-2], chain[-1]
                if (c - a) * (y - b) - (d - b) * (x - a) <= 0:
                    chain.pop()
                else:
                    break
            chain.append((x, y))
        hull += [list(point) for point in chain[:-1]]
    return hull


@problem(
    level=2,
    draw=lambda dice, n: (dice.number(0, 3 + 12 * n),),
    edges=((0,), (1,), (25,), (2,)),
    bugs=(
        ("math.isqrt(limit - x * x) + 1", "math.isqrt(limit - x * x)"),
        ("for x in range(-reach,", "for x in range(1 - reach,"),
        ("2 * math", "1 + math"),
    ),
)
def lattice_points(limit: int) -> int:
    """Count the lattice points of a disc.

    Return how many points with whole-numbered coordinates x and y have x*x + y*y <= `limit`, which
    is at least 0.
    """
    import math

    count = 0
    reach = math.isqrt(limit)
    for x in range(-reach, reach + 1):
        count += 2 * math.isqrt(limit - x * x) + 1
    return count


@problem(
    level=3,
    draw=lambda dice, n: (_points(dice, 2, 2 + n // 4), _points(dice, 2, 2 + n // 4)),
    edges=(
        ([[0, 0], [4, 0]], [[2, 0], [6, 0]]),
        ([[0, 0], [1, 0]], [[2, 0], [3, 0]]),
        ([[0, 0], [2, 2]], [[2, 2], [5, 0]]),
        ([[0, 0], [4, 4]], [[0, 4], [4, 0]]),
        ([[0, 0], [4, 4]], [[4, 0], [3, 1]]),
        ([[0, 0], [4, 0]], [[2, 0], [2, 3]]),
        ([[1, 1], [1, 1]], [[0, 0], [2, 2]]),
        ([[2, 0], [4, 0]], [[0, 0], [2, 0]]),
        ([[0, 0], [0, 1]], [[0, 2], [0, 3]]),
        ([[0, 2], [0, 3]], [[0, 0], [0, 1]]),
        ([[0, 0], [2, 1]], [[1, 1], [1, 1]]),
        ([[1, 1], [1, 1]], [[0, 0], [2, 1]]),
    ),
    bugs=(
        ("if max(a, c) < min(e, g)", "if max(a, c) <= min(e, g)"),
        ("turn(a, b, c, d, e, f) * turn(a, b, c, d, g, h) <= 0", "True"),
        ("turn(a, b, c, d, g, h) <= 0", "turn(a, b, c, d, g, h) < 0"),
    ),
)
def segments_meet(first: list[list[int]], second: list[list[int]]) -> bool:
    """Tell whether two segments have a point in common.

    A segment is a list of its two ends, each a list [x, y], and the ends belong to it. The two ends
    may be the same point. Return True if some point lies on both segments.
    """
    (a, b), (c, d) = first
    (e, f), (g, h) = second
    if max(a, c) < min(e, g) or max(e, g) < min(a, c):
        return False
    if max(b, d) < min(f, h) or max(f, h) < min(b, d):
        return False

    def turn(px: int, py: int, qx: int, qy: int, x: int, y: int) -> int:
        return (qx - px) * (y - py) - (qy - py) * (x - px)

    return (
        turn(a, b, c, d, e, f) * turn(a, b, c, d, g, h) <= 0
        and turn(e, f, g, h, a, b) * turn(e, f, g, h, c, d) <= 0
    )


@problem(
    level=3,
    variants={"kind": ("closed", "open")},
    draw=lambda dice, n: (_points(dice, 2 + n, 6),),
    bugs=(
        ("abs(x - last_x) + abs(y - last_y)", "max(abs(x - last_x), abs(y - last_y))"),
        ('kind == "closed"', 'kind == "open"'),
        ("if x == last_x or y == last_y", "if x == last_x"),
    ),
)
def tour_length(points: list[list[int]], *, kind: str) -> list[int]:
    """Measure a tour through a city of blocks.

    A tour goes through `points`, each a list [x, y], one after the other. A leg from one point to
    the next runs along the axes, so its length is |dx| + |dy|. A closed tour has one more leg, from
    the last point to the first; an open one has not. Return the length of the $kind tour, and the
    number of its legs that need no corner (dx or dy is 0), as a list of two.
    """
    legs = [(points[i], points[i + 1]) for i in range(len(points) - 1)]
    if kind == "closed":
        legs.append((points[-1], points[0]))
    length = straight = 0
    for (last_x, last_y), (x, y) in legs:
        length += abs(x - last_x) + abs(y - last_y)
        if x == last_x or y == last_y:
            straight += 1
    return [length, straight]
