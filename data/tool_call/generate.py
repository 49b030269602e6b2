"""Make the bundled tasks again: ``python -m llmenvs.data.tool_call.generate [FOLDER]``.

The result follows from `SEED` alone and is written to this folder, or to another one.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llmenvs.data.tool_call.domains_home import HOME_DOMAINS
from llmenvs.data.tool_call.domains_money import MONEY_DOMAINS
from llmenvs.data.tool_call.domains_trade import TRADE_DOMAINS
from llmenvs.data.tool_call.domains_unseen import UNSEEN_DOMAINS
from llmenvs.data.tool_call.drawing import KINDS, Draw, Drawn, NotOfSplitError
from llmenvs.data.tool_call.grammar import Domain
from llmenvs.data.tool_call.loading import TOOLS_FILE, tasks_file

SEED = 10
PER_KIND = {"train": 50, "test": 25}
DOMAINS: Sequence[Domain] = (
    *HOME_DOMAINS,
    *TRADE_DOMAINS,
    *MONEY_DOMAINS,
    *UNSEEN_DOMAINS,
)


def tasks_of(split: str) -> list[dict[str, Any]]:
    """Return the tasks of a split; no two have the same dialogue."""
    domains = [domain for domain in DOMAINS if split == "test" or not domain.test_only]
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, (kind, (function, difficulty)) in enumerate(KINDS.items()):
        draw = Draw(np.random.default_rng([SEED, number, split == "test"]), split, domains)
        made = 0
        while made < PER_KIND[split]:
            try:
                drawn = function(draw)
            except NotOfSplitError:
                continue
            dialogue = json.dumps(drawn.messages)
            if dialogue in seen:
                continue
            seen.add(dialogue)
            rows.append(_row(drawn, kind, difficulty, split, made))
            made += 1
    return rows


def write(folder: Path) -> None:
    """Write the tools and both splits into ``folder``."""
    tools = [tool for domain in DOMAINS for tool in domain.tools]
    _write_lines(folder / TOOLS_FILE, tools)
    _write_lines(folder / tasks_file("train"), tasks_of("train"))
    _write_lines(folder / tasks_file("test"), tasks_of("test"))


def _row(drawn: Drawn, kind: str, difficulty: int, split: str, number: int) -> dict[str, Any]:
    row = {
        "task_id": f"{kind}-{split}-{number}",
        "kind": kind,
        "difficulty": difficulty,
        "split": split,
        "domain": drawn.domain,
        "messages": list(drawn.messages),
        "tools": list(drawn.tools),
        "calls": list(drawn.calls),
    }
    return row | ({} if drawn.calls else {"response": drawn.response})


def _write_lines(path: Path, rows: Sequence[Any]) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
