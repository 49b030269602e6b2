"""What PPO learns from: rewards, values, advantages and returns on the tokens of the policy.

Sources: "How LLMs learn to reason" (yeesengchan.com, 2026), part 1, fix 3 and level 4; Schulman et
al. (2016), eq. 16. An action is a token of the policy. What the environment wrote is no step, but
it is read: the value of a token's state is read at the position that predicts the token, so at the
last token of a turn the residual sees the value at the last token of the tool's answer.

Axes: E episodes, B sequences (one for each run of an episode), T tokens, N tokens of the policy in
an episode.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from llmenvs.agents.advantages import generalized_advantages, whiten
from llmenvs.agents.batching import TrainingBatch, require_logprobs, training_batch
from llmenvs.trajectory import Trajectory, collate, episodes_of


@dataclass(frozen=True, slots=True)
class EpisodeBatch:
    """The valid episodes of an iteration, before anything is estimated.

    Attributes:
        tokens: the sequences; all weights are 0.
        rewards: (B, T) float32, of the environment; 0.0 off the mask.
        lengths: (B,) int64, tokens of each sequence, what the environment wrote last included.
        truncated: (B,) bool, True for the last run of an episode that was cut.
    """

    tokens: TrainingBatch
    rewards: Tensor
    lengths: Tensor
    truncated: Tensor


@dataclass(frozen=True, slots=True)
class PPOBatch:
    """What an epoch of PPO goes over.

    Attributes:
        tokens: the sequences, with the advantages as weights.
        old_values: (B, T) float32, of each token's state when it was sampled; 0.0 off the mask.
        returns: (B, T) float32, what the values should be; 0.0 off the mask.
    """

    tokens: TrainingBatch
    old_values: Tensor
    returns: Tensor

    def rows(self, indices: Tensor) -> "PPOBatch":
        """Return some of the sequences, see `TrainingBatch.rows`."""
        tokens = self.tokens.rows(indices)
        width = tokens.token_ids.shape[1]
        return PPOBatch(tokens, self.old_values[indices, :width], self.returns[indices, :width])


def episode_batch(
    trajectories: Sequence[Trajectory], *, device: torch.device
) -> EpisodeBatch | None:
    """Return the tensors of the valid episodes in which the policy wrote something, or None.

    Raises:
        ValueError: the policy did not tell its log-probabilities.
    """
    valid = [trajectory for trajectory in trajectories if trajectory.valid]
    kept = [
        run
        for runs in episodes_of(valid)
        if any(run.generated_mask.any() for run in runs)
        for run in runs
    ]
    if not kept:
        return None
    require_logprobs(kept, algorithm="PPO")
    tokens = training_batch(kept, [[0.0] * len(run.turn_rewards) for run in kept], device=device)
    return EpisodeBatch(
        tokens,
        rewards=torch.from_numpy(collate(kept, pad_token_id=0).rewards).to(device),
        lengths=torch.tensor([len(run.token_ids) for run in kept], device=device),
        truncated=torch.tensor([run.truncated for run in kept], device=device),
    )


def ppo_batch(
    episodes: EpisodeBatch,
    values: Tensor,
    *,
    discount: float,
    gae_lambda: float,
    kl_coefficient: float = 0.0,
    bootstrap_truncated: bool = False,
    whiten_advantages: bool = True,
) -> PPOBatch:
    """Return what an epoch goes over.

    Args:
        episodes: with ``ref_logprobs`` in their tokens if there is a KL term.
        values: (B, T), at each position of everything up to it.
        discount: for each token of the policy, in [0, 1].
        gae_lambda: in [0, 1].
        kl_coefficient: of ``log pi_old - log pi_ref``, which is taken off the reward of each token.
        bootstrap_truncated: the return of an episode that was cut goes on with the value after its
            last token. Right where the task knows no limit; wrong where to keep to it is part of
            the task, as a value after the end would then reward running into it.
        whiten_advantages: shift and scale them to mean 0 and variance 1 over all tokens.
    """
    tokens = episodes.tokens
    rewards = episodes.rewards
    if tokens.ref_logprobs is not None:
        rewards = rewards - kl_coefficient * (tokens.old_logprobs - tokens.ref_logprobs)
    at_tokens = torch.nn.functional.pad(values[:, :-1], (1, 0))  # of the state before each token
    last_values = torch.zeros_like(values[:, 0])
    if bootstrap_truncated:
        after = values.gather(1, episodes.lengths[:, None] - 1)[:, 0]
        last_values = torch.where(episodes.truncated, after, 0.0)
    numbers, index = tokens.episodes.unique(return_inverse=True)
    packed_mask, pack = _packing(tokens.loss_mask, index, len(numbers))
    packed = generalized_advantages(
        pack(rewards),
        pack(at_tokens),
        packed_mask,
        discount=discount,
        gae_lambda=gae_lambda,
        last_values=last_values.new_zeros(len(numbers)).index_add(0, index, last_values),
    )
    advantages = torch.zeros_like(rewards).masked_scatter(tokens.loss_mask, packed[packed_mask])
    old_values = torch.where(tokens.loss_mask, at_tokens, 0.0)
    returns = advantages + old_values
    if whiten_advantages:
        advantages = whiten(advantages, tokens.loss_mask)
    return PPOBatch(replace(tokens, weights=advantages), old_values, returns)


def _packing(
    loss_mask: Tensor, index: Tensor, num_episodes: int
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return the mask (E, N) of each episode's tokens side by side, and how to bring them there.

    The runs of an episode follow each other; with a boolean mask, both sides are read by rows.
    """
    counts = torch.zeros(num_episodes, dtype=torch.long, device=loss_mask.device)
    counts = counts.index_add(0, index, loss_mask.sum(1))
    packed_mask = torch.arange(int(counts.max()), device=loss_mask.device) < counts[:, None]

    def pack(values: Tensor) -> Tensor:
        empty = values.new_zeros(packed_mask.shape)
        return empty.masked_scatter(packed_mask, values[loss_mask])

    return packed_mask, pack
