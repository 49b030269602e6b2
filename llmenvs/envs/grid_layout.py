"""The grid world as a Markov decision process: cells, moves, rewards and transition tables.

Source: "How LLMs learn to reason", part 0 (yeesengchan.com, 2026), sections 1 to 5: a 4x4 grid with
a start at the bottom left, terminals worth +5 and +4, a penalty of -1, and a fuel cost of -1 for
every other move. Cells are (x, y), x to the right and y upwards.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np

from llmenvs.tasks import Task, TaskSet, hash_of

Cell = tuple[int, int]
Transition = tuple[float, int, float, bool]
"""Probability, next state, reward, terminated: the rows of Gymnasium's ``FrozenLake.P``."""
TransitionTable = dict[int, dict[int, list[Transition]]]


class Move(IntEnum):
    """The four actions, numbered in this order."""

    UP = 0
    DOWN = 1
    LEFT = 2
    RIGHT = 3


_OFFSET = {Move.UP: (0, 1), Move.DOWN: (0, -1), Move.LEFT: (-1, 0), Move.RIGHT: (1, 0)}
_COUNTER_CLOCKWISE = {
    Move.RIGHT: Move.UP,
    Move.UP: Move.LEFT,
    Move.LEFT: Move.DOWN,
    Move.DOWN: Move.RIGHT,
}

TASK_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["width", "height", "start", "terminals"],
    "properties": {
        "task_id": {"type": "string"},
        "width": {"type": "integer", "minimum": 1},
        "height": {"type": "integer", "minimum": 1},
        "start": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        "terminals": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
        },
        "move_reward": {"type": "number", "maximum": 0},
    },
    "additionalProperties": False,
}
"""A layout as a task: ``terminals`` is a list of [x, y, reward]."""


@dataclass(frozen=True, slots=True)
class GridLayout:
    """A rectangle of cells, some of which end the episode.

    Attributes:
        width: cells from left to right.
        height: cells from bottom to top.
        start: where an episode starts.
        terminals: each terminal cell and the reward for entering it.
        move_reward: the reward, at most 0, of every other move, into a wall too.

    Raises:
        ValueError: a cell outside of the grid, a start on a terminal, or no terminal in reach.
    """

    width: int
    height: int
    start: Cell
    terminals: Mapping[Cell, float]
    move_reward: float = -1.0

    def __post_init__(self) -> None:
        for cell in (self.start, *self.terminals):
            if not (0 <= cell[0] < self.width and 0 <= cell[1] < self.height):
                raise ValueError(f"cell {cell} lies outside of the {self.width}x{self.height} grid")
        if self.start in self.terminals:
            raise ValueError(f"start {self.start} is a terminal cell")
        if not any(cell in self.terminals for cell in self.distances_from(self.start)):
            raise ValueError(f"no terminal can be reached from start {self.start}")

    def __hash__(self) -> int:
        terminals = frozenset(self.terminals.items())
        return hash((self.width, self.height, self.start, terminals, self.move_reward))

    @classmethod
    def from_task(cls, task: Task) -> "GridLayout":
        """Read a task that meets `TASK_SCHEMA`."""
        x, y = task["start"]
        return cls(
            width=task["width"],
            height=task["height"],
            start=(x, y),
            terminals={(int(x), int(y)): float(reward) for x, y, reward in task["terminals"]},
            move_reward=float(task.get("move_reward", -1.0)),
        )

    @property
    def cells(self) -> list[Cell]:
        """All cells in the order of their states: row by row from the bottom."""
        return [(x, y) for y in range(self.height) for x in range(self.width)]

    def state(self, cell: Cell) -> int:
        """Return the number of ``cell``: ``y * width + x``."""
        return cell[1] * self.width + cell[0]

    def neighbour(self, cell: Cell, move: Move) -> Cell:
        """Return where ``move`` leads from ``cell``; a wall keeps you in place."""
        dx, dy = _OFFSET[move]
        x, y = cell[0] + dx, cell[1] + dy
        return (x, y) if 0 <= x < self.width and 0 <= y < self.height else cell

    def enter(self, cell: Cell) -> tuple[float, bool]:
        """Return the reward for a move that ends on ``cell``, and whether it is terminal."""
        reward = self.terminals.get(cell)
        return (self.move_reward, False) if reward is None else (reward, True)

    def transitions(self, *, slip_probability: float = 0.0) -> TransitionTable:
        """Return ``P[state][action]``, a list of (probability, next state, reward, terminated).

        Args:
            slip_probability: with this probability a move turns 90 degrees counter-clockwise.
        """
        table: TransitionTable = {}
        for cell in self.cells:
            here = self.state(cell)
            if cell in self.terminals:
                table[here] = {int(move): [(1.0, here, 0.0, True)] for move in Move}
                continue
            table[here] = {
                int(move): [
                    (probability, self.state(end), *self.enter(end))
                    for probability, end in self._ends(cell, move, slip_probability)
                ]
                for move in Move
            }
        return table

    def _ends(self, cell: Cell, move: Move, slip: float) -> list[tuple[float, Cell]]:
        ends = [(1.0 - slip, self.neighbour(cell, move))]
        if slip > 0.0:
            ends.append((slip, self.neighbour(cell, slipped(move))))
        return ends

    def distances_from(self, start: Cell) -> dict[Cell, int]:
        """Return the moves from ``start`` to each cell that it reaches; no path crosses a terminal.

        The moves are reversible, so this is also the distance to ``start`` from the cells that are
        not terminal.
        """
        distances = {start: 0}
        queue = deque([start])
        while queue:
            cell = queue.popleft()
            if cell in self.terminals and cell != start:
                continue
            for move in Move:
                end = self.neighbour(cell, move)
                if end not in distances:
                    distances[end] = distances[cell] + 1
                    queue.append(end)
        return distances

    def best_terminals(self, start: Cell) -> frozenset[Cell]:
        """Return the terminals that give the greatest return from ``start`` without slips.

        A shortest path of d moves to a terminal worth R returns ``R + (d - 1) * move_reward``. Of
        the terminals of the default layout, +5 is best from every cell but (2, 3), next to +4.
        """
        return _best_terminals(self, start)


@lru_cache(maxsize=4096)
def _best_terminals(layout: GridLayout, start: Cell) -> frozenset[Cell]:
    distances = layout.distances_from(start)
    returns = {
        cell: reward + (distances[cell] - 1) * layout.move_reward
        for cell, reward in layout.terminals.items()
        if cell in distances
    }
    best = max(returns.values())
    return frozenset(cell for cell, value in returns.items() if value == best)


def slipped(move: Move) -> Move:
    """Return ``move`` turned 90 degrees counter-clockwise: right slips up.

    >>> slipped(Move.RIGHT).name
    'UP'
    """
    return _COUNTER_CLOCKWISE[move]


SERIES_TASK: Task = {
    "task_id": "series-4x4",
    "width": 4,
    "height": 4,
    "start": [0, 0],
    "terminals": [[3, 1, 5.0], [3, 3, 4.0], [1, 3, -1.0]],
}
"""The grid world of the series."""


def series_tasks() -> TaskSet:
    """Return the one layout of the series as a task set."""
    return TaskSet([SERIES_TASK], schema=TASK_SCHEMA)


@dataclass(frozen=True, slots=True)
class RandomLayouts:
    """Layouts by seed: a task source with 2**31 tasks, ``layout-0`` and so on.

    Attributes:
        width: cells, at least 2.
        height: cells, at least 2.
        rewards: of the terminals, each put on a cell of its own.

    >>> RandomLayouts().find("layout-7") == RandomLayouts().find("layout-7")
    True
    """

    width: int = 4
    height: int = 4
    rewards: Sequence[float] = (5.0, 4.0, -1.0)

    def __post_init__(self) -> None:
        if self.width < 2 or self.height < 2:
            raise ValueError(
                f"width and height must be at least 2, got {self.width=} and {self.height=}"
            )
        if not 1 <= len(self.rewards) < self.width * self.height:
            raise ValueError(
                "rewards must hold at least one, and fewer than the grid has cells, "
                f"got {len(self.rewards)} for {self.width * self.height} cells"
            )

    @property
    def content_hash(self) -> str:
        """Of the sizes and the rewards."""
        return hash_of(["RandomLayouts", self.width, self.height, list(self.rewards)])

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw one of the layouts."""
        return self._layout(int(rng.integers(2**31)))

    def find(self, task_id: str) -> Task:
        """Return the layout of that number, or raise a ValueError."""
        number = str(task_id).removeprefix("layout-")
        if not (str(task_id).startswith("layout-") and number.isascii() and number.isdigit()):
            raise ValueError(
                f"no task has the id {task_id!r}; ids are layout-0, layout-1 and so on"
            )
        return self._layout(int(number))

    def _layout(self, number: int) -> Task:
        rng = np.random.default_rng([number])
        cells = [(x, y) for y in range(self.height) for x in range(self.width)]
        chosen = rng.permutation(len(cells))[: len(self.rewards) + 1]
        start, *terminals = (cells[index] for index in chosen)
        return {
            "task_id": f"layout-{number}",
            "width": self.width,
            "height": self.height,
            "start": list(start),
            "terminals": [
                [*cell, float(reward)] for cell, reward in zip(terminals, self.rewards, strict=True)
            ],
        }
