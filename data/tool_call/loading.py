"""Reading the bundled tasks, which are JSON lines beside this file."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Literal, get_args

Split = Literal["train", "test"]
TOOLS_FILE = "tools.jsonl"
"""All tools; the tasks name theirs."""


def load_tasks(split: Split = "train") -> list[dict[str, Any]]:
    """Return the tasks of ``split``, each a dict of the caller's own.

    A task has ``messages``, ``tools`` (whole schemas), ``calls`` (the wanted ones), ``response``
    where none is wanted, ``kind``, ``domain`` and ``difficulty``; see the datasheet.

    Raises:
        ValueError: there is no such split.
    """
    if split not in get_args(Split):
        raise ValueError(f"split must be one of {list(get_args(Split))}, got {split!r}")
    tools = {tool["name"]: tool for tool in _rows(TOOLS_FILE)}
    return [
        {**row, "tools": [tools[name] for name in row["tools"]]} for row in _rows(tasks_file(split))
    ]


def tasks_file(split: str) -> str:
    """Return the name of the file that holds the tasks of ``split``."""
    return f"tasks-{split}.jsonl"


def _rows(name: str) -> Iterator[dict[str, Any]]:
    text = (files("llmenvs.data.tool_call") / name).read_text(encoding="utf-8")
    for line in text.splitlines():
        yield json.loads(line)
