"""Value iteration: the optimal V and Q of a known Markov decision process.

Source: "How LLMs learn to reason", part 0, sections 4 to 6: ``V(s) = max_a sum_s' P(s' | s, a)
[R(s, a, s') + discount * V(s')]``. Transition tables are as Gymnasium's FrozenLake has them:
``P[state][action] = [(probability, next_state, reward, terminated), ...]``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Transition = tuple[float, int, float, bool]
TransitionTable = Mapping[int, Mapping[int, Sequence[Transition]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The solution of a decision process with S states and A actions.

    Attributes:
        v: (S,) float64, the value of each state under the best policy.
        q: (S, A) float64, the value of each action, the best policy followed after it.
        num_sweeps: how many it took.
    """

    v: NDArray[np.float64]
    q: NDArray[np.float64]
    num_sweeps: int

    def greedy_action(self, state: int) -> int:
        """Return the best action; of equal ones, the first."""
        best = self.q[state].max()
        return int(np.flatnonzero(np.isclose(self.q[state], best, rtol=0.0, atol=1e-9))[0])


def value_iteration(
    table: TransitionTable,
    *,
    discount: float = 1.0,
    tolerance: float = 1e-12,
    max_sweeps: int = 100_000,
) -> Plan:
    """Return the optimal plan for ``table``.

    Args:
        table: states and actions are numbered from 0; a terminated transition has no future.
        discount: in [0, 1].
        tolerance: stop when no value moves by more.
        max_sweeps: give up after so many.

    Raises:
        ValueError: a bad argument, or values that do not settle: with ``discount=1`` there must be
            a policy that ends, and none that gains for ever.

    >>> chain = {0: {0: [(1.0, 1, -1.0, False)]}, 1: {0: [(1.0, 1, 5.0, True)]}}
    >>> value_iteration(chain).v
    array([4., 5.])
    """
    if not 0.0 <= discount <= 1.0:
        raise ValueError(f"discount must be in [0, 1], got {discount!r}")
    expected_rewards, continuation = tabulate(table)
    v = np.zeros(len(expected_rewards))
    for sweep in range(1, max_sweeps + 1):
        q = expected_rewards + discount * continuation @ v
        settled = np.abs(q.max(axis=1) - v).max() <= tolerance
        v = q.max(axis=1)
        if settled:
            return Plan(v, q, sweep)
    raise ValueError(f"the values did not settle in {max_sweeps} sweeps with {discount=}")


def policy_values(
    table: TransitionTable, actions: Sequence[int], *, discount: float = 1.0
) -> NDArray[np.float64]:
    """Return the value of each state under a fixed policy, by a linear solve.

    ``V = R + discount * P V``, so ``(I - discount * P) V = R``: the independent check of the
    iteration.

    Args:
        table: see `value_iteration`.
        actions: (S,) what the policy does in each state; it must come to an end if ``discount=1``.
        discount: in [0, 1].

    Returns:
        (S,) float64.
    """
    expected_rewards, continuation = tabulate(table)
    states = np.arange(len(expected_rewards))
    chosen = np.asarray(actions)
    matrix = np.eye(len(states)) - discount * continuation[states, chosen]
    solution: NDArray[np.float64] = np.linalg.solve(matrix, expected_rewards[states, chosen])
    return solution


def tabulate(table: TransitionTable) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return expected rewards (S, A) and the probabilities (S, A, S) of going on in each state.

    Raises:
        ValueError: probabilities that do not sum to 1, or states with other numbers of actions.
    """
    num_states, num_actions = len(table), len(table[0])
    rewards = np.zeros((num_states, num_actions))
    continuation = np.zeros((num_states, num_actions, num_states))
    for state in range(num_states):
        if len(table[state]) != num_actions:
            raise ValueError(
                f"every state must have {num_actions} actions, state {state} has "
                f"{len(table[state])}"
            )
        for action, transitions in table[state].items():
            total = sum(probability for probability, *_ in transitions)
            if not np.isclose(total, 1.0):
                raise ValueError(
                    f"probabilities must sum to 1, got {total} in state {state}, action {action}"
                )
            for probability, next_state, reward, terminated in transitions:
                rewards[state, action] += probability * reward
                if not terminated:
                    continuation[state, action, next_state] += probability
    return rewards, continuation
