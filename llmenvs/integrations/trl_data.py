"""Data sets for TRL: one row an episode, which names its task and its seed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from llmenvs.env import TextEnv
from llmenvs.env_making import make_text_env
from llmenvs.integrations.versions import check_version

TESTED = "1.16.0"


class Episode(NamedTuple):
    """What decides an episode but for the policy."""

    task_id: str
    seed: int


def prompt_dataset(
    env_id: str,
    *,
    num_prompts: int,
    seed: int = 0,
    task_fields: Sequence[str] = (),
    env_options: Mapping[str, Any] | None = None,
) -> Any:
    """Return a `datasets.Dataset` of ``num_prompts`` episodes' first messages.

    The columns are ``prompt``, a list of messages, ``task_id`` and ``seed``. Each message holds the
    task and the seed as well, since a ``rollout_func`` is given prompts and no other column.

    Args:
        env_id: of a `TextEnv`.
        num_prompts: at least 1.
        seed: another seed draws other episodes.
        task_fields: of the tasks, to become columns, such as ``["answer"]`` for `reward_function`.
        env_options: of the environment's constructor; give the same to `rollout_function`.

    Raises:
        ValueError: there is no such environment, or a task without one of the fields.
    """
    env = make_text_env(env_id, **(env_options or {}))
    return dataset_of(env, num_prompts=num_prompts, seed=seed, task_fields=task_fields)


def dataset_of(
    env: TextEnv[Any], *, num_prompts: int, seed: int, task_fields: Sequence[str]
) -> Any:
    """Return `prompt_dataset` of an environment that is made."""
    check_version("trl", tested=TESTED, extra="trl")
    if num_prompts < 1:
        raise ValueError(f"num_prompts must be at least 1, got {num_prompts}")
    from datasets import Dataset  # type: ignore[import-untyped]  # it has no type information

    return Dataset.from_list([_row(env, seed, index, task_fields) for index in range(num_prompts)])


def episode_in(prompt: Any) -> Episode:
    """Return the episode that a prompt of `prompt_dataset` names.

    Raises:
        ValueError: it names none.
    """
    first = prompt[0] if isinstance(prompt, list) and prompt else None
    if not isinstance(first, Mapping) or first.get("task_id") is None or first.get("seed") is None:
        raise ValueError(
            "a prompt must be a list of messages that name their task_id and seed: make the data "
            f"set by prompt_dataset(env_id), got {prompt!r:.200}"
        )
    return Episode(str(first["task_id"]), int(first["seed"]))


def check_dataset(dataset: Any, args: Any, *, columns: Sequence[str] = ("prompt",)) -> None:
    """Refuse a data set on which TRL would fail, or train no step with nothing but a warning.

    Args:
        dataset: a `datasets.Dataset`.
        args: the `trl.GRPOConfig`.
        columns: that it must have.

    Raises:
        ValueError: a column is missing, or the rows are fewer than one batch takes; the message
            says what to change.
    """
    missing = [name for name in columns if name not in dataset.column_names]
    if missing:
        raise ValueError(
            f"the data set must have the columns {list(columns)}, and has {dataset.column_names}: "
            f"add {missing}, or make it by prompt_dataset(env_id, task_fields={missing})"
        )
    per_batch = args.generation_batch_size // args.num_generations
    if len(dataset) < per_batch:
        raise ValueError(
            f"one batch takes {per_batch} prompts (generation_batch_size "
            f"{args.generation_batch_size} in groups of num_generations {args.num_generations}), "
            f"and the data set has {len(dataset)}: TRL would train no step; add prompts, or take "
            "a smaller generation_batch_size"
        )


def _row(env: TextEnv[Any], seed: int, index: int, task_fields: Sequence[str]) -> dict[str, Any]:
    episode_seed = int(np.random.default_rng([seed, index]).integers(2**31))
    _, info = env.reset(seed=episode_seed)
    carried = {"task_id": info["task_id"], "seed": episode_seed}
    prompt = [
        {"role": message["role"], "content": message["content"], **carried}
        for message in env.transcript.messages
    ]
    task = env.tasks.find(info["task_id"])
    missing = [name for name in task_fields if name not in task]
    if missing:
        raise ValueError(f"task {info['task_id']!r} has the fields {sorted(task)}, no {missing}")
    return {"prompt": prompt, **carried, **{name: task[name] for name in task_fields}}
