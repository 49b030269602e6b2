"""A call is a transaction, and two ways of doing one thing are one change."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from llmenvs.tools import ToolError, ToolResultKind, tool
from llmenvs.worlds.changes import changes_between
from llmenvs.worlds.world import BUSY, NAMED_TABLE, TABLE, World


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    stars: int = 0


@dataclass(eq=False)
class NotesWorld(World):
    notes: dict[str, Note] = field(default_factory=dict, metadata=TABLE)
    named: dict[str, Note] = field(default_factory=dict, metadata=NAMED_TABLE)

    @tool(timeout_s=None)
    def add(self, text: str) -> dict[str, Any]:
        """Add a note."""
        key = f"N-{len(self.notes) + 1}"
        self.notes[key] = Note(text)
        if text == "":
            raise ToolError("a note needs a text")
        return {"id": key}

    @tool(timeout_s=None)
    def write(self, name: str, text: str) -> dict[str, Any]:
        """Write a named note."""
        self.named[name] = Note(text)
        return {"name": name}


def world(**options: Any) -> NotesWorld:
    return NotesWorld(today=date(2026, 1, 1), **options)


def test_a_call_leaves_the_world_before_it_as_it_was() -> None:
    before = world()

    after, result = before.call("add", {"text": "milk"})

    assert result.ok
    assert (len(before.notes), len(after.notes)) == (0, 1)


def test_a_call_that_fails_changes_nothing_even_if_the_tool_had_begun() -> None:
    before = world()

    after, result = before.call("add", {"text": ""})

    assert result.kind is ToolResultKind.FAILED
    assert after.notes == {}


def test_a_busy_tool_works_after_as_many_calls_as_it_fails() -> None:
    now = world(failing={"add": 2})
    results = []
    for _ in range(3):
        now, result = now.call("add", {"text": "milk"})
        results.append(result)

    assert results[:2] == [BUSY, BUSY]
    assert results[2].ok


def test_the_key_of_a_new_record_its_case_and_its_spacing_do_not_count() -> None:
    start = world()
    one, _ = start.call("add", {"text": "Buy  Milk"})
    other, _ = start.call("add", {"text": "tea"})
    other, _ = other.call("add", {"text": "buy milk"})
    del other.notes["N-1"]

    assert changes_between(start, one) == changes_between(start, other)


def test_the_name_of_a_named_record_counts() -> None:
    start = world()
    one, _ = start.call("write", {"name": "a", "text": "x"})
    other, _ = start.call("write", {"name": "b", "text": "x"})

    assert changes_between(start, one) != changes_between(start, other)


def test_each_field_of_a_record_is_a_change_and_so_is_its_removal() -> None:
    start = world(notes={"N-1": Note("a", 1), "N-2": Note("b")})
    after = start.fork()
    after.notes["N-1"] = Note("c", 2)
    del after.notes["N-2"]

    changes = changes_between(start, after)

    fields = {change.fields for change in changes}
    assert fields == {(("text", "c"),), (("stars", 2),), ()}
    assert {change.key for change in changes} == {"N-1", "N-2"}
