"""Task sets by name, for who writes options on a command line or in a suite file.

| ``tasks=`` | is |
|---|---|
| ``bfcl`` | all single-turn cases of BFCL, for ``ToolCall-v0`` |
| ``bfcl:multiple,parallel`` | those of some categories |
| ``tau2:retail``, ``tau2:retail:test`` | tau2's of a domain, or of a split, for ``ToolUse-v0`` |
| ``bundled:test`` | the bundled tasks of that split, for ``ToolCall-v0`` |
| ``path/to/tasks.jsonl`` | the rows of a file, or of ``.parquet`` |
| ``package.module:name`` | a task source, rows, or a function without arguments that makes them |
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmenvs.entry_points import import_entry_point


def with_tasks(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an environment with its tasks in place of their name.

    Raises:
        ValueError: no such tasks.
        OSError: a file that cannot be read.
        ModuleNotFoundError: a package is missing; the message says which.
    """
    tasks = options.get("tasks")
    if not isinstance(tasks, str):
        return dict(options)
    return {**options, "tasks": _found(tasks)}


def _found(name: str) -> Any:
    kind, _, rest = name.partition(":")
    if kind == "bfcl":
        return _bfcl(rest)
    if kind == "bundled":
        from llmenvs.envs.tool_call_tasks import BundledToolCalls

        return BundledToolCalls(rest)  # type: ignore[arg-type]  # it says which splits there are
    if kind == "tau2":
        from llmenvs.worlds.tau2_requests import Tau2Requests

        domain, _, split = rest.partition(":")
        return Tau2Requests(domain, split=split or "base")
    path = Path(name)
    if path.suffix in (".jsonl", ".parquet"):
        from llmenvs.task_files import read_rows

        return [row for _, row in read_rows(path)]
    if not rest:
        raise ValueError(
            f"tasks={name!r} must be bfcl, bfcl:CATEGORY,…, tau2:DOMAIN[:SPLIT], bundled:SPLIT, "
            "a .jsonl or .parquet file, or package.module:name"
        )
    found = import_entry_point(name, what=f"tasks={name!r}")
    return found() if callable(found) else found


def _bfcl(categories: str) -> Any:
    from llmenvs.envs.tool_call_bfcl import load_bfcl_tasks

    try:
        if categories:
            return load_bfcl_tasks(categories=categories.split(","))
        return load_bfcl_tasks()
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"tasks=bfcl needs its cases: pip install --no-deps bfcl-eval ({error})"
        ) from error
