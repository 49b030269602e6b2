"""A calendar: events with guests and rooms, free times, and rules about when to meet."""

from dataclasses import dataclass, field, replace
from datetime import date, time
from typing import Any, ClassVar, Literal

from llmenvs.tools import ToolError, tool
from llmenvs.worlds.declining import DecliningWorld
from llmenvs.worlds.world import TABLE, Call

OPENS, CLOSES = time(9), time(17)
"""The office hours, within which every event lies."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event on one day, from ``start`` to before ``end``; people by their e-mail address."""

    owner: str
    title: str
    day: date
    start: time
    end: time
    guests: tuple[str, ...]
    room: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who can be invited."""

    name: str
    email: str
    team: str


@dataclass(frozen=True, slots=True)
class Room:
    """A room that can be booked."""

    name: str
    seats: int


@dataclass(eq=False)
class CalendarWorld(DecliningWorld):
    """The calendars of a user, whose address is ``me``, and of the colleagues."""

    RULES: ClassVar[str] = (
        "You keep a user's calendar. Events lie within office hours, 09:00 to 17:00, on Monday to "
        "Friday, and nobody has two at once. A room must have a seat for each guest and one for "
        "the user. An event with guests may be cancelled or moved only if it is not today. Where a "
        "rule forbids what is asked, change nothing, call decline with the reason, and tell the "
        "user. Guests are given by their e-mail addresses."
    )
    MISSTEP: ClassVar[Call] = ("decline", {"reason": "no_room"})

    me: str = ""
    events: dict[str, Event] = field(default_factory=dict, metadata=TABLE)
    contacts: dict[str, Contact] = field(default_factory=dict, metadata=TABLE)
    rooms: dict[str, Room] = field(default_factory=dict, metadata=TABLE)

    @tool(timeout_s=None)
    def list_events(self, day: date) -> dict[str, Any]:
        """List the user's events of one day in their order.

        Args:
            day: as YYYY-MM-DD.
        """
        mine = ((e.start, key) for key, e in self._mine() if e.day == day)
        found = sorted(mine)
        return {"events": [self._shown(key) for _, key in found], "count": len(found)}

    @tool(timeout_s=None)
    def search_events(self, text: str) -> dict[str, Any]:
        """Find the user's events from today on whose title holds a text, the earliest first.

        Args:
            text: part of the title; case does not matter.
        """
        found = sorted(
            (e.day, e.start, key)
            for key, e in self._mine()
            if e.day >= self.today and text.casefold() in e.title.casefold()
        )
        return {"events": [self._shown(key) for _, _, key in found]}

    @tool(timeout_s=None)
    def find_contact(self, name: str) -> dict[str, Any]:
        """Find people by part of their name.

        Args:
            name: part of the name; case does not matter.
        """
        found = [c for c in self.contacts.values() if name.casefold() in c.name.casefold()]
        return {"contacts": sorted(found, key=lambda c: c.name)}

    @tool(timeout_s=None)
    def free_times(
        self, day: date, minutes: int, guests: list[str] | None = None
    ) -> dict[str, Any]:
        """List when the user and all guests are free within office hours, the earliest first.

        Args:
            day: as YYYY-MM-DD.
            minutes: how long it must be free.
            guests: e-mail addresses.
        """
        who = {self.me, *(guests or [])}
        busy = sorted((e.start, e.end) for e in self._on(day) if who & {e.owner, *e.guests})
        free, start = [], OPENS
        for begins, ends in [*busy, (CLOSES, CLOSES)]:
            if _minutes(start, begins) >= minutes:
                free.append({"start": f"{start:%H:%M}", "end": f"{begins:%H:%M}"})
            start = max(start, ends)
        return {"day": day, "free": free}

    @tool(timeout_s=None)
    def find_room(self, day: date, start: time, end: time, seats: int) -> dict[str, Any]:
        """List the rooms that are free, the smallest first.

        Args:
            day: as YYYY-MM-DD.
            start: as HH:MM.
            end: as HH:MM.
            seats: at least so many.
        """
        taken = {e.room for e in self._on(day) if e.start < end and start < e.end}
        free = [r for r in self.rooms.values() if r.name not in taken and r.seats >= seats]
        return {"rooms": sorted(free, key=lambda room: (room.seats, room.name))}

    @tool(timeout_s=None)
    def create_event(
        self,
        title: str,
        day: date,
        start: time,
        end: time,
        guests: list[str] | None = None,
        room: str | None = None,
    ) -> dict[str, Any]:
        """Put an event into the calendar and invite its guests.

        Args:
            title: what it is called.
            day: as YYYY-MM-DD.
            start: as HH:MM.
            end: as HH:MM.
            guests: e-mail addresses.
            room: the name of a room.
        """
        event = Event(self.me, title, day, start, end, tuple(sorted(guests or [])), room)
        key = f"E-{len(self.events) + 1}"
        self._put(key, event)
        return self._shown(key)

    @tool(timeout_s=None)
    def move_event(self, event_id: str, day: date, start: time, end: time) -> dict[str, Any]:
        """Move one of the user's own events to another time.

        Args:
            event_id: such as E-3.
            day: as YYYY-MM-DD.
            start: as HH:MM.
            end: as HH:MM.
        """
        self._put(event_id, replace(self._own(event_id), day=day, start=start, end=end))
        return self._shown(event_id)

    @tool(timeout_s=None)
    def cancel_event(self, event_id: str) -> dict[str, Any]:
        """Take one of the user's own events out of the calendar.

        Args:
            event_id: such as E-3.
        """
        self._own(event_id)
        shown = self._shown(event_id)
        del self.events[event_id]
        return {"cancelled": shown}

    @tool(timeout_s=None)
    def invite(self, event_id: str, guest: str) -> dict[str, Any]:
        """Invite one more guest to one of the user's own events.

        Args:
            event_id: such as E-3.
            guest: an e-mail address.
        """
        event = self._own(event_id)
        guests = tuple(sorted({*event.guests, guest}))
        self._put(event_id, replace(event, guests=guests))
        return self._shown(event_id)

    @tool(timeout_s=None)
    def decline(
        self, reason: Literal["outside_office_hours", "has_guests_today", "no_room"]
    ) -> dict[str, Any]:
        """Put on record that the request was declined, and why."""
        self.record_decline(reason)
        return {"declined": True, "reason": reason}

    def _put(self, key: str, event: Event) -> None:
        if event.start >= event.end:
            raise ToolError(f"an event must start before it ends, got {event.start:%H:%M}")
        known = {contact.email for contact in self.contacts.values()}
        unknown = [guest for guest in event.guests if guest not in known]
        if unknown:
            raise ToolError(f"there is no contact with the address {unknown[0]!r}")
        if event.room is not None and event.room not in self.rooms:
            raise ToolError(f"there is no room {event.room!r}")
        self.events[key] = event

    def _event(self, event_id: str) -> Event:
        if event_id not in self.events:
            raise ToolError(f"there is no event {event_id!r}")
        return self.events[event_id]

    def _own(self, event_id: str) -> Event:
        event = self._event(event_id)
        if event.owner != self.me:
            raise ToolError(f"the event {event_id} belongs to {event.owner}")
        return event

    def _shown(self, event_id: str) -> dict[str, Any]:
        event = self._event(event_id)
        return {
            "event_id": event_id,
            "title": event.title,
            "owner": event.owner,
            "day": event.day,
            "start": f"{event.start:%H:%M}",
            "end": f"{event.end:%H:%M}",
            "guests": list(event.guests),
            "room": event.room,
        }

    def _on(self, day: date) -> list[Event]:
        return [event for event in self.events.values() if event.day == day]

    def _mine(self) -> list[tuple[str, Event]]:
        return [(key, e) for key, e in self.events.items() if self.me in (e.owner, *e.guests)]


def _minutes(start: time, end: time) -> int:
    return (end.hour - start.hour) * 60 + end.minute - start.minute
