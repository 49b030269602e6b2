"""Policies by name: an environment's own scripted ones, an endpoint, a model, or an entry point."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmenvs.bench.config import BenchConfig
from llmenvs.bench.endpoint_config import RetryRules
from llmenvs.entry_points import import_entry_point
from llmenvs.env import TextEnv
from llmenvs.policy import AsyncPolicy, FunctionPolicy, Policy


@dataclass(frozen=True, slots=True)
class PolicySource:
    """Where the policy of a run comes from.

    Attributes:
        name: as in `load_policy`.
        shared: the policy of all environments; None where each environment has its own.
        env_options: what the environments must be made with, such as the policy's tokenizer.
    """

    name: str
    shared: Policy | AsyncPolicy | None = None
    env_options: Mapping[str, Any] = field(default_factory=dict)

    def policy_for(self, env: TextEnv[Any]) -> Policy | AsyncPolicy:
        """Return the policy that plays in ``env``; see `load_policy`."""
        return load_policy(self.name, env) if self.shared is None else self.shared


def open_policy(config: BenchConfig, rules: RetryRules) -> PolicySource:
    """Return where the policy of ``config`` comes from.

    Args:
        config: ``openai`` asks its endpoint, ``hf`` runs its model here; all other names are those
            of `load_policy`.
        rules: of trying an endpoint again.

    Raises:
        ValueError: there is no such model, or the key cannot stand in a header.
        ModuleNotFoundError: the extra that it needs is not installed; the message names it.
    """
    if config.endpoint is not None:
        try:
            from llmenvs.bench.endpoint_policy import EndpointPolicy
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"policy 'openai' needs the extra [bench]: pip install 'llmenvs[bench]' ({error})"
            ) from error
        return PolicySource("openai", EndpointPolicy(config.endpoint, rules=rules))
    if config.policy == "hf":
        return _model(config)
    return PolicySource(config.policy)


def _model(config: BenchConfig) -> PolicySource:
    try:
        from llmenvs.agents.model_files import load_policy as load_model
        from llmenvs.tokenizers import TransformersTokenizer
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "policy 'hf' needs the extras [agents] and [chat]: "
            f"pip install 'llmenvs[agents,chat]' ({error})"
        ) from error
    policy = load_model(str(config.model), temperature=config.temperature)
    if not config.chat:
        return PolicySource("hf", policy, {"tokenizer": policy.tokenizer})
    if not isinstance(policy.tokenizer, TransformersTokenizer):
        raise ValueError(
            "chat needs a tokenizer of transformers with a chat template, "
            f"got a {type(policy.tokenizer).__name__}"
        )
    from llmenvs.chat_renderer import ChatRenderer

    return PolicySource("hf", policy, {"renderer": ChatRenderer(policy.tokenizer.tokenizer)})


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
    if ":" not in name:
        raise ValueError(
            f"no policy {name!r}: there are {', '.join(scripted)}, openai, hf, "
            "or give your own as package.module:name"
        )
    found = import_entry_point(name, what=f"policy {name!r}")
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
