"""A row of tau2 as a task: what the customer asks, the plan that meets it, or why there is none."""

import copy
import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from llmenvs.worlds.scenario import Scenario, Step
from llmenvs.worlds.tau2_package import Package, import_part, import_store, package_of
from llmenvs.worlds.tau2_records import records_of
from llmenvs.worlds.tau2_world import Tau2World

REQUEST = """\
{scenario}

Above is all that I know and want, as it was written down for me. I cannot answer questions. Where \
you would ask me for a detail, look there; where you would ask me to confirm a step that does what \
I want, I confirm it.
"""
"""What the customer says: the instructions of tau2's user, and that there will be no dialogue."""


class LeftOut(StrEnum):
    """Why a task is not among the requests."""

    USER_ACTS = "its reference actions include some that only the customer can take"
    ACTIONS_COUNT = "it is scored by the actions, and not by the database"
    NOBODY = "nothing is to be changed or told, and the customer cannot be identified"


@dataclass(frozen=True, slots=True)
class Tau2Task:
    """A task.

    Attributes:
        scenario: its world, request and plan.
        kind: ``"write"``, ``"read"`` where facts are told and nothing is changed, or ``"refuse"``.
    """

    scenario: Scenario
    kind: str


def reason_left_out(domain: str, name: str) -> LeftOut | None:
    """Return why a task of the package cannot be one here, or None if it can."""
    found = _built(domain, name)
    return found if isinstance(found, LeftOut) else None


def task_of_row(domain: str, name: str) -> Tau2Task:
    """Return the task.

    Raises:
        ValueError: it was left out.
    """
    found = _built(domain, name)
    if isinstance(found, LeftOut):
        raise ValueError(f"the task {name!r} of tau2's {domain} was left out: {found}")
    return found


@lru_cache(maxsize=512)
def _built(domain: str, name: str) -> Tau2Task | LeftOut:
    row = package_of(domain).rows[name]
    criteria = row["evaluation_criteria"]
    actions: Sequence[Mapping[str, Any]] = criteria.get("actions") or ()
    if any(action.get("requestor", "assistant") != "assistant" for action in actions):
        return LeftOut.USER_ACTS
    if "ACTION" in criteria.get("reward_basis", ()):
        return LeftOut.ACTIONS_COUNT
    world = _start(domain, row)
    facts = tuple(criteria.get("communicate_info") or ())
    steps, after = _plan(world, actions)
    response, kind = "; ".join(facts) or "It is done.", "write"
    if not after.changes_since(world):
        kind = "read" if facts else "refuse"
    if kind == "refuse":
        user_id = _customer_of(world, row)
        if user_id is None:
            return LeftOut.NOBODY
        world.wants_decline = True
        reason = "The policy does not allow it."
        steps.append(Step("decline_request", {"reason": reason, "user_id": user_id}))
        response = "I am sorry, but that cannot be done."
    task = import_part("data_model.tasks").Task.model_validate(row)
    request = REQUEST.format(scenario=task.user_scenario)
    response = response.replace("{", "{{").replace("}", "}}")
    return Tau2Task(Scenario(world, request, tuple(steps), response, facts), kind)


def _start(domain: str, row: Mapping[str, Any]) -> Tau2World:
    """Return the world as the task finds it."""
    package = package_of(domain)
    if not row.get("initial_state"):
        return Tau2World(domain=domain, database=package.database)
    return _initialised(domain, package, row)


def _initialised(domain: str, package: Package, row: Mapping[str, Any]) -> Tau2World:
    """Return a world that the package has put into the task's initial state, on its own copy."""
    database = pickle.loads(pickle.dumps(package.database))  # noqa: S301 (just made)
    store = import_store()()
    tools = package.tools_class(store=store, db=database, initialized=True)
    user_tools = import_part(f"{domain}.BankingUserTools").BankingUserTools(
        store=store, db=database, initialized=True
    )
    # The package puts parts of the row itself into the database, where its tools would change them.
    own = copy.deepcopy(dict(row))
    state = import_part("data_model.tasks").Task.model_validate(own).initial_state
    import_part(f"{domain}.environment").apply_initial_state(tools, user_tools, state)
    return Tau2World(domain=domain, database=database).remembering(tools)


def _plan(world: Tau2World, actions: Sequence[Mapping[str, Any]]) -> tuple[list[Step], Tau2World]:
    """Return the reference actions that work, since tau2 skips those that fail, and the end."""
    steps = []
    for action in actions:
        name = action["name"].removeprefix(package_of(world.domain).prefix)
        world, result = world.call(name, action["arguments"])
        if result.ok and not result.text.startswith("Error"):
            steps.append(Step(name, action["arguments"]))
    return steps, world


def _customer_of(world: Tau2World, row: Mapping[str, Any]) -> str | None:
    """Return the one customer that a row names: by the id, or by name and zip code."""
    text = str(row)
    users = records_of(world.database)["users"]
    by_id = [user_id for user_id in users if re.search(rf"\b{re.escape(user_id)}\b", text)]
    by_name = [
        user_id
        for user_id, user in users.items()
        if f"{user.name.first_name} {user.name.last_name}" in text and user.address.zip in text
    ]
    found = by_id or by_name
    return found[0] if len(found) == 1 else None
