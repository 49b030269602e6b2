"""Scripted policies of the grid world: oracle, random and no-op.

The oracle gets every fact from what the environment wrote: it reads the terminals in the prompt and
its position in the last observation, and walks a shortest path to the best terminal. Where moves
slip it plans again from where it stands. It needs the default wording of the prompt.
"""

import re

import numpy as np

from llmenvs.envs.grid_layout import Cell, GridLayout, Move
from llmenvs.policy import FunctionPolicy, Policy, Prompt

_SIZE = re.compile(r"grid of (\d+) by (\d+) cells")
_TERMINAL = re.compile(r"\((\d+), (\d+)\) ([+-][\d.]+)")
_MOVE_REWARD = re.compile(r"Any other move: ([+-]?[\d.]+)\.")
_POSITION = re.compile(r"You are at \((\d+), (\d+)\)")


def scripted_policies() -> dict[str, Policy]:
    """Return the three policies by name."""
    return {
        "oracle": FunctionPolicy(oracle_action),
        "random": FunctionPolicy(random_action),
        "noop": FunctionPolicy(lambda prompt: ""),
    }


def random_action(prompt: Prompt) -> str:
    """Return a uniformly drawn move."""
    move = Move(int(np.random.default_rng(prompt.seed).integers(len(Move))))
    return _tagged(move)


def oracle_action(prompt: Prompt) -> str:
    """Return the first move of a shortest path to the best terminal.

    Raises:
        ValueError: the prompt is not in the default wording.
    """
    layout = _read_layout(prompt)
    goal = min(layout.best_terminals(layout.start))
    distances = layout.distances_from(goal)
    return _tagged(min(Move, key=lambda move: _distance_after(layout, move, goal, distances)))


def _distance_after(
    layout: GridLayout, move: Move, goal: Cell, distances: dict[Cell, int]
) -> float:
    end = layout.neighbour(layout.start, move)
    if end in layout.terminals and end != goal:
        return np.inf
    return distances.get(end, np.inf)


def _read_layout(prompt: Prompt) -> GridLayout:
    written = "".join(m["content"] for m in prompt.messages if m["role"] != "assistant")
    size, positions = _SIZE.search(written), _POSITION.findall(written)
    move_reward = _MOVE_REWARD.search(written)
    if size is None or move_reward is None or not positions:
        raise ValueError(f"the oracle needs the default prompt_template, got {written[:200]!r}")
    x, y = positions[-1]
    return GridLayout(
        width=int(size[1]),
        height=int(size[2]),
        start=(int(x), int(y)),
        terminals={(int(x), int(y)): float(r) for x, y, r in _TERMINAL.findall(written)},
        move_reward=float(move_reward[1]),
    )


def _tagged(move: Move) -> str:
    return f"<action>{move.name.lower()}</action>"
