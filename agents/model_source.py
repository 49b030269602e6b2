"""The policy that a run starts from: a tiny model made on the spot, or one from a folder.

A tokenizer and a model that do not fit each other, or an environment, are refused here, before the
first episode.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from llmenvs.agents.fitted_tokenizer import fit_tokenizer
from llmenvs.agents.model_files import load_policy
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.transformer import Transformer, TransformerConfig
from llmenvs.env import TextEnv
from llmenvs.rollout import rollout
from llmenvs.running_episode import RolloutLimits
from llmenvs.tokenizers import Tokenizer

logger = logging.getLogger(__name__)

TINY = "tiny"
_TINY_VOCAB_SIZE = 512
_NUM_FITTING_EPISODES = 300
_FITTING_STREAM = 0x7F17  # apart from the streams of the iterations, which count from 0


def make_policy(
    source: str,
    make_env: Callable[[], TextEnv[Any]],
    *,
    seed: int,
    max_length: int,
    temperature: float = 1.0,
) -> TransformerPolicy:
    """Return the policy with which a run starts.

    Args:
        source: ``"tiny"``, or what `load_policy` takes. The tiny model is a `Transformer` of two
            blocks and width 64, with a tokenizer fitted to episodes of the environment's random
            policy, so that it reads few tokens.
        make_env: makes the environment, with its default tokenizer.
        seed: of the tiny model's weights and of the episodes that its tokenizer is fitted to.
        max_length: of the tiny model, in tokens.
        temperature: see `TransformerPolicy`.

    Raises:
        ValueError: there is no such model.
    """
    if source != TINY:
        return load_policy(source, temperature=temperature)
    tokenizer = _fitted(make_env(), seed)
    config = TransformerConfig(vocab_size=tokenizer.vocab_size, max_length=max_length)
    return TransformerPolicy(Transformer(config, seed=seed), tokenizer, temperature=temperature)


def check_policy(policy: TransformerPolicy, env: TextEnv[Any]) -> None:
    """Refuse a policy that could not train in ``env``.

    A tokenizer without a padding token is fine: what stands behind a sequence is masked by its
    length, and no id is needed for it.

    Args:
        policy: what is to train.
        env: where.

    Raises:
        ValueError: the vocabulary is larger than the model's embedding, or the tokenizer has no
            token to end a turn with and the environment no stop string; the message says what to
            do.
    """
    tokenizer, model = policy.tokenizer, policy.model
    rows = getattr(model, "vocab_size", None)
    if rows is not None and tokenizer.vocab_size > rows:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} ids but the model's embedding {rows} rows: "
            "take the model's own tokenizer, or resize the embedding "
            "(model.resize_token_embeddings of transformers)"
        )
    if tokenizer.end_of_turn_id is None and not env.stop_strings:
        raise ValueError(
            "the tokenizer has no end-of-sequence token and the environment no stop string, so "
            "that no completion could end: set the tokenizer's eos_token"
        )


def within_length(limits: RolloutLimits, policy: TransformerPolicy) -> RolloutLimits:
    """Return ``limits`` with episodes that are no longer than what the model reads at once.

    An episode that comes to that length is truncated with the stop reason TOKEN_LIMIT.
    """
    length = getattr(policy.model, "max_length", None)
    if length is None or limits.max_episode_tokens <= length:
        return limits
    logger.info("episodes end at %d tokens, the most that the model reads", length)
    return replace(limits, max_episode_tokens=length)


def _fitted(env: TextEnv[Any], seed: int) -> Tokenizer:
    rng = np.random.default_rng([seed, _FITTING_STREAM])
    seeds: Sequence[int] = rng.integers(2**31, size=_NUM_FITTING_EPISODES).tolist()
    episodes = rollout([env], env.scripted_policies()["random"], seeds=seeds)
    texts = [message["content"] for episode in episodes for message in episode.messages]
    return fit_tokenizer(texts, vocab_size=_TINY_VOCAB_SIZE)
