"""What both implementations of `training_lm` share: the setup, the environments, the reward."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from llmenvs.agents.environments import make_envs as make_text_envs
from llmenvs.agents.policy import TransformerPolicy
from llmenvs.agents.rendering import renderer_of
from llmenvs.env import TextEnv


@dataclass(frozen=True, slots=True)
class Setup:
    """One run.

    Attributes:
        env: its id.
        model: a folder, or a name.
        device: of torch.
        steps: updates that are measured; one more comes before.
        groups: prompts in a step.
        group_size: episodes of a prompt.
        max_new_tokens: of a completion.
        micro_batch_size: episodes whose gradient is computed at once.
        gradient_checkpointing: whether layers are computed again.
        static_decoding: of ours.
        threads: of torch.
        learning_rate: of AdamW.
    """

    env: str
    model: str
    device: str
    steps: int
    groups: int
    group_size: int
    max_new_tokens: int
    micro_batch_size: int
    gradient_checkpointing: bool
    static_decoding: bool
    threads: int
    learning_rate: float = 1e-6

    @property
    def samples(self) -> int:
        """Episodes in a step."""
        return self.groups * self.group_size

    @classmethod
    def names(cls) -> set[str]:
        """Return what the command line sets."""
        return {field.name for field in fields(cls)} - {"env", "learning_rate"}

    def to_json(self) -> str:
        """Return all of it in a line."""
        return json.dumps(asdict(self))


def make_envs(setup: Setup, policy: TransformerPolicy) -> list[TextEnv[Any]]:
    """Return an environment for each episode of a step, rendered by the chat template."""
    renderer = renderer_of(policy, None)
    return list(
        make_text_envs(
            setup.samples, {setup.env: 1.0}, {}, tokenizer=policy.tokenizer, renderer=renderer
        )
    )


def extra_reward(token_ids: Iterable[int]) -> float:
    """Return what what was written gets besides, so that the members of a group differ."""
    return 0.01 * (sum(token_ids) % 7)
