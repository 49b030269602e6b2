"""The grid world is that of the series: its moves, rewards, slips and best terminals."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmenvs.envs.grid_layout import (
    SERIES_TASK,
    Cell,
    GridLayout,
    Move,
    RandomLayouts,
    series_tasks,
    slipped,
)
from llmenvs.tasks import TaskSource

SERIES = GridLayout.from_task(SERIES_TASK)


def test_the_layout_is_that_of_the_series() -> None:
    assert SERIES.start == (0, 0)
    assert SERIES.terminals == {(3, 1): 5.0, (3, 3): 4.0, (1, 3): -1.0}
    assert (SERIES.width, SERIES.height, SERIES.move_reward) == (4, 4, -1.0)


@pytest.mark.parametrize(
    ("cell", "move", "end"),
    [
        ((0, 0), Move.RIGHT, (1, 0)),
        ((0, 0), Move.UP, (0, 1)),
        ((0, 0), Move.LEFT, (0, 0)),
        ((0, 0), Move.DOWN, (0, 0)),
        ((2, 3), Move.RIGHT, (3, 3)),
        ((2, 3), Move.UP, (2, 3)),
        ((2, 3), Move.LEFT, (1, 3)),
        ((2, 3), Move.DOWN, (2, 2)),
    ],
)
def test_moves_and_walls(cell: Cell, move: Move, end: Cell) -> None:
    assert SERIES.neighbour(cell, move) == end


def test_a_terminal_pays_its_own_reward_and_any_other_move_the_fuel() -> None:
    assert SERIES.enter((3, 1)) == (5.0, True)
    assert SERIES.enter((1, 3)) == (-1.0, True)
    assert SERIES.enter((2, 2)) == (-1.0, False)


def test_slips_turn_counter_clockwise_and_four_slips_come_round() -> None:
    assert slipped(Move.RIGHT) is Move.UP
    for move in Move:
        turned = move
        for _ in range(4):
            turned = slipped(turned)
        assert turned is move
        assert slipped(slipped(move)) is not move


def test_transitions_have_the_rows_of_frozen_lake() -> None:
    table = SERIES.transitions(slip_probability=0.2)

    assert table[0][Move.RIGHT] == [(0.8, 1, -1.0, False), (0.2, 4, -1.0, False)]
    assert table[SERIES.state((2, 1))][Move.RIGHT] == [(0.8, 7, 5.0, True), (0.2, 10, -1.0, False)]
    assert table[SERIES.state((3, 1))][Move.UP] == [(1.0, 7, 0.0, True)]
    assert SERIES.transitions()[0][Move.RIGHT] == [(1.0, 1, -1.0, False)]


@pytest.mark.parametrize("cell", [c for c in SERIES.cells if c not in SERIES.terminals])
def test_plus_five_is_best_from_everywhere_but_beside_plus_four(cell: Cell) -> None:
    assert SERIES.best_terminals(cell) == {(3, 3) if cell == (2, 3) else (3, 1)}


def test_equal_returns_are_both_best() -> None:
    layout = GridLayout(3, 1, (1, 0), {(0, 0): 1.0, (2, 0): 1.0})

    assert layout.best_terminals((1, 0)) == {(0, 0), (2, 0)}


def test_no_path_crosses_a_terminal() -> None:
    layout = GridLayout(4, 1, (0, 0), {(1, 0): -1.0, (3, 0): 9.0})

    assert layout.distances_from((0, 0)) == {(0, 0): 0, (1, 0): 1}
    assert layout.best_terminals((0, 0)) == {(1, 0)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": (4, 0)}, r"cell \(4, 0\) lies outside of the 4x4 grid"),
        ({"terminals": {(0, -1): 1.0}}, r"cell \(0, -1\) lies outside"),
        ({"terminals": {(0, 0): 1.0}}, r"start \(0, 0\) is a terminal"),
        ({"terminals": {}}, "no terminal can be reached"),
    ],
)
def test_layouts_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {
        "width": 4,
        "height": 4,
        "start": (0, 0),
        "terminals": {(3, 3): 1.0},
        **changes,
    }
    with pytest.raises(ValueError, match=message):
        GridLayout(**fields)


@given(st.integers(0, 2**31 - 1), st.integers(2, 6), st.integers(2, 6))
def test_random_layouts_follow_from_their_number(number: int, width: int, height: int) -> None:
    layouts = RandomLayouts(width=width, height=height)
    task = layouts.find(f"layout-{number}")
    layout = GridLayout.from_task(task)

    assert task == layouts.find(f"layout-{number}")
    assert sorted(layout.terminals.values()) == [-1.0, 4.0, 5.0]
    assert layout.best_terminals(layout.start)


def test_random_layouts_are_a_source_that_draws_different_tasks() -> None:
    layouts = RandomLayouts()
    rng = np.random.default_rng(0)

    assert isinstance(layouts, TaskSource)
    assert len({layouts.sample(rng)["task_id"] for _ in range(100)}) == 100
    assert layouts.content_hash == RandomLayouts().content_hash
    assert layouts.content_hash != RandomLayouts(width=5).content_hash
    assert pickle.loads(pickle.dumps(layouts)) == layouts


@pytest.mark.parametrize("task_id", ["layout", "layout-x", "series-4x4", "layout--1", "layout-²"])
def test_an_unknown_layout_is_refused(task_id: str) -> None:
    with pytest.raises(ValueError, match="no task has the id"):
        RandomLayouts().find(task_id)


@pytest.mark.parametrize("sizes", [{"width": 1}, {"rewards": ()}, {"rewards": (1.0,) * 16}])
def test_sizes_that_cannot_be_are_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least"):
        RandomLayouts(**sizes)


def test_the_series_is_one_task() -> None:
    assert [task["task_id"] for task in series_tasks()] == ["series-4x4"]
