"""The environments of the suite."""

from llmenvs.envs.grid_layout import GridLayout, Move, RandomLayouts
from llmenvs.envs.grid_world import GridWorldEnv
from llmenvs.envs.grid_world_discrete import GridWorldDiscreteEnv

__all__ = ["GridLayout", "GridWorldDiscreteEnv", "GridWorldEnv", "Move", "RandomLayouts"]
