"""Verifiers: what is a completion worth, given its target?

What is not needed to say what a verdict is, is imported when it is first asked for: an environment
without a math verifier need not load one.
"""

import importlib
from typing import TYPE_CHECKING, Any

from llmenvs.verifiers.verdict import UNDECIDED, Status, Verdict, Verifier

if TYPE_CHECKING:
    from llmenvs.verifiers.answer import AnswerVerifier
    from llmenvs.verifiers.length import LengthVerifier
    from llmenvs.verifiers.math import MathVerifier, verify_math
    from llmenvs.verifiers.reward_function import as_reward_function
    from llmenvs.verifiers.scoring import score_async, score_many, score_stream
    from llmenvs.verifiers.tool_call import ToolCallVerifier

__all__ = [
    "UNDECIDED",
    "AnswerVerifier",
    "LengthVerifier",
    "MathVerifier",
    "Status",
    "ToolCallVerifier",
    "Verdict",
    "Verifier",
    "as_reward_function",
    "score_async",
    "score_many",
    "score_stream",
    "verify_math",
]

_MODULES = {
    "AnswerVerifier": "llmenvs.verifiers.answer",
    "LengthVerifier": "llmenvs.verifiers.length",
    "MathVerifier": "llmenvs.verifiers.math",
    "ToolCallVerifier": "llmenvs.verifiers.tool_call",
    "as_reward_function": "llmenvs.verifiers.reward_function",
    "score_async": "llmenvs.verifiers.scoring",
    "score_many": "llmenvs.verifiers.scoring",
    "score_stream": "llmenvs.verifiers.scoring",
    "verify_math": "llmenvs.verifiers.math",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for by name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
