"""`play_episode`: one episode with whatever samples tokens for a trainer, as a `Trajectory`.

Trainers that let user code play an episode hand over an engine and a tokenizer. The engine is an
`AsyncPolicy` here, and the episode is that of `rollout_async`: the ids as sampled, masks by
construction, and a fault of the environment is an undecided episode with all that was written.
"""

from typing import Any

from llmenvs.async_rollout import rollout_async
from llmenvs.integrations.episodes import EnvPool, EpisodeSpec
from llmenvs.policy import AsyncPolicy
from llmenvs.renderers import RawRenderer, Renderer
from llmenvs.running_episode import RolloutLimits
from llmenvs.tokenizers import as_tokenizer
from llmenvs.trajectory import StopReason, Trajectory


async def play_episode(
    spec: EpisodeSpec,
    policy: AsyncPolicy,
    *,
    pool: EnvPool,
    renderer: Renderer,
    limits: RolloutLimits,
) -> Trajectory:
    """Play the episode of ``spec``.

    Raises:
        ValueError: the environment cannot be made or has no such task; or the chat template split
            the episode, for which a trainer that takes one sample for each prompt has no place.
        Exception: what the policy raised on its first prompt.
    """
    with pool.borrow(spec, renderer=renderer) as env:
        trajectories = await rollout_async(
            [env], policy, seeds=[spec.seed], task_ids=[spec.task_id], limits=limits
        )
    first = trajectories[0]
    if first.stop_reason is StopReason.ERROR and not len(first.turn_rewards):
        raise ValueError(
            f"the episode of task {spec.task_id!r} in {spec.env_id!r} cannot start: "
            f"{first.info.get('error')}"
        )
    if len(trajectories) != 1:
        raise ValueError(
            f"the chat template split the episode of task {spec.task_id!r} into "
            f"{len(trajectories)} samples, and this trainer takes one: use a template that never "
            "changes what it wrote before"
        )
    return first


def renderer_for(tokenizer: Any) -> Renderer:
    """Return a renderer through the chat template of ``tokenizer``, or of plain text without one.

    Raises:
        ValueError: a template that cannot be used; the message says what to do.
    """
    from llmenvs.chat_renderer import ChatRenderer

    if getattr(tokenizer, "chat_template", None):
        return ChatRenderer(tokenizer)
    return RawRenderer(as_tokenizer(tokenizer))
