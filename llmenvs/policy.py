"""What a policy is asked and what it answers: `Prompt`, and the protocols `Policy`, `AsyncPolicy`.

`FunctionPolicy` makes a policy of a plain function from a prompt to a text, which is how the
scripted policies of every environment (oracle, random, no-op) are written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from llmenvs.transcript import Completion, Message

ToolSchema = Mapping[str, Any]
"""A tool as a JSON schema: name, description and parameters."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request for a completion.

    Attributes:
        episode_id: the same in all turns of an episode, so that a policy can keep its KV cache.
        token_ids: everything so far, (T,): what a model reads.
        text: everything so far, as plain text.
        messages: everything so far, as messages.
        tools: the schemas of the tools that may be called.
        stop_strings: where to stop.
        seed: of this completion; two prompts of a group differ in it.
        max_new_tokens: at most so many tokens, at least 1.
    """

    episode_id: str
    token_ids: Sequence[int]
    text: str
    messages: Sequence[Message]
    tools: Sequence[ToolSchema]
    stop_strings: Sequence[str]
    seed: int
    max_new_tokens: int


@runtime_checkable
class Policy(Protocol):
    """Answers many prompts at once, in their order."""

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Return one completion for each prompt."""
        ...


@runtime_checkable
class AsyncPolicy(Protocol):
    """Answers one prompt at a time, as an endpoint does: no episode waits for another."""

    async def act_one(self, prompt: Prompt) -> Completion:
        """Return the completion of ``prompt``."""
        ...


class FunctionPolicy:
    """A policy that asks ``function`` about each prompt in turn.

    The function returns a `str`, or a `Completion`, whose ids and logprobs are kept. ``act`` raises
    a `TypeError` where it returns anything else, such as the None of a forgotten ``return``.

    >>> policy = FunctionPolicy(lambda prompt: prompt.text.upper())
    >>> policy.act([Prompt("0", [104, 105], "hi", [], [], [], seed=0, max_new_tokens=8)])
    ['HI']
    """

    def __init__(self, function: Callable[[Prompt], str]) -> None:
        self._function = function

    def act(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Return what the function says to each prompt."""
        return [_as_completion(self._function(prompt)) for prompt in prompts]


def _as_completion(answer: object) -> Completion:
    if isinstance(answer, Completion):
        return answer
    if not isinstance(answer, str):
        raise TypeError(
            "a policy's function must return a str or a Completion, "
            f"got {type(answer).__name__}: {answer!r:.80}"
        )
    return Completion(answer)
