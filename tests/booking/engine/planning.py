"""What the planner's tests share: people, and openings written as times of day."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from uuid import UUID

from booking.engine.recurrence import Course, Daily, Phase, Weekly

TESS, JONAS, MIRA = (UUID(int=number) for number in (1, 2, 3))
MONDAY_TO_FRIDAY = (0, 1, 2, 3, 4)
TUESDAY = 1

#: A Tuesday.
START = date(2027, 2, 9)


def at(clock: str) -> int:
    """Read "9:30" as a wall minute."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def day(number: int) -> date:
    """The date ``number`` days after the start."""
    return START + timedelta(days=number)


class Calendar:
    """Openings to write down by hand."""

    def __init__(self) -> None:
        self.starts: defaultdict[tuple[UUID, date], int] = defaultdict(int)

    def open(self, therapist: UUID, *days: date, at: str) -> Calendar:
        for on in days:
            for clock in at.split():
                hours, minutes = clock.split(":")
                self.starts[therapist, on] |= 1 << int(hours) * 60 + int(minutes)
        return self

    def on(self, therapist: UUID, day: date, /) -> int:
        return self.starts.get((therapist, day), 0)


def weekly(count: int, *, weekdays: tuple[int, ...] = (TUESDAY,), clock: str = "9:00", **course: object) -> Course:
    return Course(START, (Phase(Weekly(weekdays), count),), (at(clock),), **course)


def daily(count: int, *, clock: str = "9:00", **course: object) -> Course:
    return Course(START, (Phase(Daily(MONDAY_TO_FRIDAY), count),), (at(clock),), **course)
