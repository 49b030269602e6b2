"""The environments that a server offers: each by its id, with the options it is made with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env
from llmenvs.policy import Policy, Prompt
from llmenvs.serving.errors import ServiceError
from llmenvs.serving.protocol import EnvDescription, PolicyRequest


@dataclass(frozen=True, slots=True)
class ServedEnv:
    """One environment to serve.

    Attributes:
        env_id: as registered with Gymnasium.
        options: of its constructor.
    """

    env_id: str
    options: Mapping[str, Any]

    def make(self) -> TextEnv[Any]:
        """Return one of its own for a session."""
        return make_text_env(self.env_id, **self.options)


class EnvHost:
    """What can be asked of a server before there is any session.

    Args:
        envs: at least one, each id once. One of each is made at once, so that a mistake in the
            options shows at the start.
        scripted_policies: whether clients may ask the scripted policies, of which the oracle knows
            the answers.

    Raises:
        ValueError: no environments, an id that comes twice, or one that cannot be made.
    """

    def __init__(self, envs: Sequence[ServedEnv], *, scripted_policies: bool = False) -> None:
        ids = [served.env_id for served in envs]
        if not ids or len(set(ids)) != len(ids):
            raise ValueError(f"give at least one environment, each id once, got {ids}")
        self._served = {served.env_id: served for served in envs}
        self._samples = {served.env_id: served.make() for served in envs}
        self._policies: dict[str, Mapping[str, Policy]] | None = None
        if scripted_policies:
            self._policies = {
                env_id: env.scripted_policies() for env_id, env in self._samples.items()
            }

    @property
    def env_ids(self) -> list[str]:
        """The ids, in the order in which they were given."""
        return list(self._served)

    def resolve(self, env_id: str | None) -> str:
        """Return the id that is meant; None means the only one.

        Raises:
            ServiceError: it is not served, or several are and none was named.
        """
        if env_id is None and len(self._served) == 1:
            return next(iter(self._served))
        if env_id is None:
            raise ServiceError(
                422, "env_id_needed", f"say which env_id: this server has {self.env_ids}"
            )
        if env_id not in self._served:
            raise ServiceError(
                404, "unknown_env", f"no environment {env_id!r}: this server has {self.env_ids}"
            )
        return env_id

    def make(self, env_id: str) -> TextEnv[Any]:
        """Return a new environment of that id."""
        return self._served[env_id].make()

    def describe(self) -> list[EnvDescription]:
        """Return what a client must know of each environment before it is reset."""
        return [
            EnvDescription(
                env_id=env_id,
                dataset_hash=env.tasks.content_hash,
                stop_strings=env.stop_strings,
                cuts_at_stop=env.cuts_at_stop,
                mask_environment=env.mask_environment,
                max_observation_length=env.observation_space.max_length,  # type: ignore[attr-defined]  # a UnicodeText
                scripted_policies=self._policies is not None,
            )
            for env_id, env in self._samples.items()
        ]

    def act(self, request: PolicyRequest) -> str:
        """Return what a scripted policy writes.

        Raises:
            ServiceError: the server does not offer them, or the policy cannot read the prompt.
        """
        env_id = self.resolve(request.env_id)
        if self._policies is None:
            raise ServiceError(
                404, "no_policies", "this server does not answer for scripted policies"
            )
        prompt = Prompt(
            episode_id="served",
            token_ids=(),
            text=request.text,
            messages=request.messages,
            tools=request.tools,
            stop_strings=request.stop_strings,
            seed=request.seed,
            max_new_tokens=2**20,
        )
        try:
            return str(self._policies[env_id][request.policy].act([prompt])[0])
        except (ValueError, LookupError) as error:
            raise ServiceError(
                422, "unreadable_prompt", f"{request.policy} cannot read the prompt: {error}"
            ) from error

    def close(self) -> None:
        """Close the environments of its own."""
        for env in self._samples.values():
            env.close()
