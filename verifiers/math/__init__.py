"""The math verifier: extract a final answer, parse it with a bounded parser, compare it by kind."""

from llmenvs.verifiers.math.extract import Extraction, Source, extract
from llmenvs.verifiers.math.verifier import MathVerifier, verify_math

__all__ = ["Extraction", "MathVerifier", "Source", "extract", "verify_math"]
