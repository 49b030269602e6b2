"""An environment by its id, for those who have the id and the options from somebody else."""

from typing import Any

import gymnasium as gym

from llmenvs.env import TextEnv


def make_text_env(env_id: str, **options: Any) -> TextEnv[Any]:
    """Return the environment of that id, without wrappers.

    Args:
        env_id: as registered with Gymnasium.
        options: of its constructor.

    Raises:
        ValueError: there is none, it cannot be made with these options or without a package that
            is not installed, or it is no `TextEnv`.

    >>> make_text_env("llmenvs/GridWorld-v0", max_turns=3).max_turns
    3
    """
    try:
        env = gym.make(env_id, **options).unwrapped
    except (gym.error.Error, TypeError, ValueError, ImportError) as error:
        raise ValueError(f"environment {env_id!r} cannot be made: {error}") from error
    if not isinstance(env, TextEnv):
        raise ValueError(f"environment {env_id!r} must be a TextEnv, got {type(env).__name__}")
    return env
