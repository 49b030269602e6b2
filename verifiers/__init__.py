"""Verifiers: what is a completion worth, given its target?"""

from llmenvs.verifiers.verdict import UNDECIDED, Status, Verdict, Verifier

__all__ = ["UNDECIDED", "Status", "Verdict", "Verifier"]
