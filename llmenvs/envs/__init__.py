"""The environments of the suite."""

from llmenvs.envs.grid_layout import GridLayout, Move, RandomLayouts
from llmenvs.envs.grid_world import GridWorldEnv
from llmenvs.envs.grid_world_discrete import GridWorldDiscreteEnv
from llmenvs.envs.math_answer import MathAnswerEnv
from llmenvs.envs.math_tasks import ProceduralMath
from llmenvs.envs.search_qa import SearchQAEnv
from llmenvs.envs.search_qa_tasks import BundledQuestions

__all__ = [
    "BundledQuestions",
    "GridLayout",
    "GridWorldDiscreteEnv",
    "GridWorldEnv",
    "MathAnswerEnv",
    "Move",
    "ProceduralMath",
    "RandomLayouts",
    "SearchQAEnv",
]
