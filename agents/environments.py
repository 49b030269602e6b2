"""The environments of a run: one, or several that each episode is drawn from by weight."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmenvs.env import TextEnv
from llmenvs.env_making import check_option_owners, make_text_env, options_of_env
from llmenvs.mixtures import MixtureEnv
from llmenvs.renderers import Renderer
from llmenvs.tokenizers import Tokenizer


def parse_env(word: str) -> tuple[str, float]:
    """Read ``ID`` or ``ID:WEIGHT``; the weight is 1 where there is none.

    >>> parse_env("llmenvs/MathAnswer-v0:0.7"), parse_env("my_package:My-v0")
    (('llmenvs/MathAnswer-v0', 0.7), ('my_package:My-v0', 1.0))

    Raises:
        ValueError: there is no id.
    """
    env_id, colon, weight = word.rpartition(":")
    try:
        share = float(weight)
    except ValueError:
        return word, 1.0
    if not colon or not env_id:
        raise ValueError(f"an environment is ID or ID:WEIGHT, got {word!r}")
    return env_id, share


def make_env(
    weights: Mapping[str, float],
    options: Mapping[str, Any],
    *,
    tokenizer: Tokenizer | None = None,
    renderer: Renderer | None = None,
) -> TextEnv[Any]:
    """Return the environment, or the mixture of several.

    Args:
        weights: by environment id, above 0; they need not sum to 1.
        options: what the constructors take, of all environments; ``ID:NAME`` is of that one alone.
        tokenizer: of the policy; the environment's default where there is none.
        renderer: in place of ``tokenizer``.

    Raises:
        ValueError: an environment that cannot be made, or is no `TextEnv`; an option of no
            environment; a weight that is not above 0.
    """
    _check_options(weights, options)
    if len(weights) == 1:
        (env_id,) = weights
        rendering = {"tokenizer": tokenizer, "renderer": renderer}
        given = {name: value for name, value in rendering.items() if value is not None}
        return make_text_env(env_id, **options_of_env(env_id, options), **given)
    envs = {env_id: make_text_env(env_id, **options_of_env(env_id, options)) for env_id in weights}
    return MixtureEnv(envs, weights, tokenizer=tokenizer, renderer=renderer)


def make_envs(
    count: int,
    weights: Mapping[str, float],
    options: Mapping[str, Any],
    *,
    tokenizer: Tokenizer,
    renderer: Renderer | None = None,
) -> Sequence[TextEnv[Any]]:
    """Return ``count`` of them, for as many episodes at once; see `make_env`."""
    chosen = {"tokenizer": tokenizer} if renderer is None else {"renderer": renderer}
    return [make_env(weights, options, **chosen) for _ in range(count)]


def _check_options(weights: Mapping[str, float], options: Mapping[str, Any]) -> None:
    if not weights:
        raise ValueError("there must be at least one environment, got none")
    check_option_owners(weights, options)
