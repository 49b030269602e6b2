"""An environment by its id, for those who have the id and the options from somebody else."""

from collections.abc import Iterable, Mapping
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


def options_of_env(env_id: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of ``options`` that an environment is made with.

    >>> options_of_env("A-v0", {"max_turns": 3, "A-v0:max_turns": 4, "B-v0:size": 5})
    {'max_turns': 4}
    """
    own = {
        name.removeprefix(f"{env_id}:"): value
        for name, value in options.items()
        if name.startswith(f"{env_id}:")
    }
    return {**{name: value for name, value in options.items() if ":" not in name}, **own}


def check_option_owners(env_ids: Iterable[str], options: Mapping[str, Any]) -> None:
    """Refuse an option ``ID:NAME`` of an environment that there is not.

    Raises:
        ValueError: there is one.
    """
    known = list(env_ids)
    for name in options:
        owner, colon, _ = name.rpartition(":")
        if colon and owner not in known:
            raise ValueError(f"option {name!r} is of none of the environments {known}")
