"""What is asked at the workbench: templates of requests and their plans."""

from datetime import date, timedelta

import numpy as np

from llmenvs.worlds.names import among, one, some
from llmenvs.worlds.scenario import Result, Scenario, Step, Template
from llmenvs.worlds.workbench import FACTORS, SAFE_LOADS_KG, Reading, WorkbenchWorld

LABELS = ("beam", "tank", "crate", "belt", "panel", "drum", "bracket", "hose")


def _workbench(rng: np.random.Generator) -> WorkbenchWorld:
    """Nine readings in the logbook."""
    world = WorkbenchWorld(today=date(2026, among(rng, 1, 12), among(rng, 1, 28)))
    for number in range(9):
        reading = Reading(one(rng, LABELS), among(rng, 100, 9_999) / 10, "kg")
        world.readings[f"L-{number + 1}"] = reading
    return world


def _logged(rng: np.random.Generator, world: WorkbenchWorld) -> str:
    return one(rng, sorted({reading.label for reading in world.readings.values()}))


def _units(rng: np.random.Generator) -> tuple[str, str]:
    first, second = some(rng, list(one(rng, list(FACTORS.values()))), 2)
    return first, second


def _value(rng: np.random.Generator) -> float:
    return among(rng, 11, 9_999) / 10


def _convert(rng: np.random.Generator) -> Scenario:
    unit, to = _units(rng)
    value = _value(rng)
    request = one(
        rng, (f"What is {value} {unit} in {to}?", f"Convert {value} {unit} to {to} for me, please.")
    )
    return Scenario(
        _workbench(rng),
        request,
        (Step("convert_unit", {"value": value, "unit": unit, "to": to}),),
        "That is {0[value]} {0[unit]}.",
        facts=(Result(0, "value"),),
    )


def _total_length(rng: np.random.Generator) -> Scenario:
    unit, to = _units(rng)
    values = [_value(rng) for _ in range(3)]
    listed = f"{values[0]}, {values[1]} and {values[2]} {unit}"
    request = one(
        rng,
        (
            f"I have pieces of {listed}. What do they come to in {to}? Add first, then convert.",
            f"Add {listed}, and tell me the sum in {to}.",
        ),
    )
    return Scenario(
        _workbench(rng),
        request,
        (
            Step("add", {"values": values}),
            Step("convert_unit", {"value": Result(0, "value"), "unit": unit, "to": to}),
        ),
        "Together that is {1[value]} {1[unit]}.",
        facts=(Result(1, "value"),),
    )


def _due(rng: np.random.Generator) -> Scenario:
    world = _workbench(rng)
    day, days = world.today - timedelta(days=among(rng, 0, 200)), among(rng, 15, 400)
    request = one(
        rng,
        (
            f"The last service was on {day}; the next is due {days} days later. On which date and "
            "weekday is that?",
            f"Which day comes {days} days after {day}? Date and weekday, please.",
        ),
    )
    return Scenario(
        world,
        request,
        (Step("add_days", {"day": day.isoformat(), "days": days}),),
        "That is {0[weekday]}, {0[day]}.",
        facts=(Result(0, "day"), Result(0, "weekday")),
    )


def _per_day(rng: np.random.Generator) -> Scenario:
    world = _workbench(rng)
    start = world.today - timedelta(days=among(rng, 40, 300))
    end = start + timedelta(days=among(rng, 11, 39))
    litres = _value(rng)
    request = one(
        rng,
        (
            f"From {start} to {end} the tank lost {litres} litres. How much is that a day?",
            f"{litres} litres were used between {start} and {end}: how many litres a day?",
        ),
    )
    return Scenario(
        world,
        request,
        (
            Step("days_between", {"start": start.isoformat(), "end": end.isoformat()}),
            Step("divide", {"a": litres, "b": Result(0, "days")}),
        ),
        "That is {1[value]} litres a day.",
        facts=(Result(1, "value"),),
    )


def _log_converted(rng: np.random.Generator) -> Scenario:
    value, label = _value(rng), f"{one(rng, LABELS)} {among(rng, 10, 99)}"
    unit, to = _units(rng)
    request = one(
        rng,
        (
            f'Log {value} {unit} under "{label}", in {to}, and tell me the number you wrote.',
            f'Put {value} {unit} into the logbook as "{label}", but converted to {to}. What did it '
            "come to?",
        ),
    )
    world = _workbench(rng)
    if rng.random() < 0.5:
        world.failing["log_reading"] = 1
    return Scenario(
        world,
        request,
        (
            Step("convert_unit", {"value": value, "unit": unit, "to": to}),
            Step("log_reading", {"label": label, "value": Result(0, "value"), "unit": to}),
        ),
        "It is in the logbook: {1[value]} {1[unit]}.",
        facts=(Result(1, "value"),),
    )


def _log_temperature(rng: np.random.Generator) -> Scenario:
    unit, to = some(rng, ("C", "F", "K"), 2)
    value, label = among(rng, 2_900, 4_900) / 10, f"oven {among(rng, 10, 999)}"
    request = one(
        rng,
        (
            f'The oven shows {value} {unit}. Log it as "{label}" in {to}, and tell me the value.',
            f'Log "{label}": {value} {unit}, but in {to}. What is that?',
        ),
    )
    return Scenario(
        _workbench(rng),
        request,
        (
            Step("convert_temperature", {"value": value, "unit": unit, "to": to}),
            Step("log_reading", {"label": label, "value": Result(0, "value"), "unit": to}),
        ),
        "Logged: {1[value]} {1[unit]}.",
        facts=(Result(1, "value"),),
    )


def _log_double(rng: np.random.Generator) -> Scenario:
    world = _workbench(rng)
    label, times = _logged(rng, world), among(rng, 2, 9)
    new = f"{label} x {times}"
    request = one(
        rng,
        (
            f'Take the latest reading of "{label}", multiply it by {times}, and log that in kg as '
            f'"{new}". What is it?',
            f'Log, as "{new}", {times} times the latest value of "{label}", in kg, and tell me it.',
        ),
    )
    steps = (
        Step("read_log", {"label": label}),
        Step("multiply", {"a": Result(0, "readings", 0, "value"), "b": times}),
        Step("log_reading", {"label": new, "value": Result(1, "value"), "unit": "kg"}),
    )
    response = "{2[value]} kg are in the logbook."
    return Scenario(world, request, steps, response, facts=(Result(2, "value"),))


def _too_heavy(rng: np.random.Generator) -> Scenario:
    device = one(rng, list(SAFE_LOADS_KG))
    limit = SAFE_LOADS_KG[device]
    pounds = round(limit * 2.20462 * among(rng, 110, 300) / 100, 1)
    request = one(
        rng,
        (
            f'Log a load of {pounds} lb on the {device} as "{device}", in kg. If that is not safe, '
            "tell me what it may carry, in kg.",
            f"The {device} shall carry {pounds} lb. Log it in kg, unless it is too much: then how "
            "many kg are safe?",
        ),
    )
    steps = (
        Step("convert_unit", {"value": pounds, "unit": "lb", "to": "kg"}),
        Step("safe_load", {"device": device}),
        Step("decline", {"reason": "over_safe_load"}),
    )
    response = "That would be {0[value]} kg; safe are {1[kg]} kg only."
    return Scenario(_workbench(rng), request, steps, response, facts=(Result(1, "kg"),))


TEMPLATES = (
    Template("convert", "read", _convert),
    Template("sum", "read", _total_length),
    Template("due", "read", _due),
    Template("per-day", "read", _per_day),
    Template("log-converted", "write", _log_converted),
    Template("log-temperature", "write", _log_temperature),
    Template("log-multiple", "write", _log_double),
    Template("too-heavy", "refuse", _too_heavy),
)
