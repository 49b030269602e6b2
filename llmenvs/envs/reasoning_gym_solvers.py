"""Answers to the two data sets of reasoning-gym that tell none: boxnet and rush_hour.

They let the oracle play, and so show that the scorers take a right answer. Nothing else needs them.
"""

import json
import string
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

_LETTERS = string.ascii_uppercase
_WIDTH = 6
_WALL, _EMPTY = "x", "o"
_GOAL = 2 * _WIDTH + 4  # where the red car begins that has come to the exit

Cars = tuple[int, ...]


def boxnet_plan(initial_state: Mapping[str, list[str]]) -> str:
    """Return a plan that carries each box to its target, one square at a time.

    >>> boxnet_plan({"0.5_0.5": ["box_red"], "0.5_1.5": ["target_red"]})
    '[{"Agent[0.5, 0.5]": "move(box_red, square[0.5, 1.5])"}, {"Agent[0.5, 1.5]": "move(box_red, target_red)"}]'
    """  # noqa: E501 (what it returns)
    squares = {
        item: tuple(map(float, square.split("_")))
        for square, items in initial_state.items()
        for item in items
    }
    plan = []
    for box in (item for item in squares if item.startswith("box_")):
        target = box.replace("box_", "target_")
        (x, y), (to_x, to_y) = squares[box], squares[target]
        while (x, y) != (to_x, to_y):
            agent = f"Agent[{x}, {y}]"
            if x != to_x:
                x += 1.0 if to_x > x else -1.0
            else:
                y += 1.0 if to_y > y else -1.0
            plan.append({agent: f"move({box}, square[{x}, {y}])"})
        plan.append({f"Agent[{x}, {y}]": f"move({box}, {target})"})
    return json.dumps(plan)


def rush_hour_moves(board: str) -> str:
    """Return the fewest moves that bring the red car, A, to the exit, by breadth-first search.

    Cars are named as the question names them: in the order of their letters, without gaps.

    Args:
        board: 36 cells, row by row: a letter for each cell of a car, ``o`` empty, ``x`` a wall.

    Raises:
        ValueError: there are none.

    >>> rush_hour_moves("oooooo" "oooooo" "AAoooo" "oooooo" "oooooo" "oooooo")
    'A+4'
    """
    labels = sorted(set(board) - {_WALL, _EMPTY})
    cells = [[i for i, label in enumerate(board) if label == car] for car in labels]
    shapes = [(own[1] - own[0], len(own)) for own in cells]
    walls = frozenset(i for i, label in enumerate(board) if label == _WALL)
    start = tuple(own[0] for own in cells)
    came_from: dict[Cars, tuple[Cars, str]] = {}
    queue, seen = deque([start]), {start}
    while queue:
        cars = queue.popleft()
        if cars[0] == _GOAL:
            return " ".join(_way(cars, came_from))
        for car, steps, moved in _neighbours(cars, shapes, walls):
            if moved not in seen:
                seen.add(moved)
                came_from[moved] = (cars, f"{_LETTERS[car]}{steps:+d}")
                queue.append(moved)
    raise ValueError(f"the red car cannot get out of {board!r}")


def _neighbours(
    cars: Cars, shapes: list[tuple[int, int]], walls: frozenset[int]
) -> Iterator[tuple[int, int, Cars]]:
    """Yield each car that can move, by how many cells, and where all cars are then."""
    taken = set(walls)
    for first, (stride, length) in zip(cars, shapes, strict=True):
        taken.update(range(first, first + stride * length, stride))
    for car, (first, (stride, length)) in enumerate(zip(cars, shapes, strict=True)):
        for direction in (1, -1):
            steps, edge = 0, first + stride * (length - 1) if direction > 0 else first
            cell = _next_cell(edge, stride * direction)
            while cell is not None and cell not in taken:
                steps += direction
                yield car, steps, (*cars[:car], first + stride * steps, *cars[car + 1 :])
                cell = _next_cell(cell, stride * direction)


def _next_cell(cell: int, offset: int) -> int | None:
    """Return the cell beside ``cell``, or None over the edge of the board."""
    after = cell + offset
    same_row = after // _WIDTH == cell // _WIDTH
    inside = 0 <= after < _WIDTH * _WIDTH and (abs(offset) > 1 or same_row)
    return after if inside else None


def _way(cars: Cars, came_from: Mapping[Cars, tuple[Cars, str]]) -> list[str]:
    moves = []
    while cars in came_from:
        cars, move = came_from[cars]
        moves.append(move)
    return moves[::-1]


def solve(dataset: str, entry: Mapping[str, Any]) -> str | None:
    """Return an answer to an item of either data set, None for another."""
    metadata = entry["metadata"]
    if dataset == "boxnet":
        return boxnet_plan(metadata["initial_state"])
    if dataset == "rush_hour":
        return rush_hour_moves(metadata["board_config"])
    return None
