"""Data sets for verl (0.9), and the reward function that scores by a verifier of a row.

`write_dataset` writes the Parquet file of episodes that `llmenvs.integrations.verl` plays.
`compute_score` is verl's custom reward function, for completions that verl samples itself:

    reward.custom_reward_function.path=pkg://llmenvs.integrations.verl_data
    reward.custom_reward_function.name=compute_score

verl hands over the whole response, and in rollouts of several turns that holds what tools and
environments wrote; so more than one turn is refused here, and scored by the agent loop instead.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmenvs.integrations.episodes import draw_episodes
from llmenvs.verifiers.registry import load_verifier
from llmenvs.verifiers.scoring import score_many
from llmenvs.verifiers.verdict import Verifier

AGENT_NAME = "llmenvs"
"""Of `LlmenvsAgentLoop`, in verl's registry and in the rows."""


class UndecidedError(RuntimeError):
    """A verifier could not decide, through no fault of the policy, and verl needs a number."""


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    undecided: float | None = None,
    **_: Any,
) -> dict[str, float]:
    r"""Return ``{"score", "acc", "undecided"}`` of one completion.

    Args:
        data_source: the verifier's name, unless ``extra_info["verifier"]`` names one.
        solution_str: what the policy wrote.
        ground_truth: the target; JSON where the verifier's target is no text.
        extra_info: of the row; ``verifier_options`` are JSON for the verifier's constructor.
        undecided: the score of what could not be decided, by
            ``reward.custom_reward_function.reward_kwargs``; None raises, since every number would
            train on a verdict that nobody gave.

    Raises:
        ValueError: there is no such verifier, or the rollout had several turns.
        UndecidedError: see ``undecided``.

    >>> compute_score("math", r"It is \boxed{5}.", "5")
    {'score': 1.0, 'acc': 1.0, 'undecided': 0.0}
    """
    info = extra_info or {}
    if int(info.get("num_turns") or 0) > 2:  # verl counts messages: the prompt and the completion
        raise ValueError(
            f"compute_score scores one completion, got a rollout of {info['num_turns']} messages, "
            "whose text is in part the environment's: use agent_name 'llmenvs', which brings the "
            "environment's own reward"
        )
    options = info.get("verifier_options") or "{}"
    verifier = _verifier(info.get("verifier") or data_source, options)
    [verdict] = score_many(verifier, [solution_str], [_target(ground_truth)])
    if verdict.score is not None:
        return {"score": verdict.score, "acc": float(bool(verdict.success)), "undecided": 0.0}
    if undecided is None:
        raise UndecidedError(
            f"the verifier could not decide ({verdict.reason}); to go on, choose a stand-in by "
            "reward.custom_reward_function.reward_kwargs.undecided=0.0"
        )
    return {"score": undecided, "acc": 0.0, "undecided": 1.0}


def episode_rows(
    env_id: str,
    *,
    num_prompts: int,
    seed: int = 0,
    env_options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return rows of episodes for the agent loop, with the columns that verl reads.

    Raises:
        ValueError: there is no such environment, or no prompts.
    """
    episodes = draw_episodes(env_id, num_episodes=num_prompts, seed=seed, env_options=env_options)
    return [
        {
            "prompt": [dict(message) for message in episode.messages],
            "data_source": env_id,
            "ability": "llmenvs",
            "agent_name": AGENT_NAME,
            "reward_model": {"style": "rule", "ground_truth": ""},  # the environment has it
            "extra_info": {"index": index, **episode.spec.to_dict()},
        }
        for index, episode in enumerate(episodes)
    ]


def write_dataset(path: str | Path, rows: list[dict[str, Any]], *, batch_size: int = 1) -> None:
    """Write rows as Parquet.

    Args:
        path: of the file.
        rows: of `episode_rows`, or others with verl's columns.
        batch_size: ``data.train_batch_size``: verl drops what does not fill a batch, so that fewer
            rows would train nothing.

    Raises:
        ValueError: a row without one of verl's columns, or fewer rows than a batch.
    """
    import pyarrow as pa
    from pyarrow import parquet

    needed = {"prompt", "data_source", "reward_model"}
    for number, row in enumerate(rows):
        if missing := needed - set(row):
            raise ValueError(f"row {number} must have the columns {sorted(missing)}, too")
    if len(rows) < max(1, batch_size):
        raise ValueError(
            f"rows must fill one batch of {batch_size}, got {len(rows)}: add prompts, or take a "
            "smaller data.train_batch_size"
        )
    parquet.write_table(pa.Table.from_pylist(rows), path)


@functools.lru_cache(maxsize=64)
def _verifier(name: str, options: str) -> Verifier:
    return load_verifier(name, json.loads(options))


def _target(ground_truth: Any) -> Any:
    """Return the target of a row; targets that are no text are kept as JSON in Parquet."""
    if isinstance(ground_truth, str) and ground_truth[:1] in ("[", "{"):
        try:
            return json.loads(ground_truth)
        except ValueError:
            return ground_truth  # a text that begins so
    return ground_truth
