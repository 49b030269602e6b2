"""What the PyPI package ``inspect-evals`` holds of tau2: tools, databases, policies and tasks.

Source: tau2-bench (Barres et al., 2025), MIT, (c) Sierra Research, in the port of the UK AI
Security Institute's ``inspect-evals`` (MIT). Nothing of it is copied here. It is imported when a
world of it is first asked for, since it brings ``inspect-ai``.
"""

import importlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DOMAINS = ("airline", "retail", "banking")
"""The domains that can be run without a second model in the place of the user's device."""

_ROOT = "inspect_evals.tau2"


@dataclass(frozen=True, slots=True)
class Package:
    """What the package says of one domain.

    Attributes:
        tools_class: whose methods are the tools; it is made with ``db`` and ``store``.
        wrappers: the functions that make the tools as ``inspect-ai`` knows them, from which the
            schemas are taken; they begin with ``prefix``, which no policy text knows.
        prefix: see ``wrappers``.
        database: at the start of a task, unless the task says otherwise; never changed.
        policy: the text of the rules.
        rows: the tasks by id, as they stand in its file.
        splits: the ids of the tasks of each split; empty where the package has none.
    """

    tools_class: Any
    wrappers: tuple[Any, ...]
    prefix: str
    database: Any
    policy: str
    rows: Mapping[str, Mapping[str, Any]]
    splits: Mapping[str, Sequence[str]]


@cache
def package_of(domain: str) -> Package:
    """Return what there is of a domain of `DOMAINS`.

    Raises:
        ModuleNotFoundError: the package, or what it needs, is not installed.
    """
    agents = import_part(f"{domain}.agents")
    tools = import_part(f"{domain}.tools")
    name = {"airline": "Airline", "retail": "Retail", "banking": "Banking"}[domain]
    tools_class = getattr(import_part(f"{domain}.{name}AgentTools"), f"{name}AgentTools")
    loader = tools_class(store=import_store()())
    loader.initialize()
    folder = Path(import_part("utils").TAU2_DATA_DIR) / "domains"
    if domain == "banking":
        wrappers = (*tools.all_banking_agent_tools, tools.banking_grep)
        policy, folder = agents._get_domain_policy("grep"), folder / "banking_knowledge"
    else:
        wrappers = tuple(getattr(tools, f"all_{domain}_tools"))
        policy, folder = agents.get_domain_policy(), folder / domain
    rows = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    splits = folder / "split_tasks.json"
    return Package(
        tools_class=tools_class,
        wrappers=wrappers,
        prefix="banking_" if domain == "banking" else "",
        database=loader.db,
        policy=policy,
        rows={str(row["id"]): row for row in rows},
        splits=json.loads(splits.read_text(encoding="utf-8")) if splits.exists() else {},
    )


def import_part(name: str) -> Any:
    """Return a module of the package's tau2.

    Raises:
        ModuleNotFoundError: it is not installed; the message says what to install.
    """
    return _imported(f"{_ROOT}.{name}")


def import_store() -> Any:
    """Return the class of the stores in which the package's tools keep their state."""
    return _imported("inspect_ai.util").Store


def tool_definition(wrapper: Any) -> Any:
    """Return name, description and parameters of a tool as ``inspect-ai`` shows them to a model."""
    return _imported("inspect_ai.tool").ToolDef(wrapper())


def _imported(name: str) -> Any:
    try:
        with warnings.catch_warnings():
            # Its own modules use what pydantic calls deprecated: no concern of whoever imports us.
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the tau2 worlds need the package inspect-evals and what it imports "
            f"({error.name} is missing): pip install 'llmenvs[tau2]'",
            name=error.name,
        ) from error
