"""The environments of the suite."""

from llmenvs.envs.grid_layout import GridLayout, Move, RandomLayouts
from llmenvs.envs.grid_world import GridWorldEnv
from llmenvs.envs.grid_world_discrete import GridWorldDiscreteEnv
from llmenvs.envs.math_answer import MathAnswerEnv
from llmenvs.envs.math_tasks import ProceduralMath

__all__ = [
    "GridLayout",
    "GridWorldDiscreteEnv",
    "GridWorldEnv",
    "MathAnswerEnv",
    "Move",
    "ProceduralMath",
    "RandomLayouts",
]
