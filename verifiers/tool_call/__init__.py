"""Tool calls: read them in any notation, compare them with the wanted ones, check their schemas."""

from llmenvs.verifiers.tool_call.calls import ToolCall, as_wanted_calls
from llmenvs.verifiers.tool_call.match import CallScore, paired_calls, score_calls
from llmenvs.verifiers.tool_call.parse import (
    Dialect,
    ParsedCalls,
    calls_of_message,
    parse_tool_calls,
)
from llmenvs.verifiers.tool_call.toolrl import ToolRLReward, ToolRLSettings, toolrl_reward
from llmenvs.verifiers.tool_call.verifier import ToolCallVerifier

__all__ = [
    "CallScore",
    "Dialect",
    "ParsedCalls",
    "ToolCall",
    "ToolCallVerifier",
    "ToolRLReward",
    "ToolRLSettings",
    "as_wanted_calls",
    "calls_of_message",
    "paired_calls",
    "parse_tool_calls",
    "score_calls",
    "toolrl_reward",
]
