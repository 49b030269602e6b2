"""Two runs compared task by task, which is far sharper than two means side by side.

A task's value is the mean over its valid samples, and only tasks count that both runs decided. The
difference of the means has a bootstrap interval over tasks and a p value by the paired permutation
test (random flips of the signs; exact for few tasks). Where each task was played once in both, the
successes are also compared by McNemar's exact test. No correction is made for several tests.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmenvs.bench.episode_record import EpisodeRecord, read_episodes
from llmenvs.bench.intervals import cluster_intervals
from llmenvs.bench.run_files import read_owner

NUM_PERMUTATIONS = 9_999
_STREAM = 0xC03A
_MUST_AGREE = ("envs", "dataset_hashes")
_MAY_DIFFER = ("env_options", "seed", "max_new_tokens", "max_episode_tokens", "endpoint")

TaskKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """B less A of one measure, over the tasks that both decided.

    Attributes:
        mean_a: of A.
        mean_b: of B.
        difference: of the means, B less A.
        ci95: of the difference; None for fewer than two tasks.
        p_value: of the paired permutation test, two-sided.
    """

    mean_a: float
    mean_b: float
    difference: float
    ci95: tuple[float, float] | None
    p_value: float


@dataclass(frozen=True, slots=True)
class McNemar:
    """Tasks that one run alone solved, and the exact two-sided p value.

    Attributes:
        only_a: solved by A and not by B.
        only_b: the reverse.
        p_value: that they differ so much by chance.
    """

    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the comparison of some tasks gives.

    Attributes:
        num_pairs: tasks that both decided.
        num_left_out: tasks that one of the two has not, or has not decided.
        success: of the success rates.
        reward: of the rewards.
        mcnemar: None where a task was played several times.
    """

    num_pairs: int
    num_left_out: int
    success: Difference
    reward: Difference
    mcnemar: McNemar | None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict with the keys of the fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Two runs.

    Attributes:
        overall: of all tasks.
        by_env: of those of each environment.
        by_category: of those of each category, as "environment: category"; only where there are
            several.
        differing: what the runs differ in beside the policy, which may be why they differ.
    """

    overall: Comparison
    by_env: Mapping[str, Comparison]
    by_category: Mapping[str, Comparison]
    differing: Mapping[str, tuple[Any, Any]]


_Outcome = list[tuple[float, float]]
"""(reward, success) of each valid sample of a task."""


def compare_runs(folder_a: Path, folder_b: Path) -> RunComparison:
    """Compare two runs.

    Raises:
        ValueError: one is no run, they are of other environments or tasks, or share no task; the
            message says in what they differ.
        OSError: one cannot be read.
    """
    owner_a, owner_b = read_owner(folder_a), read_owner(folder_b)
    for key in _MUST_AGREE:
        if owner_a[key] != owner_b[key]:
            raise ValueError(
                f"{folder_a} and {folder_b} cannot be compared: {key} is {owner_a[key]!r} in the "
                f"one and {owner_b[key]!r} in the other"
            )
    tasks_a, categories = _outcomes(read_episodes(folder_a))
    tasks_b, more = _outcomes(read_episodes(folder_b))
    categories |= more
    keys = sorted({*tasks_a, *tasks_b})
    if not any(tasks_a.get(key) and tasks_b.get(key) for key in keys):
        raise ValueError(f"{folder_a} and {folder_b} share no task that both decided")

    def compared(groups: Mapping[str, Sequence[TaskKey]]) -> dict[str, Comparison]:
        found = {name: _compare(members, tasks_a, tasks_b) for name, members in groups.items()}
        return {name: one for name, one in found.items() if one is not None}

    overall = compared({"all": keys})["all"]
    by_category = _grouped(keys, {k: f"{k[0]}: {c}" for k, c in categories.items()})
    return RunComparison(
        overall,
        compared(_grouped(keys, {key: key[0] for key in keys})),
        compared(by_category) if len(by_category) > 1 else {},
        {
            key: (owner_a.get(key), owner_b.get(key))
            for key in _MAY_DIFFER
            if owner_a.get(key) != owner_b.get(key)
        },
    )


def paired_difference(a: NDArray[np.float64], b: NDArray[np.float64]) -> Difference:
    """Return B less A of (N,) paired values, N at least 1.

    >>> paired_difference(np.zeros(8), np.ones(8)).p_value
    0.0078125
    """
    differences = b - a
    interval = cluster_intervals(differences[:, None], np.ones(len(a), np.int64))
    return Difference(
        float(a.mean()),
        float(b.mean()),
        float(differences.mean()),
        None if interval is None else interval[0],
        _sign_flip_p_value(differences),
    )


def mcnemar(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> McNemar:
    """Return McNemar's exact test of (N,) paired successes.

    >>> mcnemar(np.array([True] * 5 + [False]), np.array([False] * 5 + [True])).p_value
    0.21875
    """
    from scipy.stats import binomtest

    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    total = only_a + only_b
    p_value = float(binomtest(only_a, total).pvalue) if total else 1.0
    return McNemar(only_a, only_b, p_value)


def _compare(
    keys: Sequence[TaskKey],
    tasks_a: Mapping[TaskKey, _Outcome],
    tasks_b: Mapping[TaskKey, _Outcome],
) -> Comparison | None:
    pairs = [(tasks_a[k], tasks_b[k]) for k in keys if tasks_a.get(k) and tasks_b.get(k)]
    if not pairs:
        return None
    a = np.array([np.mean(one, axis=0) for one, _ in pairs])
    b = np.array([np.mean(other, axis=0) for _, other in pairs])
    single = all(len(one) == len(other) == 1 for one, other in pairs)
    return Comparison(
        num_pairs=len(pairs),
        num_left_out=len(keys) - len(pairs),
        success=paired_difference(a[:, 1], b[:, 1]),
        reward=paired_difference(a[:, 0], b[:, 0]),
        mcnemar=mcnemar(a[:, 1] == 1.0, b[:, 1] == 1.0) if single else None,
    )


def _sign_flip_p_value(differences: NDArray[np.float64]) -> float:
    from scipy.stats import permutation_test

    if len(differences) < 2 or not differences.any():
        return 1.0
    found = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=NUM_PERMUTATIONS,
        batch=max(1, 2_000_000 // len(differences)),
        random_state=np.random.default_rng([_STREAM, len(differences)]),
    )
    return float(found.pvalue)


def _outcomes(
    records: Iterable[EpisodeRecord],
) -> tuple[dict[TaskKey, _Outcome], dict[TaskKey, str]]:
    """Return the outcomes of the valid samples of each task, and the categories of the tasks."""
    outcomes: dict[TaskKey, _Outcome] = defaultdict(list)
    categories = {}
    for record in records:
        if not record.task_id:
            continue  # it could not start
        key = record.env, record.task_id
        outcome = outcomes[key]
        if record.category is not None:
            categories[key] = record.category
        if record.valid:
            outcome.append((record.reward, float(bool(record.success))))
    return dict(outcomes), categories


def _grouped(keys: Sequence[TaskKey], names: Mapping[TaskKey, str]) -> dict[str, list[TaskKey]]:
    groups: dict[str, list[TaskKey]] = defaultdict(list)
    for key in keys:
        if key in names:
            groups[names[key]].append(key)
    return dict(sorted(groups.items()))
