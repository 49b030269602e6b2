"""Problems about times of day and dates."""

from llmenvs.data.code_test.dice import Dice
from llmenvs.data.code_test.problem import problem


def _clock(dice: Dice) -> str:
    return f"{dice.number(0, 23):02d}:{dice.number(0, 59):02d}"


def _date(dice: Dice) -> str:
    year = dice.choice((1900, 2000, 2023, 2024, 2100))
    return f"{year}-{dice.number(1, 12):02d}-{dice.number(1, 28):02d}"


@problem(
    level=1,
    draw=lambda dice, n: (_clock(dice), dice.number(-200 * n, 200 * n)),
    edges=(("23:59", 1), ("00:00", -1), ("09:05", 0), ("12:00", 1440)),
    bugs=(
        ("% 1440", ""),
        ("hour:02d", "hour"),
        ("divmod(total, 60)", "divmod(total, 100)"),
    ),
)
def shift_clock(time: str, minutes: int) -> str:
    """Move the hands of a clock.

    `time` is a time of day from "00:00" to "23:59". Return the time of day that is `minutes` later,
    or earlier if the number is negative, in the same form. It may be on another day.
    """
    hours, rest = time.split(":")
    total = (int(hours) * 60 + int(rest) + minutes) % 1440
    hour, minute = divmod(total, 60)
    return f"{hour:02d}:{minute:02d}"


@problem(
    level=1,
    held_out=True,
    draw=lambda dice, n: (_clock(dice),),
    edges=(("00:00",), ("12:00",), ("12:30",), ("00:05",), ("23:59",), ("11:59",)),
    bugs=(
        ("hour % 12 or 12", "hour % 12"),
        ("hour >= 12", "hour > 12"),
        ("hour % 12 or 12", "hour"),
    ),
)
def twelve_hours(time: str) -> str:
    """Write a time of day with twelve hours.

    `time` is a time of day from "00:00" to "23:59". Return it with the hours 1 to 12, without a
    leading zero, and "am" before noon and "pm" from noon on: "00:05" is "12:05 am", "12:00" is
    "12:00 pm", and "13:00" is "1:00 pm".
    """
    hour = int(time[:2])
    return f"{hour % 12 or 12}{time[2:]} {'pm' if hour >= 12 else 'am'}"


@problem(
    level=2,
    draw=lambda dice, n: (_date(dice),),
    edges=(("2024-12-31",), ("1900-03-01",), ("2000-03-01",), ("2023-01-01",), ("2024-02-29",)),
    bugs=(
        ("year % 100 != 0 or year % 400 == 0", "True"),
        ("lengths[: month - 1]", "lengths[:month]"),
        ("year % 4 == 0 and", "year % 100 != 0 and"),
    ),
)
def day_of_year(date: str) -> int:
    """Number the days of a year.

    `date` is a date of the Gregorian calendar such as "2024-03-01". Return which day of its year it
    is; the first of January is day 1. A year is a leap year if it can be divided by 4, but not by
    100 unless by 400 as well.
    """
    year, month, day = map(int, date.split("-"))
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return sum(lengths[: month - 1]) + day


@problem(
    level=3,
    variants={"weekday": ("Monday", "Friday", "Sunday")},
    draw=lambda dice, n: (dice.number(1990, 2030), dice.number(1, 12), dice.number(1, 5)),
    edges=(
        (2024, 2, 5),
        (2024, 2, 1),
        (2023, 12, 5),
        (2021, 2, 5),
        (2022, 2, 5),
        (2024, 5, 5),
        (2023, 7, 5),
    ),
    bugs=(
        ("7 * (rank - 1)", "7 * rank"),
        ("if day <= last", "if True"),
        ("(wanted - first) % 7", "(first - wanted) % 7"),
    ),
)
def nth_weekday(year: int, month: int, rank: int, *, weekday: str) -> int | None:
    """Find the date of a weekday by its rank.

    Return the day of the month on which the given month of the Gregorian calendar has its $weekday
    with the given rank: 1 for the first, up to 5. Return None if the month has fewer.
    """
    import calendar

    wanted = getattr(calendar, weekday.upper())
    first, last = calendar.monthrange(year, month)
    day = 1 + (wanted - first) % 7 + 7 * (rank - 1)
    return day if day <= last else None


def _draw_shifts(dice: Dice, n: int) -> tuple[list[str]]:
    return ([f"{_clock(dice)}-{_clock(dice)}" for _ in range(n)],)


@problem(
    level=2,
    held_out=True,
    draw=_draw_shifts,
    edges=((["22:00-02:00"],), (["08:00-08:00"],), (["08:00-12:00", "13:00-17:30"],), ([],)),
    bugs=(
        ("% 1440", ""),
        ("total += ", "total = "),
        ('f"{hours}:{minutes:02d}"', 'f"{hours}:{minutes}"'),
    ),
)
def work_time(shifts: list[str]) -> str:
    """Add up hours of work.

    Each shift is a text such as "22:00-06:30", from its start to its end, on a clock of 24 hours. A
    shift whose end is earlier on the clock than its start ends on the next day; one with the same
    start and end has no length. Return the sum of all lengths as "H:MM", where the hours may exceed
    24 and have no leading zeros.
    """
    total = 0
    for shift in shifts:
        ends = [int(time[:2]) * 60 + int(time[3:]) for time in shift.split("-")]
        total += (ends[1] - ends[0]) % 1440
    hours, minutes = divmod(total, 60)
    return f"{hours}:{minutes:02d}"
