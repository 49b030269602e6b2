"""``llmenvs/GridWorldDiscrete-v0``: the same world with numbers, for tabular and deep RL."""

from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium as gym

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
from llmenvs.envs.grid_world import check_options, draw_start
from llmenvs.tasks import TaskSource, as_task_source


class GridWorldDiscreteEnv(gym.Env[int, int]):
    """The grid world with discrete observations and actions.

    Observation: the cell's number, ``y * width + x``. Action: 0 up, 1 down, 2 left, 3 right.
    Reward, terminated, truncated: as in `GridWorldEnv`.
    Info: ``task_id``, and ``success`` once the episode has ended (as `GridWorldEnv` judges it).

    Args:
        tasks: layouts of one size; the layout of the series by default.
        slip_probability: see `GridWorldEnv`.
        random_start: see `GridWorldEnv`.
        max_turns: moves in an episode, at least 1.
        render_mode: ``"ansi"`` or ``"rgb_array"``.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        *,
        tasks: TaskSource | Iterable[Mapping[str, Any]] | None = None,
        slip_probability: float = 0.0,
        random_start: bool = False,
        max_turns: int = 20,
        render_mode: str | None = None,
    ) -> None:
        check_options(slip_probability=slip_probability, max_turns=max_turns)
        self.tasks = series_tasks() if tasks is None else as_task_source(tasks, schema=TASK_SCHEMA)
        self.slip_probability = slip_probability
        self.random_start = random_start
        self.max_turns = max_turns
        self.render_mode = render_mode
        # Any task tells the size; drawing one with a generator of its own costs no randomness.
        self._layout = GridLayout.from_task(self.tasks.sample(gym.utils.seeding.np_random(0)[0]))
        self._num_states = self._layout.width * self._layout.height
        # Gymnasium types the samples of Discrete as NumPy integers, and takes plain ints as well.
        self.observation_space = gym.spaces.Discrete(self._num_states)  # type: ignore[assignment]
        self.action_space = gym.spaces.Discrete(len(Move))  # type: ignore[assignment]
        self._start: Cell = self._layout.start
        self._cell: Cell = self._layout.start
        self._running = False
        self._task_id = ""
        self._num_moves = 0

    @property
    def P(self) -> TransitionTable:
        """The transition table of this episode's layout, as `GridLayout.transitions` gives it."""
        return self._layout.transitions(slip_probability=self.slip_probability)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Start an episode; ``options={"task_id": …}`` chooses the layout.

        Raises:
            ValueError: an unknown task_id, or a layout of another size than the first one's.
        """
        super().reset(seed=seed)
        task_id = (options or {}).get("task_id")
        task = self.tasks.sample(self.np_random) if task_id is None else self.tasks.find(task_id)
        layout = GridLayout.from_task(task)
        if layout.width * layout.height != self._num_states:
            raise ValueError(
                f"all layouts must have {self._num_states} cells, as the observation space has, "
                f"got {layout.width}x{layout.height} in task {task['task_id']!r}"
            )
        self._layout = layout
        self._start = draw_start(layout, self.np_random) if self.random_start else layout.start
        self._cell, self._num_moves, self._task_id = self._start, 0, task["task_id"]
        self._running = True
        return layout.state(self._start), {"task_id": self._task_id}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Make one move.

        Raises:
            gymnasium.error.ResetNeeded: no episode is under way.
            ValueError: ``action`` is not one of 0, 1, 2 and 3.
        """
        if not self._running:
            raise gym.error.ResetNeeded("call reset() before step(): no episode is under way")
        if action not in self.action_space:
            raise ValueError(f"action must be 0, 1, 2 or 3, got {action!r}")
        move = Move(int(action))
        if self.slip_probability and self.np_random.random() < self.slip_probability:
            move = slipped(move)
        self._cell = self._layout.neighbour(self._cell, move)
        reward, terminated = self._layout.enter(self._cell)
        self._num_moves += 1
        truncated = not terminated and self._num_moves >= self.max_turns
        info: dict[str, Any] = {"task_id": self._task_id}
        if terminated or truncated:
            info["success"] = self._cell in self._layout.best_terminals(self._start)
            self._running = False
        return self._layout.state(self._cell), reward, terminated, truncated, info

    def render(self) -> Any:
        """Return the picture of the render mode, or None."""
        if self.render_mode is None:
            return None
        draw = render_ansi if self.render_mode == "ansi" else render_rgb
        return draw(self._layout, self._cell)
