"""``llmenvs/GridWorld-v0``: the grid world of the series, played in words."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

import gymnasium as gym

from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.envs.grid_layout import (
    TASK_SCHEMA,
    Cell,
    GridLayout,
    Move,
    TransitionTable,
    series_tasks,
    slipped,
)
from llmenvs.envs.grid_render import render_ansi, render_rgb
from llmenvs.envs.grid_world_policies import scripted_policies
from llmenvs.policy import Policy
from llmenvs.renderers import Renderer
from llmenvs.tasks import Task, TaskSource, as_task_source
from llmenvs.templates import check_template
from llmenvs.verifiers import Verdict

PROMPT_TEMPLATE = """\
You walk on a grid of {width} by {height} cells (x, y); (0, 0) is the bottom left one.
Terminals: {terminals}. Any other move: {move_reward}. A wall keeps you in place.
Answer with <action>up</action>, down, left or right. You have {max_turns} moves.
You are at {position}.
"""
TEMPLATE_FIELDS = ("width", "height", "terminals", "move_reward", "max_turns", "position")

_TAGGED = re.compile(r"<action>\s*(\w*)\s*</action>", re.ASCII)
_MOVES = {move.name.lower(): move for move in Move}
_LONGEST_BARE = 16
"""A bare move is short: longer texts need the tag, and are not lowered to look."""


class GridState(NamedTuple):
    """Where an episode stands; a named tuple, since one is made in every step.

    Attributes:
        layout: the grid.
        start: where this episode started.
        cell: where the agent is.
        num_moves: turns taken.
        total_reward: the sum of the rewards so far.
    """

    layout: GridLayout
    start: Cell
    cell: Cell
    num_moves: int = 0
    total_reward: float = 0.0


class GridWorldEnv(TextEnv[GridState]):
    """Walk to a terminal cell, in words.

    Action: ``<action>right</action>`` after any text, the last such tag decides; or the bare word.
    A text without a move costs the fuel, leaves you where you are, and has
    ``info["action_valid"] = False``.

    Reward: on entering a terminal, that terminal's; else the fuel, -1.
    Terminated: a terminal was entered. Truncated: ``max_turns`` moves were made.
    Verdict, at the end: score 1.0 and success if the terminal gives the greatest return from the
    start (see `GridLayout.best_terminals`), else 0.0; the part ``return`` is the sum of rewards.
    Hidden: nothing but slips, which show in where you end up.

    Args:
        tasks: layouts: a task source such as `RandomLayouts`, or rows that meet `TASK_SCHEMA`; the
            layout of the series by default.
        slip_probability: with this probability a move turns 90 degrees counter-clockwise, in
            [0, 1); 0.2 is the series' robot.
        random_start: start on any cell that is not terminal, instead of the layout's start.
        max_turns: moves in an episode, at least 1.
        tokenizer: see `TextEnv`.
        renderer: see `TextEnv`.
        prompt_template: a format string with some of the fields `TEMPLATE_FIELDS`.
        render_mode: ``"ansi"`` or ``"rgb_array"``.

    >>> import gymnasium, llmenvs
    >>> env = gymnasium.make("llmenvs/GridWorld-v0")
    >>> _ = env.reset(seed=0)
    >>> [env.step(f"<action>{move}</action>")[1] for move in ("right", "up", "right", "right")]
    [-1.0, -1.0, -1.0, 5.0]
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012
    stop_strings: ClassVar[tuple[str, ...]] = ("</action>",)

    def __init__(
        self,
        *,
        tasks: TaskSource | Iterable[Mapping[str, Any]] | None = None,
        slip_probability: float = 0.0,
        random_start: bool = False,
        max_turns: int = 20,
        tokenizer: Any = None,
        renderer: Renderer | None = None,
        prompt_template: str = PROMPT_TEMPLATE,
        render_mode: str | None = None,
    ) -> None:
        check_options(slip_probability=slip_probability, max_turns=max_turns)
        source = series_tasks() if tasks is None else as_task_source(tasks, schema=TASK_SCHEMA)
        super().__init__(
            tasks=source, tokenizer=tokenizer, renderer=renderer, render_mode=render_mode
        )
        check_template(prompt_template, fields=TEMPLATE_FIELDS)
        self.slip_probability = slip_probability
        self.random_start = random_start
        self.max_turns = max_turns
        self.prompt_template = prompt_template
        self._last_layout: tuple[Task, GridLayout] | None = None

    @property
    def P(self) -> TransitionTable:
        """The transition table of this episode's layout, as `GridLayout.transitions` gives it.

        Raises:
            gymnasium.error.ResetNeeded: there was no episode yet, so there is no layout.
        """
        if self._state is None:
            raise gym.error.ResetNeeded("call reset() before P: no layout has been drawn yet")
        return self._state.layout.transitions(slip_probability=self.slip_probability)

    def begin_episode(self, task: Task) -> Opening[GridState]:
        """Put the agent on its start and describe the world."""
        layout = self._layout_of(task)
        start = draw_start(layout, self.np_random) if self.random_start else layout.start
        prompt = self.prompt_template.format(
            width=layout.width,
            height=layout.height,
            terminals=", ".join(f"{cell} {r:+g}" for cell, r in layout.terminals.items()),
            move_reward=f"{layout.move_reward:+g}",
            max_turns=self.max_turns,
            position=start,
        )
        return Opening(GridState(layout, start, start), [{"role": "user", "content": prompt}])

    def take_turn(self, state: GridState, action: str) -> Turn[GridState]:
        """Move, and say where the agent is now."""
        layout, move = state.layout, read_move(action)
        cell = state.cell
        if move is not None:
            if self.slip_probability and self.np_random.random() < self.slip_probability:
                move = slipped(move)
            cell = layout.neighbour(cell, move)
        reward, terminated = layout.enter(cell)
        num_moves, total = state.num_moves + 1, state.total_reward + reward
        truncated = not terminated and num_moves >= self.max_turns
        after = GridState(layout, state.start, cell, num_moves, total)
        return Turn(
            after,
            _describe(after, moved=cell != state.cell, understood=move is not None),
            reward,
            terminated=terminated,
            truncated=truncated,
            action_valid=move is not None,
            verdict=_judge(after) if terminated or truncated else None,
        )

    def scripted_policies(self) -> dict[str, Policy]:
        """Return ``oracle`` (success 1.0 without slips), ``random`` and ``noop`` (success 0.0)."""
        return scripted_policies()

    def _layout_of(self, task: Task) -> GridLayout:
        """Read the layout, which most often is that of the episode before."""
        if self._last_layout is None or self._last_layout[0] is not task:
            self._last_layout = task, GridLayout.from_task(task)
        return self._last_layout[1]

    def render(self) -> Any:
        """Return the picture of the render mode, or None before the first reset."""
        if self._state is None or self.render_mode is None:
            return None
        draw = render_ansi if self.render_mode == "ansi" else render_rgb
        return draw(self._state.layout, self._state.cell)


def read_move(action: str) -> Move | None:
    r"""Return the move that ``action`` names, or None.

    The last ``<action>…</action>`` decides; without a tag, the whole text must be the word.

    >>> read_move("Up or <action>left</action>?"), read_move(" Right\n"), read_move("go up")
    (<Move.LEFT: 2>, <Move.RIGHT: 3>, None)
    """
    tagged = _TAGGED.findall(action)
    if tagged:
        return _MOVES.get(tagged[-1].lower())
    word = action.strip()
    return _MOVES.get(word.lower()) if len(word) <= _LONGEST_BARE else None


def draw_start(layout: GridLayout, rng: Any) -> Cell:
    """Draw a cell that is not terminal, uniformly, with the `numpy.random.Generator` ``rng``."""
    cells = [cell for cell in layout.cells if cell not in layout.terminals]
    return cells[int(rng.integers(len(cells)))]


def check_options(*, slip_probability: float, max_turns: int) -> None:
    """Raise a ValueError for options out of their range."""
    if not 0.0 <= slip_probability < 1.0:
        raise ValueError(f"slip_probability must be in [0, 1), got {slip_probability!r}")
    if max_turns < 1:
        raise ValueError(f"max_turns must be at least 1, got {max_turns!r}")


def _describe(state: GridState, *, moved: bool, understood: bool) -> str:
    x, y = state.cell
    if state.cell in state.layout.terminals:
        return f"\nYou reached the terminal ({x}, {y}): {state.layout.terminals[state.cell]:+g}.\n"
    if not understood:
        return (
            "\nThis names no move: write <action>up</action>, down, left or right. "
            f"You are at ({x}, {y}).\n"
        )
    return f"\nYou are at ({x}, {y}).\n" if moved else f"\nA wall. You are at ({x}, {y}).\n"


def _judge(state: GridState) -> Verdict:
    success = state.cell in state.layout.best_terminals(state.start)
    if state.cell not in state.layout.terminals:
        reason = f"no terminal in {state.num_moves} moves"
    else:
        kind = "the best" if success else "not the best"
        reason = f"reached {state.cell}, {kind} terminal from {state.start}"
    return Verdict.scored(
        float(success), success=success, parts={"return": state.total_reward}, reason=reason
    )
