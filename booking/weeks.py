"""The weeks of one therapist as the rules make them: hours of work, and what takes them away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from booking.engine.slots import Practice
from booking.engine.spans import Span, subtract
from booking.engine.zones import DAY, LocalDay, local_day
from booking.queries import rules_in_force

#: Two weeks, so that alternate ones are seen beside each other.
WEEKS = 2


@dataclass(frozen=True)
class Workday:
    """One date of a therapist, in wall minutes. ``hours`` are those worked; ``away`` is what leave takes out of them.

    ``is_single``: the date has hours of its own. ``closed``: the public holiday or the closure on which nobody works.
    """

    on: date
    hours: tuple[Span, ...]
    away: tuple[Span, ...] = ()
    is_single: bool = False
    closed: str = ""

    @property
    def minutes(self) -> int:
        return sum(span.length for span in self.hours)


@dataclass(frozen=True)
class Week:
    days: tuple[Workday, ...]

    @property
    def worked(self) -> tuple[int, int]:
        """Hours and minutes."""
        return divmod(sum(day.minutes for day in self.days), 60)


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def weeks_from(monday: date, therapist: UUID, practice: UUID, *, now: datetime, weeks: int = WEEKS) -> list[Week]:
    """The weeks from a Monday on, as this transaction sees the rules; without hours for somebody who takes no bookings."""
    known = rules_in_force(now)
    place, rule = known.practices[practice], known.therapists.get(therapist)
    made = []
    for first in (monday + timedelta(weeks=n) for n in range(weeks)):
        days = [first + timedelta(days=n) for n in range(7)]
        if rule is None:
            made.append(Week(tuple(Workday(day, ()) for day in days)))
        else:
            made.append(Week(tuple(_workday(day, rule.hours(day), rule.time_off, day in rule.overrides, place) for day in days)))
    return made


def _workday(day: date, hours: Iterable[Span], time_off: Iterable[Span], is_single: bool, place: Practice) -> Workday:
    local = local_day(place.zone, day)
    shut = [(_on_clock(closure.span, local), closure.name) for closure in place.closures]
    names = [place.holidays[day]] if day in place.holidays else [name for span, name in shut if span]
    taken = [Span(0, DAY)] if day in place.holidays else [span for span, _name in shut if span]
    open_hours = tuple(subtract(hours, taken))
    away = [span for span in (_on_clock(each, local) for each in time_off) if span]
    worked = tuple(subtract(open_hours, away))
    return Workday(day, worked, tuple(subtract(open_hours, worked)), is_single, ", ".join(names))


def _on_clock(span: Span, day: LocalDay) -> Span | None:
    """The part of a span of instants that lies on a date, in its wall minutes."""
    start, end = max(span.start, day.start), min(span.end, day.end)
    if start >= end:
        return None
    return Span(day.minute(start), DAY if end == day.end else day.minute(end))


def hour_marks(weeks: Iterable[Week]) -> Iterator[int]:
    """The wall minutes of the full hours around everything in the weeks, from 8:00 to 18:00 at least."""
    spans = [span for week in weeks for day in week.days for span in (*day.hours, *day.away)]
    first = min([8, *(span.start // 60 for span in spans)])
    last = max([18, *(-(-span.end // 60) for span in spans)])
    yield from range(first * 60, last * 60 + 1, 60)
