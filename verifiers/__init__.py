"""Verifiers: what is a completion worth, given its target?

What is not needed to say what a verdict is, is imported when it is first asked for: an environment
without a math verifier need not load one.
"""

import importlib
from typing import TYPE_CHECKING, Any

from llmenvs.verifiers.verdict import UNDECIDED, Status, Verdict, Verifier

if TYPE_CHECKING:
    from llmenvs.verifiers.answer import AnswerVerifier
    from llmenvs.verifiers.code.verifier import CodeVerifier
    from llmenvs.verifiers.compose import Gate, Product, WeightedSum
    from llmenvs.verifiers.consensus import best_of_n, majority_vote, pass_at_k
    from llmenvs.verifiers.external import ExternalVerifier
    from llmenvs.verifiers.external_process import Limits
    from llmenvs.verifiers.format import FormatVerifier
    from llmenvs.verifiers.json_schema import JSONSchemaVerifier
    from llmenvs.verifiers.language import LanguageVerifier
    from llmenvs.verifiers.length import (
        CosineLengthVerifier,
        LengthVerifier,
        SoftOverlongVerifier,
        ToolRLLengthVerifier,
    )
    from llmenvs.verifiers.math import MathVerifier, verify_math
    from llmenvs.verifiers.open_r1 import OpenR1Verifier
    from llmenvs.verifiers.regex import RegexVerifier
    from llmenvs.verifiers.repetition import RepetitionVerifier
    from llmenvs.verifiers.reward_function import as_reward_function
    from llmenvs.verifiers.scoring import score_async, score_many, score_stream
    from llmenvs.verifiers.tool_call import ToolCallVerifier

__all__ = [
    "UNDECIDED",
    "AnswerVerifier",
    "CodeVerifier",
    "CosineLengthVerifier",
    "ExternalVerifier",
    "FormatVerifier",
    "Gate",
    "JSONSchemaVerifier",
    "LanguageVerifier",
    "LengthVerifier",
    "Limits",
    "MathVerifier",
    "OpenR1Verifier",
    "Product",
    "RegexVerifier",
    "RepetitionVerifier",
    "SoftOverlongVerifier",
    "Status",
    "ToolCallVerifier",
    "ToolRLLengthVerifier",
    "Verdict",
    "Verifier",
    "WeightedSum",
    "as_reward_function",
    "best_of_n",
    "majority_vote",
    "pass_at_k",
    "score_async",
    "score_many",
    "score_stream",
    "verify_math",
]

_MODULES = {
    "CodeVerifier": "llmenvs.verifiers.code.verifier",
    "AnswerVerifier": "llmenvs.verifiers.answer",
    "CosineLengthVerifier": "llmenvs.verifiers.length",
    "ExternalVerifier": "llmenvs.verifiers.external",
    "FormatVerifier": "llmenvs.verifiers.format",
    "Gate": "llmenvs.verifiers.compose",
    "JSONSchemaVerifier": "llmenvs.verifiers.json_schema",
    "LanguageVerifier": "llmenvs.verifiers.language",
    "LengthVerifier": "llmenvs.verifiers.length",
    "Limits": "llmenvs.verifiers.external_process",
    "MathVerifier": "llmenvs.verifiers.math",
    "OpenR1Verifier": "llmenvs.verifiers.open_r1",
    "Product": "llmenvs.verifiers.compose",
    "RegexVerifier": "llmenvs.verifiers.regex",
    "RepetitionVerifier": "llmenvs.verifiers.repetition",
    "SoftOverlongVerifier": "llmenvs.verifiers.length",
    "ToolRLLengthVerifier": "llmenvs.verifiers.length",
    "WeightedSum": "llmenvs.verifiers.compose",
    "ToolCallVerifier": "llmenvs.verifiers.tool_call",
    "as_reward_function": "llmenvs.verifiers.reward_function",
    "best_of_n": "llmenvs.verifiers.consensus",
    "majority_vote": "llmenvs.verifiers.consensus",
    "pass_at_k": "llmenvs.verifiers.consensus",
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
