"""Sessions that are booked and the rules they were booked under: which of them no longer stand, and the wishes to mend them.

A session stands while the practice is open and its therapist neither away nor off duty. Notice, horizon, caps and the grid
decide what is offered, not what stands: nobody loses a session because the practice now books further ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from booking.engine.planner import Openings
from booking.engine.recurrence import Rest, Wish
from booking.engine.slots import Key, Practice, Rule, Therapist, Why, shut_at, within_hours
from booking.engine.spans import Span
from booking.engine.zones import local_date, local_day

#: How far a broken session may move at most; a week away is another appointment.
REACH = timedelta(days=6)
_DAY = timedelta(days=1)


class Promise(NamedTuple):
    """A session as it is booked: who, where and when (instants)."""

    key: Key
    therapist: Key
    room: Key | None
    session: Span
    footprint: Span


def broken(
    practice: Practice, therapists: Mapping[Key, Therapist], rooms: Collection[Key], promises: Iterable[Promise]
) -> dict[Key, Why]:
    """By the key of the session, the foremost rule it breaks; nothing for a session that stands.

    ``therapists`` are those who work here and ``rooms`` those in use; whoever or whatever is missing gives no session.
    """

    @cache
    def near_a_holiday(day: date) -> bool:
        return any(day + n * _DAY in practice.holidays for n in (-1, 0, 1))

    found: dict[Key, Why] = {}
    for promise in promises:
        day = local_date(practice.zone, promise.session.start)
        therapist = therapists.get(promise.therapist)
        why = None
        if practice.closures or near_a_holiday(day):
            why = next(shut_at(practice, day, promise.footprint), None)
        if why is None and therapist is None:
            why = Why(Rule.NOT_WORKING)
        if why is None and therapist is not None:
            why = _missing(practice.zone, therapist, day, promise)
        if why is None and promise.room is not None and promise.room not in rooms:
            why = Why(Rule.NO_ROOM)
        if why is not None:
            found[promise.key] = why
    return found


def _missing(zone: str, therapist: Therapist, day: date, promise: Promise) -> Why | None:
    if any(promise.footprint.meets(away) for away in therapist.time_off):
        return Why(Rule.AWAY)
    if not within_hours(local_day(zone, day), therapist.hours(day), promise.session):
        return Why(Rule.NOT_WORKING)
    return None


@dataclass(frozen=True)
class Mending:
    """Broken dates of one client with one therapist, to be planned as a whole like a course (``planner.Wanted``)."""

    wishes: tuple[Wish, ...]
    therapists: tuple[Key, ...]
    rest: Rest


def mending(dates: Sequence[tuple[date, int]], standing: Sequence[date], therapist: Key, rest: Rest, today: date) -> Mending:
    """The wishes that mend broken ``dates`` (local date and wall minute, in order).

    Each may move within reach, but not past a session of its series that stands: the third of eight stays the third.
    """
    return Mending(tuple(_wish(on, minute, standing, today) for on, minute in dates), (therapist,), rest)


def _wish(on: date, minute: int, standing: Sequence[date], today: date) -> Wish:
    before = max((day for day in standing if day < on), default=date.min)
    after = min((day for day in standing if day > on), default=date.max)
    return Wish(on, (minute,), max(on - REACH, before + _DAY, today), min(on + REACH, after - _DAY), keeps_weekday=True)


def usable(day: date, standing: Sequence[date], rest: Rest) -> bool:
    """Whether a session on this day goes with those that stand: one a date, and the rest of their course between them.

    Where those that stand do not keep the rest among themselves, somebody wanted it so, and it binds nobody.
    """
    reach = max(rest.days, rest.in_a_row or 0)
    near = sorted(other for other in standing if abs((other - day).days) <= reach)
    return day not in standing and (rest.allows(sorted([*near, day])) or not rest.allows(near))


@dataclass(frozen=True)
class OnSomeDays:
    """What is offered, on the days that may be used only."""

    openings: Openings
    is_usable: Callable[[date], bool]

    def on(self, therapist: Key, day: date) -> int:
        return self.openings.on(therapist, day) if self.is_usable(day) else 0
