"""How the environment's text becomes tokens, between which the policy's own tokens stand.

`RawRenderer` concatenates: every text is encoded on its own and nothing is added. `ChatRenderer` of
`llmenvs.chat_renderer` writes them as the chat template of a model does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from llmenvs.policy import ToolSchema
from llmenvs.tokenizers import Tokenizer
from llmenvs.transcript import Message, Transcript


@dataclass(frozen=True, slots=True)
class NewContext:
    """What a renderer answers whose template changes tokens that are already there.

    Attributes:
        token_ids: all that the policy reads next, from the prompt on. What was sampled before is in
            it as the template writes it now, and counts as the environment's.
    """

    token_ids: list[int]


class Renderer(Protocol):
    """Turns the messages of the environment into the tokens that the policy reads next."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the rendered ids."""
        ...

    def render_prompt(
        self, messages: Sequence[Message], *, tools: Sequence[ToolSchema]
    ) -> list[int]:
        """Return the tokens with which the episode starts, up to where the policy goes on.

        Args:
            messages: what the environment says first.
            tools: the schemas of the tools that may be called.
        """
        ...

    def render_observation(
        self,
        messages: Sequence[Message],
        *,
        completion_ids: Sequence[int],
        transcript: Transcript,
        tools: Sequence[ToolSchema],
    ) -> list[int] | NewContext:
        """Return the tokens from the end of a completion up to where the policy goes on.

        Args:
            messages: what the environment says.
            completion_ids: the tokens of the completion before it. A template whose end-of-turn
                token the policy did not sample adds it here, where it does not count as generated.
            transcript: all until then, the completion included; not to be changed.
            tools: as in the prompt.
        """
        ...


class RawRenderer:
    """Plain concatenation of texts, each encoded on its own.

    >>> from llmenvs.tokenizers import ByteTokenizer
    >>> RawRenderer(ByteTokenizer()).render_prompt([{"role": "user", "content": "Hi"}], tools=[])
    [72, 105]
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def render_prompt(
        self, messages: Sequence[Message], *, tools: Sequence[ToolSchema]
    ) -> list[int]:
        """Return the tokens of the messages' contents; tools are for the prompt to describe."""
        return self._encode(messages)

    def render_observation(
        self,
        messages: Sequence[Message],
        *,
        completion_ids: Sequence[int],
        transcript: Transcript,
        tools: Sequence[ToolSchema],
    ) -> list[int]:
        """Return the tokens of the messages' contents, whatever came before."""
        return self._encode(messages)

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        if len(messages) == 1:
            return self.tokenizer.encode(messages[0]["content"])
        return [i for message in messages for i in self.tokenizer.encode(message["content"])]
