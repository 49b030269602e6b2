"""Tasks of ``ReasoningGym-v0``: the items of one of reasoning-gym's procedural data sets.

reasoning-gym seeds item i of seed s with ``Random(s + i)``, so that two seeds share nearly all of
their items. Here there is one seed, items are numbered, and an item's split follows from a checksum
of its question: no choice of seeds puts one question into train and test.
"""

import contextlib
import functools
import json
import random
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from llmenvs.tasks import Task, hash_of

SPLITS = ("train", "test")
NUM_ITEMS = 10_000
_SEED = 20_260
_TEST_SHARE = 10  # one question in ten is a test question
_MAX_DRAWS = 1_000
_VERSION = 1  # counted up with every change of what a task id means
_EXAMPLES = ("possible_answer", "example_answer", "example_correct_answer")
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class ReasoningGymTasks:
    """The items of one data set in one split: a task source.

    A task has ``question``, ``answer`` (None where reasoning-gym tells none) and ``entry``, the
    whole item; its id, such as ``chain_sum-17``, is all that it follows from.

    Attributes:
        dataset: a name of reasoning-gym's registry, such as ``"chain_sum"``.
        split: ``"train"`` or ``"test"``; a tenth of all questions are test questions.
        config: of the data set, such as ``{"min_terms": 2}``; without ``seed`` and ``size``.

    Raises:
        ImportError: reasoning-gym is not installed.
        ValueError: an unknown data set or split, or a config that the data set refuses.
    """

    dataset: str
    split: str = "train"
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f"split must be one of {list(SPLITS)}, got {self.split!r}")
        self._items()

    @property
    def content_hash(self) -> str:
        """Of the data set, its config, reasoning-gym's version and the split."""
        from importlib.metadata import version

        installed = version("reasoning-gym")
        return hash_of([_VERSION, installed, self.dataset, dict(self.config), self.split])

    def sample(self, rng: np.random.Generator) -> Task:
        """Draw one item of the split.

        Raises:
            ValueError: there seems to be none, as where a data set has few questions.
        """
        for _ in range(_MAX_DRAWS):
            task = self.item(int(rng.integers(NUM_ITEMS)))
            if split_of(task["question"]) == self.split:
                return task
        raise ValueError(
            f"{_MAX_DRAWS} items of {self.dataset!r} held none of the split {self.split!r}: its "
            "questions are too few; choose a config with more of them"
        )

    def find(self, task_id: str) -> Task:
        """Return the item of that id.

        Raises:
            ValueError: it is no such id, or of the other split.
        """
        name, _, number = str(task_id).rpartition("-")
        known = number.isascii() and number.isdecimal() and len(number) <= 5
        if name != self.dataset or not known or int(number) >= NUM_ITEMS:
            raise ValueError(
                f"no task has the id {task_id!r}; an id is {self.dataset}-NUMBER with a number "
                f"below {NUM_ITEMS}"
            )
        task = self.item(int(number))
        if split_of(task["question"]) != self.split:
            raise ValueError(f"task {task_id!r} is not in the split {self.split!r}")
        return task

    def _items(self) -> Any:
        return dataset_of(self.dataset, json.dumps(dict(self.config), sort_keys=True))

    def item(self, index: int) -> Task:
        """Return the item of that number, of either split."""
        with _LOCK, _seeded_globals(index):
            entry = self._items()[index]
        return {
            "task_id": f"{self.dataset}-{index}",
            "question": entry["question"].strip("\n"),
            "answer": known_answer(entry),
            "entry": entry,
        }


@functools.lru_cache(maxsize=128)
def dataset_of(name: str, config: str) -> Any:
    """Return a data set of reasoning-gym, made once for each config, which is a JSON object.

    Raises:
        ImportError: reasoning-gym is not installed.
        ValueError: there is no such data set, or it refuses the config.
    """
    from llmenvs.integrations.versions import check_version

    check_version("reasoning-gym", tested="0.1.25", extra="reasoning-gym")
    import reasoning_gym  # type: ignore[import-untyped]  # it has no type information
    from reasoning_gym.factory import DATASETS  # type: ignore[import-untyped]  # likewise

    if name == "composite":
        raise ValueError("'composite' mixes data sets: make one environment each, and a mixture")
    if name not in DATASETS:
        import difflib

        near = difflib.get_close_matches(name, DATASETS) or sorted(DATASETS)[:3]
        raise ValueError(f"reasoning-gym has no data set {name!r}; did you mean one of {near}?")
    options = json.loads(config)
    if {"seed", "size"} & set(options):
        raise ValueError("config must not have seed and size: items are numbered, and split apart")
    try:
        with _seeded_globals(0):
            made = reasoning_gym.create_dataset(name, seed=_SEED, size=NUM_ITEMS, **options)
    except (AssertionError, TypeError, ValueError) as error:
        raise ValueError(f"data set {name!r} refuses the config {options}: {error}") from error
    return _in_order(made)


def known_answer(entry: Mapping[str, Any]) -> str | None:
    """Return an answer that is right, where the item tells one."""
    if entry["answer"] is not None:
        return str(entry["answer"])
    found = next((entry["metadata"][k] for k in _EXAMPLES if k in entry["metadata"]), None)
    return found if found is None or isinstance(found, str) else json.dumps(found)


def split_of(question: str) -> str:
    """Return the split that a question is in."""
    return "test" if zlib.crc32(question.encode()) % _TEST_SHARE == 0 else "train"


def _in_order(dataset: Any) -> Any:
    """Give a data set an order that does not depend on Python's hash seed, where it draws of sets.

    Three draw from sets of strings or expressions: isomorphic_strings, polynomial_multiplication
    and ransom_note. Their items would be others in each process.
    """
    if isinstance(getattr(dataset, "letters", None), set):
        dataset.letters = _SortedSet(dataset.letters)
    if hasattr(dataset, "_get_monomials"):
        drawn = dataset._get_monomials
        dataset._get_monomials = lambda rng: sorted(drawn(rng) or (), key=str)
    return dataset


class _SortedSet(frozenset[str]):
    """A set that is iterated in order."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(super().__iter__()))

    def __sub__(self, other: Any) -> "_SortedSet":
        return _SortedSet(super().__sub__(other))


@contextlib.contextmanager
def _seeded_globals(seed: int) -> Iterator[None]:
    """Seed the global generators, which a few data sets draw from, and put them back after."""
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.setstate(random.Random(seed).getstate())  # noqa: S311 (no secret)
    np.random.set_state(dict(np.random.MT19937(seed).state))  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(numpy_before)  # noqa: NPY002
