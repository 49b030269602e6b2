"""What users ask of their calendar: templates of requests and their plans."""

from datetime import date, time, timedelta

import numpy as np

from llmenvs.worlds.calendar import CalendarWorld, Contact, Event, Room
from llmenvs.worlds.names import among, one, people, some
from llmenvs.worlds.scenario import Result, Scenario, Step, Template

TEAMS = ("design", "finance", "legal", "platform", "research")
TITLES = (
    "Budget review",
    "Roadmap workshop",
    "Hiring sync",
    "Incident debrief",
    "Contract check",
    "Design critique",
    "Data walkthrough",
    "Release planning",
    "Vendor call",
    "Quarterly outlook",
    "Onboarding talk",
    "Security drill",
)
ROOMS = (("Birch", 3), ("Cedar", 5), ("Elm", 8), ("Maple", 12))


def _calendar(rng: np.random.Generator) -> CalendarWorld:
    """Seven people, four rooms and a dozen events of the next two weeks, all at different hours."""
    names = people(rng, 7)
    today = date(2026, 1, 5) + timedelta(days=7 * among(rng, 0, 45) + among(rng, 0, 4))
    world = CalendarWorld(today=today, me=_email(names[0]))
    for name in names:
        world.contacts[_email(name)] = Contact(name, _email(name), one(rng, TEAMS))
    for name, seats in ROOMS:
        world.rooms[name] = Room(name, seats)
    days = _workdays(today, 8)[1:]
    slots = some(rng, [(day, hour) for day in days for hour in (9, 10, 11, 13, 14, 15)], 12)
    guests = sorted(world.contacts.keys() - {world.me})
    for index, (day, hour) in enumerate(slots):
        owner = world.me if index % 3 else one(rng, guests)
        invited = tuple(sorted(some(rng, [g for g in guests if g != owner], among(rng, 1, 2))))
        title = TITLES[int(index)]
        invited = invited if owner == world.me or index % 2 else tuple(sorted({*invited, world.me}))
        event = Event(owner, title, day, time(hour), time(hour, 45), invited, None)
        world.events[f"E-{index + 1}"] = event
    return world


def _email(name: str) -> str:
    first, last = name.lower().split()
    return f"{first}.{last}@aster.example"


def _workdays(start: date, count: int) -> list[date]:
    days = (start + timedelta(days=offset) for offset in range(2 * count + 3))
    return [day for day in days if day.weekday() < 5][:count]


def _own_event(rng: np.random.Generator, world: CalendarWorld) -> Event:
    return one(rng, [event for event in world.events.values() if event.owner == world.me])


def _guest(rng: np.random.Generator, world: CalendarWorld, event: Event | None = None) -> Contact:
    taken = {world.me, *(event.guests if event else ())}
    return one(rng, [contact for email, contact in world.contacts.items() if email not in taken])


def _when(rng: np.random.Generator) -> Scenario:
    world = _calendar(rng)
    event = _own_event(rng, world)
    word = event.title.split()[0].lower()
    request = one(
        rng,
        (
            f"On which day and at what time is my {word} meeting?",
            f"When does the {word} thing in my calendar start? Day and time, please.",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("search_events", {"text": word}),),
        "{0[events][0][title]} is on {0[events][0][day]} at {0[events][0][start]}.",
        facts=(Result(0, "events", 0, "day"), Result(0, "events", 0, "start")),
    )


def _first_free(rng: np.random.Generator) -> Scenario:
    world = _calendar(rng)
    contact = _guest(rng, world)
    day, minutes = one(rng, _workdays(world.today, 8)[1:]), one(rng, (30, 60, 90))
    request = one(
        rng,
        (
            f"From what time on {day} are {contact.name} and I both free for {minutes} minutes?",
            f"When on {day} could I first meet {contact.name} for {minutes} minutes?",
        ),
    )
    email = Result(0, "contacts", 0, "email")
    look = {"day": day.isoformat(), "minutes": minutes, "guests": [email]}
    return Scenario(
        world,
        request,
        (Step("find_contact", {"name": contact.name}), Step("free_times", look)),
        "You are both free from {1[free][0][start]} on.",
        facts=(Result(1, "free", 0, "start"),),
    )


def _schedule(rng: np.random.Generator) -> Scenario:
    world = _calendar(rng)
    contact = _guest(rng, world)
    day, title = one(rng, _workdays(world.today, 8)[1:]), f"{one(rng, TITLES)} {among(rng, 2, 99)}"
    hour = one(rng, (12, 16))
    start, end = f"{hour}:00", f"{hour}:45"
    seats = among(rng, 2, 12)
    request = one(
        rng,
        (
            f'Book "{title}" with {contact.name} on {day} from {start} to {end}, in the smallest '
            f"free room with {seats} seats or more. Which room is it?",
            f'On {day}, {start} to {end}, I want "{title}" with {contact.name}. Take the smallest '
            f"room that is free and seats {seats}, and tell me its name.",
        ),
    )
    rooms = {"day": day.isoformat(), "start": start, "end": end, "seats": seats}
    event = {
        "title": title,
        "day": day.isoformat(),
        "start": start,
        "end": end,
        "guests": [Result(0, "contacts", 0, "email")],
        "room": Result(1, "rooms", 0, "name"),
    }
    if rng.random() < 0.5:
        world.failing["find_room"] = 1
    steps = (
        Step("find_contact", {"name": contact.name}),
        Step("find_room", rooms),
        Step("create_event", event),
    )
    response = "It is in the calendar, in the room {2[room]}."
    return Scenario(world, request, steps, response, facts=(Result(2, "room"),))


def _focus(rng: np.random.Generator) -> Scenario:
    world = _calendar(rng)
    day, number = one(rng, _workdays(world.today, 8)[1:]), among(rng, 2, 99)
    request = one(
        rng,
        (
            f'Put "Focus {number}" into my calendar on {day} from 16:00 to 17:00, no guests and no '
            "room, and tell me how many events I have on that day then.",
            f'I need an hour for myself on {day} at 16:00; call it "Focus {number}". How many '
            "events does that day have with it?",
        ),
    )
    event = {
        "title": f"Focus {number}",
        "day": day.isoformat(),
        "start": "16:00",
        "end": "17:00",
    }
    return Scenario(
        world,
        request,
        (Step("create_event", event), Step("list_events", {"day": day.isoformat()})),
        "It is there; you have {1[count]} events on that day.",
        facts=(Result(1, "count"),),
    )


def _move(rng: np.random.Generator) -> Scenario:
    world = _calendar(rng)
    event = _own_event(rng, world)
    word = event.title.split()[0].lower()
    day = one(rng, [day for day in _workdays(world.today, 8)[1:] if day != event.day])
    request = one(
        rng,
        (
            f"Move my {word} meeting to {day}, 16:00 to 16:45, and tell me who is invited to it.",
            f"My {word} meeting should be on {day} from 16:00 to 16:45 instead. Whom did I invite?",
        ),
    )
    target = {
        "event_id": Result(0, "events", 0, "event_id"),
        "day": day.isoformat(),
        "start": "16:00",
        "end": "16:45",
    }
    guests = range(len(event.guests))
    return Scenario(
        world,
        request,
        (Step("search_events", {"text": word}), Step("move_event", target)),
        "Moved. Invited: " + ", ".join(f"{{1[guests][{index}]}}" for index in guests) + ".",
        facts=tuple(Result(1, "guests", index) for index in guests),
    )


def _cancel(rng: np.random.Generator) -> Scenario:
    world = _calendar(rng)
    event = _own_event(rng, world)
    word = event.title.split()[0].lower()
    request = one(
        rng,
        (
            f"Cancel my {word} meeting, please, and tell me which day that frees.",
            f"The {word} meeting is off. Take it out of my calendar and say what day it was on.",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("search_events", {"text": word}),
            Step("cancel_event", {"event_id": Result(0, "events", 0, "event_id")}),
        ),
        "It is cancelled; it was on {1[cancelled][day]}.",
        facts=(Result(1, "cancelled", "day"),),
    )


def _invite(rng: np.random.Generator) -> Scenario:
    world = _calendar(rng)
    event = _own_event(rng, world)
    contact = _guest(rng, world, event)
    word = event.title.split()[0].lower()
    request = one(
        rng,
        (
            f"Invite {contact.name} to my {word} meeting and tell me when it starts.",
            f"{contact.name} should come to the {word} meeting too. At what time is it?",
        ),
    )
    steps = (
        Step("search_events", {"text": word}),
        Step("find_contact", {"name": contact.name}),
        Step(
            "invite",
            {
                "event_id": Result(0, "events", 0, "event_id"),
                "guest": Result(1, "contacts", 0, "email"),
            },
        ),
    )
    return Scenario(
        world,
        request,
        steps,
        "Invited; it starts at {2[start]} on {2[day]}.",
        facts=(Result(2, "start"),),
    )


def _too_late(rng: np.random.Generator) -> Scenario:
    world = _calendar(rng)
    contact = _guest(rng, world)
    day, hour = one(rng, _workdays(world.today, 8)[1:]), among(rng, 17, 20)
    number = among(rng, 2, 99)
    request = one(
        rng,
        (
            f'Set up "Late call {number}" with {contact.name}, {day}, {hour}:00 to {hour}:30. '
            "If that is not allowed, tell me what team they are in.",
            f'Please book "Late call {number}" on {day}, {hour}:00 to {hour}:30. It is with '
            f"{contact.name}; where the rules forbid it, just tell me their team.",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("find_contact", {"name": contact.name}),
            Step("decline", {"reason": "outside_office_hours"}),
        ),
        "That is outside office hours. They are in the {0[contacts][0][team]} team.",
        facts=(Result(0, "contacts", 0, "team"),),
    )


def _today(rng: np.random.Generator) -> Scenario:
    world = _calendar(rng)
    contact = _guest(rng, world)
    start = one(rng, (9, 10, 11, 13, 14, 15))
    title = f"{one(rng, TITLES)} {among(rng, 100, 999)}"
    key = f"E-{len(world.events) + 1}"
    world.events[key] = Event(
        world.me, title, world.today, time(start), time(start, 30), (contact.email,), None
    )
    request = one(
        rng,
        (
            f'Cancel "{title}". If you may not, tell me at what time it starts.',
            f'Take "{title}" out of my calendar; if the rules are against it, when does it begin?',
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("search_events", {"text": title}),
            Step("decline", {"reason": "has_guests_today"}),
        ),
        "It is today and has guests, so it stays. It starts at {0[events][0][start]}.",
        facts=(Result(0, "events", 0, "start"),),
    )


TEMPLATES = (
    Template("when", "read", _when),
    Template("first-free", "read", _first_free),
    Template("schedule", "write", _schedule),
    Template("focus", "write", _focus),
    Template("move", "write", _move),
    Template("cancel", "write", _cancel),
    Template("invite", "write", _invite),
    Template("too-late", "refuse", _too_late),
    Template("cancel-today", "refuse", _today),
)
