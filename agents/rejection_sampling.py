"""Rejection sampling: imitate one's own episodes that a verifier calls solved.

Sources: "How LLMs learn to reason" (yeesengchan.com, 2026), part 4, the third stage of R1; Yuan et
al., "Scaling relationship on learning mathematical reasoning" (2023), "rejection sampling
fine-tuning", which keeps distinct solutions only; Anthony et al., "Thinking fast and slow with deep
learning" (2017), "expert iteration", for playing again with what was learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from llmenvs.agents.batching import shuffled_minibatches
from llmenvs.agents.episode_trainer import EpisodeTrainer
from llmenvs.agents.settings import above, at_least
from llmenvs.agents.sft import sft_batch, sft_losses
from llmenvs.agents.trainer import Iteration
from llmenvs.bench.metrics import is_solved
from llmenvs.running_episode import RolloutLimits
from llmenvs.trajectory import Trajectory, episodes_of


@dataclass(frozen=True, slots=True)
class RejectionSamplingConfig:
    """Settings.

    Attributes:
        num_groups: prompts in an iteration.
        group_size: episodes of one prompt; they share task and reset seed.
        max_per_prompt: solved episodes that are kept of a prompt, so that easy ones do not fill the
            batch; all if None.
        num_epochs: passes over what was kept.
        minibatch_size: episodes in an update.
        micro_batch_size: episodes whose gradient is computed at once; all if None.
        micro_batch_tokens: padded tokens whose gradient is computed at once, episodes of like
            length together; None leaves it to ``micro_batch_size``.
        learning_rate: of AdamW.
        max_grad_norm: where the gradient is clipped.
        limits: of a rollout.
    """

    num_groups: int = 32
    group_size: int = 8
    max_per_prompt: int | None = 4
    num_epochs: int = 1
    minibatch_size: int = 32
    micro_batch_size: int | None = None
    micro_batch_tokens: int | None = None
    learning_rate: float = 1e-3
    max_grad_norm: float = 1.0
    limits: RolloutLimits = field(default_factory=RolloutLimits)

    def __post_init__(self) -> None:
        at_least(1, num_groups=self.num_groups, group_size=self.group_size)
        at_least(1, max_per_prompt=self.max_per_prompt, num_epochs=self.num_epochs)
        at_least(1, minibatch_size=self.minibatch_size, micro_batch_size=self.micro_batch_size)
        at_least(1, micro_batch_tokens=self.micro_batch_tokens)
        above(0, learning_rate=self.learning_rate, max_grad_norm=self.max_grad_norm)


class RejectionSamplingTrainer(EpisodeTrainer[RejectionSamplingConfig]):
    """Rejection sampling as a `Trainer`.

    ``update`` has the loss in nats for a token and the gradient's norm, as means over the updates,
    and ``kept``, how many episodes were imitated.

    Args:
        envs: see `EpisodeSource`.
        policy: what learns.
        config: the settings.
        seed: of the tasks, the sampling and the minibatches.
        sampler: of the tasks; the reset seeds draw them by default.
    """

    def step(self) -> Iteration:
        """Play groups and imitate what was solved; see `Trainer.step`."""
        config = self.config
        rng = self._learner.rng()
        trajectories = self.source.play(
            rng, num_groups=config.num_groups, group_size=config.group_size
        )
        kept = solved_episodes(trajectories, max_per_prompt=config.max_per_prompt)
        update = {"loss": 0.0, "grad_norm": 0.0, "kept": float(len(episodes_of(kept)))}
        if kept:
            batch = sft_batch(kept, device=self.policy.device)
            descents = [
                self._learner.descend(
                    sft_losses(
                        self.policy,
                        batch.rows(rows),
                        config.micro_batch_size,
                        max_tokens=config.micro_batch_tokens,
                    )
                )
                for _ in range(config.num_epochs)
                for rows in shuffled_minibatches(batch.episodes, config.minibatch_size, rng)
            ]
            update["loss"] = float(np.mean([descent.loss for descent in descents]))
            update["grad_norm"] = float(np.mean([descent.grad_norm for descent in descents]))
        return Iteration.of(self._learner.finish_iteration(), trajectories, update)


def solved_episodes(
    trajectories: Sequence[Trajectory], *, max_per_prompt: int | None = None
) -> list[Trajectory]:
    """Return the trajectories of the valid, solved and distinct episodes, in their order.

    Args:
        trajectories: of whole episodes, from `rollout`.
        max_per_prompt: how many at most of those that begin with the same tokens; all if None.
    """
    kept: list[Trajectory] = []
    seen: set[bytes] = set()
    counts: dict[bytes, int] = {}
    for runs in episodes_of(trajectories):
        first = runs[0]
        whole = b"".join(run.token_ids.tobytes() for run in runs)
        prompt = first.token_ids[: first.prompt_length].tobytes()
        is_full = max_per_prompt is not None and counts.get(prompt, 0) >= max_per_prompt
        wrote = any(run.generated_mask.any() for run in runs)
        if not first.valid or not is_solved(first) or not wrote or whole in seen or is_full:
            continue
        seen.add(whole)
        counts[prompt] = counts.get(prompt, 0) + 1
        kept += runs
    return kept
