"""Reward functions for TRL's ``reward_funcs``: a verifier's, and the environment's own."""

from collections.abc import Sequence
from typing import Any

from llmenvs.integrations.trl_samples import POLICY_TEXT
from llmenvs.verifiers.reward_function import RewardFunction, as_reward_function
from llmenvs.verifiers.scoring import TIMEOUT_S
from llmenvs.verifiers.verdict import Verifier


def reward_function(
    verifier: Verifier,
    *,
    target_column: str | None = "answer",
    workers: int = 0,
    timeout_s: float = TIMEOUT_S,
    name: str | None = None,
) -> RewardFunction:
    r"""Return what ``GRPOTrainer(reward_funcs=…)`` takes: completions and columns to rewards.

    An undecided verdict is None, which TRL leaves out of the group. Completions are texts or
    messages, of which only the assistant's count. Beside `rollout_function` the verifier sees what
    the policy wrote and not what TRL decodes of the whole sample, the environment's text included.

    Args:
        verifier: any `Verifier`.
        target_column: of the data set, with the targets; None for a verifier that takes none.
        workers: processes to score in; 0 for none.
        timeout_s: wall seconds that a completion may take in a worker.
        name: under which TRL logs the mean.

    Raises:
        ValueError: when called, the data set lacks the column.

    >>> from llmenvs.verifiers import MathVerifier
    >>> reward = reward_function(MathVerifier())
    >>> reward(prompts=["2 + 3?"], completions=[r"It is \boxed{5}"], answer=["5"])
    [1.0]
    """
    score = as_reward_function(
        verifier,
        undecided=None,
        target_column=target_column,
        workers=workers,
        timeout_s=timeout_s,
        name=name,
    )

    def reward(completions: Sequence[Any], **columns: Any) -> list[float | None]:
        texts = columns.pop(POLICY_TEXT, None)
        return score(completions=completions if texts is None else texts, **columns)

    reward.__name__ = score.__name__
    return reward


def environment_reward(
    completions: Sequence[Any], *, env_reward: Sequence[float | None] | None = None, **columns: Any
) -> list[float | None]:
    """Return the environment's own reward of each sample, None where it is undecided.

    Raises:
        ValueError: the samples do not come from `rollout_function`.
    """
    if env_reward is None:
        raise ValueError(
            "environment_reward needs rollout_func=rollout_function(env_id), which brings the "
            f"column env_reward; got the columns {sorted(columns)}"
        )
    return list(env_reward)
