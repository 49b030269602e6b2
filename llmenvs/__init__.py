"""Gymnasium environments and verifiers for reinforcement learning of language models.

Importing this package registers the environments: ``gymnasium.make("llmenvs/GridWorld-v0")``.
"""

import gymnasium

from llmenvs.async_rollout import rollout_async
from llmenvs.conformance import ConformanceError, check_text_env
from llmenvs.env import Opening, TextEnv, Turn
from llmenvs.mixtures import MixtureEnv, mixture
from llmenvs.policy import AsyncPolicy, FunctionPolicy, Policy, Prompt
from llmenvs.renderers import RawRenderer, Renderer
from llmenvs.rollout import rollout
from llmenvs.running_episode import RolloutLimits
from llmenvs.spaces import UnicodeText
from llmenvs.task_files import load_tasks
from llmenvs.tasks import Task, TaskSet, TaskSource
from llmenvs.tokenizers import ByteTokenizer, Tokenizer
from llmenvs.trajectory import Batch, StopReason, Trajectory, collate
from llmenvs.transcript import Completion, Message, Segment, Transcript

__all__ = [
    "AsyncPolicy",
    "Batch",
    "ByteTokenizer",
    "Completion",
    "ConformanceError",
    "FunctionPolicy",
    "Message",
    "MixtureEnv",
    "Opening",
    "Policy",
    "Prompt",
    "RawRenderer",
    "Renderer",
    "RolloutLimits",
    "Segment",
    "StopReason",
    "Task",
    "TaskSet",
    "TaskSource",
    "TextEnv",
    "Tokenizer",
    "Trajectory",
    "Transcript",
    "Turn",
    "UnicodeText",
    "check_text_env",
    "collate",
    "load_tasks",
    "mixture",
    "rollout",
    "rollout_async",
]

__version__ = "0.1.0"

gymnasium.register("llmenvs/GridWorld-v0", entry_point="llmenvs.envs.grid_world:GridWorldEnv")
gymnasium.register("llmenvs/MathAnswer-v0", entry_point="llmenvs.envs.math_answer:MathAnswerEnv")
gymnasium.register(
    "llmenvs/GridWorldDiscrete-v0",
    entry_point="llmenvs.envs.grid_world_discrete:GridWorldDiscreteEnv",
)
gymnasium.register("llmenvs/SearchQA-v0", entry_point="llmenvs.envs.search_qa:SearchQAEnv")
gymnasium.register("llmenvs/CodeTest-v0", entry_point="llmenvs.envs.code_test:CodeTestEnv")
gymnasium.register("llmenvs/ToolUse-v0", entry_point="llmenvs.envs.tool_use:ToolUseEnv")
gymnasium.register("llmenvs/ToolCall-v0", entry_point="llmenvs.envs.tool_call:ToolCallEnv")
gymnasium.register(
    "llmenvs/ReasoningGym-v0", entry_point="llmenvs.envs.reasoning_gym:ReasoningGymEnv"
)
gymnasium.register("llmenvs/Gem-v0", entry_point="llmenvs.integrations.gem:GemEnv")
