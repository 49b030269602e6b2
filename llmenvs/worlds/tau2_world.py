"""`Tau2World`: a tau2 database that the package's own tools read and change.

Beside the package's tools there is one of ours, ``decline_request``: where a task comes to nothing
being changed or told, tau2 takes any silence for a success, and here the refusal must be said.
"""

import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any, Self

from llmenvs.tools import Tool, Toolbox, ToolError, ToolResult
from llmenvs.worlds.changes import Change
from llmenvs.worlds.tau2_grep import grep
from llmenvs.worlds.tau2_package import import_store, package_of, tool_definition
from llmenvs.worlds.tau2_records import fork_of, records_of, seal
from llmenvs.worlds.world import Call, World

MISSTEPS: Mapping[str, Call] = MappingProxyType(
    {
        "airline": ("send_certificate", {"user_id": "aarav_brown_5556", "amount": 50}),
        "retail": (
            "modify_user_address",
            {
                "user_id": "aarav_davis_4756",
                "address1": "1 Elm Street",
                "address2": "",
                "city": "Austin",
                "state": "TX",
                "country": "USA",
                "zip": "78701",
            },
        ),
        "banking": (
            "log_verification",
            {
                "name": "Nobody",
                "user_id": "nobody",
                "address": "",
                "email": "",
                "phone_number": "",
                "date_of_birth": "",
                "time_verified": "2025-11-14 03:40:00 EST",
            },
        ),
    }
)
"""Calls that work in each domain and touch nobody that a task is about."""

_READING = ("get_", "list_", "search_", "find_", "calculate", "grep", "transfer_to_human_agents")
_NO_STATE = frozenset({"store", "instance", "db", "initialized"})


@dataclass(eq=False)
class Tau2World(World):
    """A domain of tau2.

    Attributes:
        domain: of `tau2_package.DOMAINS`.
        database: the package's, never changed in place.
        memory: what its tools keep beside the database, such as the tools that were unlocked.
        declines: for whom a request was declined, by the number of the decline.
        wants_decline: a decline is among the changes, since the task is to end in one; elsewhere
            it is a word that changes nothing.
    """

    today: date = date.min  # the rules, or a tool, tell the date where there is one
    domain: str = "airline"
    database: Any = None
    memory: Mapping[str, Any] = field(default_factory=dict)
    declines: tuple[str, ...] = ()
    wants_decline: bool = False

    @property
    def RULES(self) -> str:  # type: ignore[override]  # a policy is read when it is asked for
        """The domain's policy as the package words it."""
        return package_of(self.domain).policy

    @property
    def MISSTEP(self) -> Call:  # type: ignore[override]  # follows the domain
        """See `MISSTEPS`."""
        return MISSTEPS[self.domain]

    def toolbox(self) -> Toolbox:
        """Return the package's tools and ``decline_request``."""
        return _toolbox_of(self.domain)

    @property
    def tables(self) -> Mapping[str, Mapping[Any, Any]]:
        """The tables of the database, and what was declined."""
        return {**records_of(self.database), "declines": dict(enumerate(self.declines))}

    def fork(self) -> Self:
        """Return a world whose database and memory a tool may change."""
        fork = super().fork()
        fork.database = fork_of(self.database)
        return fork

    def call(self, name: str, arguments: Mapping[str, Any]) -> tuple[Self, ToolResult]:
        """Return the world after a call, and what the call gave; this world stays as it is."""
        if name.startswith(_READING):
            return self, self.toolbox().call(name, arguments, owner=copy.copy(self))
        after = self.fork()
        result = self.toolbox().call(name, arguments, owner=after)
        seal(after.database)
        return (after if result.ok else self), result

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return this world, which no call changes."""
        return self

    def changes_since(self, before: Self) -> Counter[Change]:
        """Return what was done to ``before``: none exactly where tau2 takes both for equal."""
        changes = Counter(_changes(before.database, self.database))
        if self.wants_decline:
            new = self.declines[len(before.declines) :]
            changes.update(Change("declines", None, (("user_id", user_id),)) for user_id in new)
        return changes

    def run(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Run a method of the package's tools on this world.

        Raises:
            ToolError: it cannot do what was asked.
        """
        package = package_of(self.domain)
        tools = package.tools_class(
            store=import_store()(), db=self.database, initialized=True, **_plain(self.memory)
        )
        result = _called(getattr(tools, name), arguments)
        self.memory = self.remembering(tools).memory
        return result

    def remembering(self, tools: Any) -> Self:
        """Return this world with what the package's ``tools`` keep beside the database."""
        kept = set(package_of(self.domain).tools_class.model_fields) - _NO_STATE
        return replace(self, memory={key: getattr(tools, key) for key in kept})

    def decline(self, user_id: str) -> str:
        """Put on record that a customer's request was declined."""
        if user_id not in records_of(self.database)["users"]:
            raise ToolError(f"there is no customer {user_id!r}")
        self.declines = (*self.declines, user_id)
        return f"Declined the request of {user_id}."


def tau2_tool_error() -> Any:
    """Return the package's exception of a tool that cannot do what was asked."""
    import inspect_ai.tool

    return inspect_ai.tool.ToolError


@cache
def _toolbox_of(domain: str) -> Toolbox:
    return Toolbox([*(_tool_of(domain, w) for w in package_of(domain).wrappers), _DECLINE])


def _tool_of(domain: str, wrapper: Any) -> Tool:
    package = package_of(domain)
    definition = tool_definition(wrapper)
    name = definition.name.removeprefix(package.prefix)
    if name == "grep":

        def function(world: Tau2World, **arguments: Any) -> Any:
            return grep(**arguments)
    elif hasattr(package.tools_class, name):

        def function(world: Tau2World, **arguments: Any) -> Any:
            return world.run(name, arguments)
    else:

        def function(world: Tau2World, **arguments: Any) -> Any:  # keeps no state
            return _called(lambda **given: _finished(definition.tool(**given)), arguments)

    return Tool(
        name=name,
        description=definition.description,
        parameters=definition.parameters.model_dump(exclude_none=True),
        function=function,
        timeout_s=None,
        is_method=True,
    )


_DECLINE = Tool(
    name="decline_request",
    description=(
        "Put on record that a customer's request was not carried out, since the policy forbids it "
        "or only a human agent can do it. Call it before you say so, and where you transfer."
    ),
    parameters={
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "Why, in a sentence."},
            "user_id": {"type": "string", "description": "Of the customer."},
        },
        "required": ["reason", "user_id"],
        "additionalProperties": False,
    },
    function=lambda world, reason, user_id: world.decline(user_id),
    timeout_s=None,
    is_method=True,
)


def _called(function: Any, arguments: Mapping[str, Any]) -> Any:
    try:
        return function(**arguments)
    except tau2_tool_error() as error:
        raise ToolError(str(error)) from error


def _finished(coroutine: Any) -> Any:
    """Return what a coroutine returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("a tool of tau2 waits for something, and there is nothing to wait for")


def _changes(before: Any, after: Any) -> Iterator[Change]:
    new_tables = records_of(after)
    for table, old in records_of(before).items():
        new = new_tables[table]
        yield from (Change(table, key, ()) for key in old if key not in new)
        for key in new:
            record, was = dict.__getitem__(new, key), dict.get(old, key)
            if record is was:
                continue
            known = _fields(was) if key in old else {}
            changed = [item for item in _fields(record).items() if known.get(item[0]) != item[1]]
            gone = [(name, "") for name in known if name not in _fields(record)]
            if key not in old:
                yield Change(table, key, tuple(changed))
            else:
                yield from (Change(table, key, (item,)) for item in (*changed, *gone))


def _fields(record: Any) -> dict[str, str]:
    """Return the fields of a record as the JSON of which tau2 takes a hash."""
    plain = record if isinstance(record, dict) else record.model_dump()
    return {name: json.dumps(value, sort_keys=True, default=str) for name, value in plain.items()}


def _plain(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a memory, which is JSON."""
    copied: dict[str, Any] = json.loads(json.dumps(memory))
    return copied
