"""Problems about intervals."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


def _draw_intervals(dice: Dice, n: int) -> list[list[int]]:
    starts = dice.ints(n, 0, 4 + 3 * n)
    return [[start, start + dice.number(1, 5)] for start in starts]


def _apart(dice: Dice, n: int) -> list[list[int]]:
    """Return ascending intervals that do not touch."""
    ends = sorted(dice.distinct(2 * n, 0, 6 * n + 2))
    return [[ends[2 * i], ends[2 * i + 1]] for i in range(n)]


@problem(
    level=2,
    variants={"touching": ("joined", "kept apart")},
    draw=lambda dice, n: (_draw_intervals(dice, n),),
    edges=(([[1, 2], [2, 3]],), ([[1, 9], [2, 3], [4, 5]],), ([],)),
    bugs=(
        ("for start, end in sorted(intervals)", "for start, end in intervals"),
        ("max(merged[-1][1], end)", "end"),
        ("merged[-1][1] > start", "merged[-1][1] > start + 1"),
    ),
)
def merge_intervals(intervals: list[list[int]], *, touching: str) -> list[list[int]]:
    """Merge intervals that overlap.

    Each interval is a list [start, end] with start < end. Join intervals that overlap until none
    do; two that only share an end are $touching. Return what there is then, in ascending order.
    """
    merged: list[list[int]] = []
    for start, end in sorted(intervals):
        touch = touching == "joined" and bool(merged) and merged[-1][1] == start
        if merged and (merged[-1][1] > start or touch):
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


@problem(
    level=2,
    draw=lambda dice, n: (_draw_intervals(dice, n),),
    edges=(([[1, 5], [2, 3]],), ([[1, 9], [2, 3], [5, 7]],), ([[4, 6], [1, 2]],)),
    bugs=(
        ("max(start, reached)", "start"),
        ("reached = max(reached, end)", "reached = end"),
        ("sorted(intervals)", "intervals"),
    ),
)
def covered_length(intervals: list[list[int]]) -> int:
    """Measure what intervals cover.

    Each interval is a list [start, end] with 0 <= start < end. Return the length of what lies in at
    least one of them.
    """
    covered, reached = 0, 0
    for start, end in sorted(intervals):
        covered += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return covered


@problem(
    level=2,
    held_out=True,
    draw=lambda dice, n: (_draw_intervals(dice, n),),
    edges=(([[1, 2], [2, 3]],), ([],)),
    bugs=(
        ("[(end, -1)", "[(end + 1, -1)"),
        ("most = max(most, guests)", "most = guests"),
        ("sorted(changes)", "changes"),
    ),
)
def most_guests(visits: list[list[int]]) -> int:
    """Find the greatest number of guests at a time.

    Each visit is a list [arrival, departure] with arrival < departure. A guest who leaves when
    another arrives does not meet them. Return the greatest number of guests at one time.
    """
    changes = [(start, 1) for start, _ in visits] + [(end, -1) for _, end in visits]
    guests = most = 0
    for _, change in sorted(changes):
        guests += change
        most = max(most, guests)
    return most


@problem(
    level=3,
    variants={"opens": (8, 9), "closes": (17, 18)},
    draw=lambda dice, n: (
        [[start, start + dice.number(1, 3)] for start in dice.ints(n % 6, 7, 18)],
        dice.number(1, 3),
    ),
    edges=(
        ([], 1),
        ([[7, 20]], 1),
        ([[10, 11], [12, 13]], 1),
        ([[10, 14], [11, 12]], 2),
        ([[20, 21]], 1),
    ),
    bugs=(
        ("free_from = max(free_from, end)", "free_from = end"),
        (">= hours", "> hours"),
        ("free, free_from = [], opens", "free, free_from = [], 0"),
    ),
)
def free_times(
    meetings: list[list[int]], hours: int, *, opens: int, closes: int
) -> list[list[int]]:
    """Find when there is time for a meeting.

    An office is open from $opens to $closes o'clock. Each of `meetings` is a list [start, end] of
    full hours with start < end, in any order; meetings may overlap, and may lie partly or wholly
    outside of the opening hours. Return the longest possible free times within the opening hours as
    lists [start, end] in ascending order, leaving out those that are shorter than `hours`.
    """
    free, free_from = [], opens
    for start, end in [*sorted(meetings), [closes, closes]]:
        until = min(start, closes)
        if until - free_from >= hours:
            free.append([free_from, until])
        free_from = max(free_from, end)
    return free


@problem(
    level=3,
    draw=lambda dice, n: (_apart(dice, n // 2), _apart(dice, dice.number(0, 1 + n // 2))),
    edges=(([[0, 5]], [[5, 9]]), ([[0, 9]], [[1, 2], [4, 6]]), ([[0, 4], [5, 9]], [[3, 7]])),
    bugs=(
        ("if start < end:", "if start <= end:"),
        ("first[i][1] < second[j][1]", "first[i][1] > second[j][1]"),
        ("max(first[i][0], second[j][0])", "min(first[i][0], second[j][0])"),
    ),
)
def common_times(first: list[list[int]], second: list[list[int]]) -> list[list[int]]:
    """Find when two people are both free.

    Each list holds intervals [start, end] with start < end, in ascending order, that neither
    overlap nor touch. Return the intervals that lie within both lists, in ascending order. An
    interval has a length greater than 0.
    """
    common = []
    i = j = 0
    while i < len(first) and j < len(second):
        start = max(first[i][0], second[j][0])
        end = min(first[i][1], second[j][1])
        if start < end:
            common.append([start, end])
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return common


@problem(
    level=4,
    draw=lambda dice, n: (
        [[*interval, dice.number(1, 9)] for interval in _draw_intervals(dice, n)],
    ),
    edges=(([[0, 2, 3], [2, 4, 3]],), ([[0, 9, 5], [1, 2, 3], [3, 4, 3]],)),
    bugs=(
        ("other <= start", "other < start"),
        ("best.append(max(best[-1], earned))", "best.append(earned)"),
        ("key=lambda job: job[1]", "key=lambda job: job[0]"),
    ),
)
def best_jobs(jobs: list[list[int]]) -> int:
    """Choose the jobs that pay best.

    Each job is a list [start, end, pay] with start < end and a positive pay. One can do only one
    job at a time, and begin one at the very moment when another ends. Return the greatest possible
    sum of pay.
    """
    ordered = sorted(jobs, key=lambda job: job[1])
    ends = [end for _, end, _ in ordered]
    best = [0]
    for start, _, pay in ordered:
        before = sum(1 for other in ends[: len(best) - 1] if other <= start)
        earned = best[before] + pay
        best.append(max(best[-1], earned))
    return best[-1]


@problem(
    level=3,
    held_out=True,
    draw=lambda dice, n: (_draw_intervals(dice, n),),
    edges=(([[1, 2], [2, 3]],), ([[0, 9], [1, 2], [3, 4]],), ([],)),
    bugs=(
        ("key=lambda interval: interval[1]", "key=lambda interval: interval[0]"),
        ("start > points[-1]", "start >= points[-1]"),
        ("points.append(end)", "points.append(start)"),
    ),
)
def fewest_photos(stays: list[list[int]]) -> list[int]:
    """Take pictures of all visitors with few photos.

    Each stay is a list [first, last] of days with first < last, on all of which a visitor is there.
    Go through the stays in the order of their last days; whenever a visitor is in no photo yet,
    take one on that visitor's last day. Return the days of the photos, in ascending order.
    """
    points: list[int] = []
    for start, end in sorted(stays, key=lambda interval: interval[1]):
        if not points or start > points[-1]:
            points.append(end)
    return points
