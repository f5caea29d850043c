"""What a therapist's calendar shows of some days: sessions, the time around them, working hours, and when nobody works.

All times are the practice's wall clock without an offset, as the calendar draws them; the time around a session is in minutes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from booking.engine.slots import Shut
from booking.engine.spans import Span
from booking.enums import CHANGEABLE
from booking.models import Appointment, PlannedDate
from booking.queries import LONGEST_FOOTPRINT, Rules, moment_of, rules_in_force
from booking.services.intake import lights_of
from therapists.models import Therapist, TimeOff

_MINUTE = timedelta(minutes=1)
#: No session reaches further than a footprint can; a session that began before the days shown may end in them.
REACH = LONGEST_FOOTPRINT * _MINUTE
#: What is read of somebody else's session; ids as the text they are sent as, which spares making thousands of them.
THEIRS = (
    Cast("pk", TextField()),
    Cast("therapist", TextField()),
    Cast("room", TextField()),
    "status",
    "starts_at",
    "ends_at",
    "blocked_from",
    "blocked_until",
    "client__name",
)


@dataclass(frozen=True)
class Days:
    """Dates of one practice, from ``first`` to ``last`` inclusive."""

    therapist: Therapist
    first: date
    last: date

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.first, time(0), self.therapist.location.tz)

    @property
    def ends_at(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(0), self.therapist.location.tz)

    @property
    def span(self) -> Span:
        return Span(int(self.starts_at.timestamp()) // 60, int(self.ends_at.timestamp()) // 60)

    @property
    def dates(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def wall(self, moment: datetime) -> str:
        """2027-03-09T09:00, on the practice's clock"""
        return _wall(moment, self.therapist.location.tz)

    def meeting(self, sessions: QuerySet[Appointment]) -> QuerySet[Appointment]:
        """Those of ``sessions`` that meet these days."""
        return sessions.filter(starts_at__lt=self.ends_at, starts_at__gte=self.starts_at - REACH, ends_at__gt=self.starts_at)


@lru_cache(maxsize=16384)
def _wall(moment: datetime, tz: ZoneInfo) -> str:
    """Kept, as every look at a calendar asks for the same moments again."""
    return moment.astimezone(tz).isoformat()[:16]


def diary(
    days: Days, own: QuerySet[Appointment], theirs: QuerySet[Appointment] | None, team: Collection[UUID], *, now: datetime
) -> dict[str, Any]:
    """The ``own`` sessions in full, ``theirs`` as time taken by somebody with initials, and the hours of ``team``.

    The number of queries depends on nothing but on whether there are ``theirs`` to be read.
    """
    known = rules_in_force(now)
    return {
        "sessions": [*_own(days, own, now), *(_theirs(days, theirs) if theirs is not None else ())],
        "hours": {str(key): _hours(days, known, key) for key in team},
        "off": [*_away(days, team), *_shut(days, known)],
    }


def opening(known: Rules) -> tuple[int, int]:
    """The hours of the day, from and until, between which anybody works by their weekly rules."""
    weekly = [hours for therapist in known.therapists.values() for hours in therapist.weekly]
    first = min((hours.opens for hours in weekly), default=9 * 60)
    last = max((hours.closes for hours in weekly), default=18 * 60)
    return first // 60, -(-last // 60)


def initials(name: str) -> str:
    """A. O."""
    return " ".join(f"{part[0]}." for part in name.split())


def _own(days: Days, sessions: QuerySet[Appointment], now: datetime) -> Iterable[dict[str, Any]]:
    rows = list(days.meeting(sessions).select_related("client", "treatment", "room", "hold__change").order_by("starts_at", "pk"))
    lights = lights_of([row for row in rows if row.client_id], now=now)
    dates = _dates_of_series(rows)
    for row in rows:
        fact = {
            "id": str(row.pk),
            "therapist": str(row.therapist_id),
            "room": str(row.room_id or ""),
            "state": row.status,
            "start": days.wall(row.starts_at),
            "end": days.wall(row.ends_at),
            "before": (row.starts_at - row.blocked_from) // _MINUTE,
            "after": (row.blocked_until - row.ends_at) // _MINUTE,
        }
        if row.client is None:
            is_for_undo = hasattr(row.hold, "change")
            yield fact | {"name": _("kept for an undo") if is_for_undo else _("being booked"), "line": _held_until(days, row)}
            continue
        yield fact | {
            "own": True,
            "name": row.client.name,
            "line": " · ".join(_details(row, dates)),
            "light": lights[row.pk].value,
            "version": row.sequence,
            "moves": row.status in CHANGEABLE,
        }


def _details(row: Appointment, dates: Mapping[UUID, int]) -> Iterable[str]:
    """The treatment, the place in the series, the room."""
    yield row.treatment.name
    if row.series_id:
        yield _("%(n)d of %(all)d") % {"n": row.position, "all": dates[row.series_id]}
    if row.room:
        yield row.room.name


def _dates_of_series(rows: Iterable[Appointment]) -> dict[UUID, int]:
    """How many dates each of these series has."""
    counted = PlannedDate.objects.counted({row.series_id for row in rows if row.series_id})
    return {row.series_id: max(counted.get(row.series_id, 0), row.position or 0) for row in rows if row.series_id}


def _held_until(days: Days, row: Appointment) -> str:
    assert row.held_until is not None
    until = row.held_until.astimezone(days.therapist.location.tz)
    return _("Held until %(time)s") % {"time": f"{until.hour}:{until:%M}"}


def _theirs(days: Days, sessions: QuerySet[Appointment]) -> Iterable[dict[str, Any]]:
    rows = days.meeting(sessions).order_by("starts_at", "pk").values_list(*THEIRS)
    for pk, therapist, room, state, starts_at, ends_at, since, until, name in rows:
        yield {
            "id": pk,
            "therapist": therapist,
            "room": room or "",
            "state": state,
            "start": days.wall(starts_at),
            "end": days.wall(ends_at),
            "before": (starts_at - since) // _MINUTE,
            "after": (until - ends_at) // _MINUTE,
            "name": initials(name) if name else _("held"),
            "line": "",
        }


def _hours(days: Days, known: Rules, therapist: UUID) -> list[tuple[str, str]]:
    """The unbroken stretches of working hours."""
    rule = known.therapists.get(therapist)
    return [(_clock(day, span.start), _clock(day, span.end)) for day in days.dates for span in (rule.hours(day) if rule else ())]


def _clock(day: date, minute: int) -> str:
    """A wall minute of a date; 1440 is midnight at its end."""
    return (datetime.combine(day, time(0)) + minute * _MINUTE).isoformat()[:16]


def _away(days: Days, team: Collection[UUID]) -> Iterable[dict[str, str]]:
    """When somebody is away. Why, they alone are told."""
    away = TimeOff.objects.filter(therapist__in=team, starts_at__lt=days.ends_at, ends_at__gt=days.starts_at)
    for row in away.order_by("starts_at"):
        title = row.get_kind_display().capitalize() if row.therapist_id == days.therapist.pk else _("Away")
        yield _off(days, row.starts_at, row.ends_at, title, str(row.therapist_id))


def _shut(days: Days, known: Rules) -> Iterable[dict[str, str]]:
    """When the practice is shut: closures and public holidays."""
    practice = known.practices[days.therapist.location_id]
    for shut in practice.closures:
        if shut.span.meets(days.span):
            yield _closed(days, shut)
    for day in days.dates:
        if day in practice.holidays:
            yield {"therapist": "", "title": practice.holidays[day], "start": _clock(day, 0), "end": _clock(day, 24 * 60)}


def _closed(days: Days, shut: Shut) -> dict[str, str]:
    return _off(days, moment_of(shut.span.start), moment_of(shut.span.end), shut.name, "")


def _off(days: Days, starts_at: datetime, ends_at: datetime, title: str, therapist: str) -> dict[str, str]:
    """Cut to the days shown; nothing in ``therapist`` means everybody."""
    since, until = max(starts_at, days.starts_at), min(ends_at, days.ends_at)
    return {"therapist": therapist, "title": title, "start": days.wall(since), "end": days.wall(until)}
