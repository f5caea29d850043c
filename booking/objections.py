"""Why a time is not offered, for the desk: every rule in the way, whether a reason lifts them, and who is there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from booking.engine.planner import Start
from booking.engine.slots import Rule, Why
from booking.engine.zones import instant_of
from booking.models import Appointment
from booking.queries import moment_of, why_not
from therapists.models import Therapist, Treatment


@dataclass(frozen=True)
class InTheWay:
    """Somebody's session, or a time held, that meets the one asked for. ``is_around``: only by what is blocked around it."""

    session: Appointment
    is_around: bool


@dataclass(frozen=True)
class Answer:
    """What speaks against a start. ``is_liftable``: nothing that a typed reason could not lift."""

    start: Start
    therapist: Therapist
    why: tuple[Why, ...]
    is_liftable: bool
    in_the_way: tuple[InTheWay, ...] = ()

    @property
    def is_free(self) -> bool:
        return not self.why

    @property
    def reasons(self) -> list[Why]:
        """The rules to be put in words; who is there says more than that the therapist or the client is taken."""
        said = {Rule.TAKEN, Rule.CLIENT_BUSY} if self.in_the_way else set()
        return [each for each in self.why if each.rule not in said]


@dataclass(frozen=True)
class Place:
    """The time a start would take: of the session ``[begins, ends)``, and of all that is blocked around it."""

    begins: datetime
    ends: datetime
    blocked_from: datetime
    blocked_until: datetime

    def meets_blocked(self, row: Appointment) -> bool:
        return row.blocked_from < self.blocked_until and self.blocked_from < row.blocked_until

    def meets(self, row: Appointment) -> bool:
        return row.starts_at < self.ends and self.begins < row.ends_at


def answers(
    treatment: Treatment,
    starts: Sequence[Start],
    *,
    now: datetime,
    client: UUID | None = None,
    ignoring: Collection[UUID] = (),
    length: timedelta | None = None,
    lasting: timedelta | None = None,
) -> list[Answer]:
    """For each start whether it is free, or else why not. As many queries for many starts as for one.

    ``length`` and ``lasting`` as for ``availability``.
    """
    names = Therapist.objects.in_bulk([each.therapist for each in starts])
    known = [each for each in starts if each.therapist in names]
    asked = [(each.therapist, each.on, each.minute) for each in known]
    by_rules = why_not(treatment.pk, asked, now=now, client=client, ignoring=ignoring, length=length, lasting=lasting)
    hard = why_not(
        treatment.pk, asked, now=now, client=client, ignoring=ignoring, length=length, lasting=lasting, overriding=True
    )
    places = [_place(treatment, each, length or lasting or treatment.length) for each in known]
    rows = _met([each for each in places if each is not None], now=now, ignoring=ignoring)
    rooms = set(treatment.rooms.values_list("pk", flat=True))
    return [
        Answer(start, names[start.therapist], why or firm, not firm, _in_the_way(start, place, firm, rows, client, rooms))
        for start, place, why, firm in zip(known, places, by_rules, hard, strict=True)
    ]


def _place(treatment: Treatment, start: Start, takes: timedelta) -> Place | None:
    """None for a wall time that does not exist."""
    instant = instant_of(treatment.location.zone, start.on, start.minute)
    if instant is None:
        return None
    begins = moment_of(instant)
    ends = begins + takes
    return Place(begins, ends, begins - treatment.preparation, ends + treatment.turnaround)


def _met(places: Sequence[Place], *, now: datetime, ignoring: Collection[UUID]) -> list[Appointment]:
    """Whatever is blocked at one of these times, with anybody."""
    if not places:
        return []
    met = Q()
    for place in set(places):
        met |= Q(blocked_from__lt=place.blocked_until, blocked_until__gt=place.blocked_from)
    found = Appointment.objects.blocking(now).filter(met).exclude(pk__in=ignoring)
    return list(found.select_related("client", "therapist", "treatment", "room").order_by("starts_at"))


def _in_the_way(
    start: Start,
    place: Place | None,
    why: Collection[Why],
    rows: Sequence[Appointment],
    client: UUID | None,
    rooms: Collection[UUID],
) -> tuple[InTheWay, ...]:
    """Who has the therapist or the client then; where no room is free, also who has the rooms."""
    if place is None:
        return ()
    needed = rooms if any(each.rule is Rule.NO_ROOM for each in why) else ()
    return tuple(
        InTheWay(row, not place.meets(row))
        for row in rows
        if (place.meets_blocked(row) and (row.therapist_id == start.therapist or row.room_id in needed))
        or (client is not None and row.client_id == client and place.meets(row))
    )
