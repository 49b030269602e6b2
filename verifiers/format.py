"""Does a completion have the form that was asked for: the right blocks, in the right order, once?

Strict, since what is let pass is what a policy learns to write: a second answer to hedge with, an
empty thought, a remark after the answer. White space around blocks is free, as no two templates
agree on it, and so is one end-of-turn mark at the very end, which decoded tokens may hold.

Open-r1's `format`, `tag_count` and `reasoning_steps` and TRL's `think_format` are here under those
names, with their own semantics, which `llmenvs.verifiers.open_r1` explains.
"""

from collections.abc import Mapping
from typing import Any

from llmenvs.verifiers.open_r1 import format, reasoning_steps, tag_count, think_format
from llmenvs.verifiers.tag_grammar import TagGrammar, compile_grammar
from llmenvs.verifiers.verdict import Verdict

__all__ = [
    "END_MARKS",
    "GRAMMARS",
    "FormatVerifier",
    "format",
    "reasoning_steps",
    "tag_count",
    "think_format",
    "without_end_mark",
]

GRAMMARS: Mapping[str, str] = {
    "r1": "<think> <answer>",
    "think": "<think> text",
    "toolrl": "<think> (<tool_call> <response>? | <response>)",
    "search-r1": "<think> (<search> <information raw>? <think>)* <answer>",
}
"""Name -> declaration. R1: DeepSeek-AI, 2025, arXiv:2501.12948, table 1. ToolRL: Qian et al., 2025,
arXiv:2504.13958. Search-R1: Jin et al., 2025, arXiv:2503.09516; its pages are optional, since a
completion holds only what the policy wrote."""

END_MARKS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "</s>")
"""What ends a turn, as decoded tokens spell it."""

_SHOWN_CHARS = 200


class FormatVerifier:
    """Score 1.0 for a completion that follows a grammar of tagged blocks, else 0.0.

    The reason names the first fault and its place. ``extracted`` is what the last block holds.
    ``target`` is None. The time is linear in the completion, whatever it holds.

    A block that is blank, holds a tag of the grammar, or is never closed is a fault; so are text
    outside of the blocks and a tag that is not spelled exactly so. Tags of other languages within
    a block are text.

    Args:
        grammar: "r1" (``<think>``, ``<answer>``), "think" (``<think>``, then text), "toolrl"
            (``<think>``, then ``<tool_call>``, ``<response>`` or both), "search-r1" (``<think>``,
            any number of searches, ``<answer>``); or a declaration of your own, such as
            "<plan>? <code>+", see `llmenvs.verifiers.tag_grammar`.
        prefix: how the prompt already began the completion, such as "<think>" where the chat
            template ends with it.
        strict: whether text outside of the blocks is a fault.

    Raises:
        ValueError: ``grammar`` is neither a name nor a declaration; on a call, ``target`` is not
            None.

    >>> verifier = FormatVerifier("r1")
    >>> verifier("<think>2 + 2</think> <answer>4</answer>").score
    1.0
    >>> verifier("<think>2 + 2</think> So: <answer>4</answer>").reason
    "text 'So:' outside of the blocks at character 21"
    """

    def __init__(self, grammar: str = "r1", *, prefix: str = "", strict: bool = True) -> None:
        self.grammar = grammar
        self.prefix = prefix
        self.strict = strict
        self._compiled = _compiled(grammar)

    def __call__(self, completion: str, target: Any = None) -> Verdict:
        """Judge the form of ``completion``."""
        if target is not None:
            raise ValueError(f"target must be None, got {target!r}")
        match = self._compiled.match(self.prefix + without_end_mark(completion), strict=self.strict)
        if match.fault and not match.blocks:
            return Verdict.no_answer(match.fault)
        extracted = match.blocks[-1].body.strip()[:_SHOWN_CHARS] if match.blocks else None
        score = 0.0 if match.fault else 1.0
        reason = match.fault or f"follows {self.grammar}"
        return Verdict.scored(score, success=not match.fault, reason=reason, extracted=extracted)


def without_end_mark(completion: str) -> str:
    """Return ``completion`` without the white space and the one end-of-turn mark at its end."""
    stripped = completion.rstrip()
    for mark in END_MARKS:
        if stripped.endswith(mark):
            return stripped[: -len(mark)]
    return stripped


def _compiled(grammar: str) -> TagGrammar:
    if not isinstance(grammar, str) or (grammar not in GRAMMARS and "<" not in grammar):
        raise ValueError(
            f"grammar must be {', '.join(map(repr, GRAMMARS))} or a declaration such as "
            f"'<think> <answer>', got {grammar!r}"
        )
    return compile_grammar(GRAMMARS.get(grammar, grammar))
