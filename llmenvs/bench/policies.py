"""Policies by name: an environment's own scripted ones, or a Python entry point."""

import importlib
from typing import Any

from llmenvs.env import TextEnv
from llmenvs.policy import AsyncPolicy, FunctionPolicy, Policy


def load_policy(name: str, env: TextEnv[Any]) -> Policy | AsyncPolicy:
    """Return the policy of that name.

    Args:
        name: ``oracle``, ``random``, ``noop`` or another scripted policy of the environment, or
            ``package.module:name``. The entry point may be a policy, a class or function without
            arguments that makes one, or a function from a `Prompt` to a text.
        env: whose scripted policies are meant.

    Raises:
        ValueError: there is none of that name, or the entry point is none of those kinds.

    >>> import gymnasium, llmenvs
    >>> env = gymnasium.make("llmenvs/GridWorld-v0").unwrapped
    >>> type(load_policy("random", env)).__name__
    'FunctionPolicy'
    """
    scripted = env.scripted_policies()
    if name in scripted:
        return scripted[name]
    module_name, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(
            f"no policy {name!r}: there are {', '.join(scripted)}, "
            "or give your own as package.module:name"
        )
    try:
        found: Any = importlib.import_module(module_name)
        for step in attribute.split("."):
            found = getattr(found, step)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"policy {name!r} cannot be imported: {error}") from error
    return _as_policy(found, name)


def _as_policy(found: Any, name: str) -> Policy | AsyncPolicy:
    if isinstance(found, type):
        found = found()
    if isinstance(found, Policy | AsyncPolicy):
        return found
    if callable(found):
        made = found() if _takes_nothing(found) else None
        if isinstance(made, Policy | AsyncPolicy):
            return made
        if made is None:
            return FunctionPolicy(found)
        found = made
    raise ValueError(
        f"policy {name!r} must have act or act_one, make such a policy without arguments, or be a "
        f"function from a Prompt to a str, got {type(found).__name__}"
    )


def _takes_nothing(function: Any) -> bool:
    import inspect  # needed for entry points alone

    return not inspect.signature(function).parameters
