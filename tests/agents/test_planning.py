"""Value iteration solves the Bellman equation, and agrees with a linear solve."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmenvs.agents.planning import policy_values, value_iteration
from llmenvs.envs.grid_layout import SERIES_TASK, GridLayout, RandomLayouts

SERIES = GridLayout.from_task(SERIES_TASK)


def test_the_values_of_the_series_world() -> None:
    """Without slips V is 6 less the distance to +5, but for the cell beside +4."""
    v = value_iteration(SERIES.transitions()).v.reshape(4, 4)

    assert v.tolist() == [
        [2, 3, 4, 5],
        [3, 4, 5, 0],
        [2, 3, 4, 5],
        [1, 0, 4, 0],
    ]


def test_q_of_the_walk_and_its_greedy_actions() -> None:
    plan = value_iteration(SERIES.transitions())

    assert plan.q[0].tolist() == [2, 1, 1, 2]  # up, down, left, right
    assert plan.greedy_action(0) == 0
    assert plan.greedy_action(SERIES.state((2, 1))) == 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.5), st.floats(0.5, 1))
def test_the_plan_agrees_with_a_linear_solve_and_with_the_bellman_equation(
    number: int, slip: float, discount: float
) -> None:
    layout = GridLayout.from_task(RandomLayouts().find(f"layout-{number}"))
    table = layout.transitions(slip_probability=slip)
    plan = value_iteration(table, discount=discount)
    actions = [plan.greedy_action(state) for state in range(16)]

    np.testing.assert_allclose(policy_values(table, actions, discount=discount), plan.v, atol=1e-6)
    for state, action in np.ndindex(plan.q.shape):
        backup = sum(
            p * (r + (0.0 if end else discount * plan.v[s]))
            for p, s, r, end in table[state][action]
        )
        assert plan.q[state, action] == pytest.approx(backup, abs=1e-6)


def test_it_plans_in_frozen_lake_too() -> None:
    env = gym.make("FrozenLake-v1", is_slippery=True)
    plan = value_iteration(env.unwrapped.P)  # type: ignore[attr-defined]

    assert plan.v[0] == pytest.approx(14 / 17, abs=1e-6)  # the known optimum of the 4x4 lake


def test_a_slippery_world_is_worth_less() -> None:
    dry, wet = (value_iteration(SERIES.transitions(slip_probability=slip)).v for slip in (0.0, 0.2))

    assert (wet <= dry + 1e-9).all()
    assert wet[0] < dry[0]


def test_bad_tables_and_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"must sum to 1, got 0.5 in state 0, action 0"):
        value_iteration({0: {0: [(0.5, 0, 0.0, True)]}})
    with pytest.raises(ValueError, match="every state must have 1 actions, state 1 has 2"):
        value_iteration({0: {0: [(1.0, 0, 0.0, True)]}, 1: {0: [], 1: []}})
    with pytest.raises(ValueError, match=r"discount must be in \[0, 1\]"):
        value_iteration(SERIES.transitions(), discount=2.0)
    with pytest.raises(ValueError, match="did not settle in 50 sweeps"):
        value_iteration({0: {0: [(1.0, 0, 1.0, False)]}}, max_sweeps=50)
