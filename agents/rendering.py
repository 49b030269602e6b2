"""How the texts of an environment become tokens for a policy: raw, or by its chat template."""

import logging
from typing import Literal

from llmenvs.agents.policy import TransformerPolicy
from llmenvs.renderers import Renderer
from llmenvs.tokenizers import TransformersTokenizer

logger = logging.getLogger(__name__)


def renderer_of(policy: TransformerPolicy, kind: Literal["raw", "chat"] | None) -> Renderer | None:
    """Return the renderer of a policy's episodes; None is the raw one, over its tokenizer.

    With a chat template, the policy's tokenizer becomes the renderer's, whose ``end_of_turn_id`` is
    the token with which the template ends a turn.

    Args:
        policy: what is to play.
        kind: None takes the chat template where there is one that can be used.

    Raises:
        ValueError: the chat template is asked for, and there is none, or one that cannot be used.
    """
    if kind == "raw" or (kind is None and not _has_template(policy)):
        return None
    from llmenvs.chat_renderer import ChatRenderer  # needs transformers

    tokenizer = policy.tokenizer
    if not isinstance(tokenizer, TransformersTokenizer) or not _has_template(policy):
        raise ValueError(
            "renderer 'chat' needs a tokenizer of transformers with a chat template, got a "
            f"{type(tokenizer).__name__} without one: take renderer 'raw', or a model that was "
            "trained to chat"
        )
    try:
        renderer = ChatRenderer(tokenizer.tokenizer)
    except ValueError as error:
        if kind == "chat":
            raise
        logger.warning("the chat template is left out, texts are joined raw: %s", error)
        return None
    policy.tokenizer = renderer.tokenizer
    return renderer


def _has_template(policy: TransformerPolicy) -> bool:
    tokenizer = policy.tokenizer
    return isinstance(tokenizer, TransformersTokenizer) and bool(
        getattr(tokenizer.tokenizer, "chat_template", None)
    )
