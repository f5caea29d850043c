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
        """The rules to be put in words; who is there says more than that the time is taken."""
        said = {Rule.TAKEN, Rule.CLIENT_BUSY} if self.in_the_way else set()
        return [each for each in self.why if each.rule not in said]


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
    takes = length or lasting or treatment.length
    there = _in_the_way(treatment, known, takes, now=now, client=client, ignoring=ignoring)
    return [
        Answer(start, names[start.therapist], why or firm, not firm, met)
        for start, why, firm, met in zip(known, by_rules, hard, there, strict=True)
    ]


def _in_the_way(
    treatment: Treatment,
    starts: Sequence[Start],
    takes: timedelta,
    *,
    now: datetime,
    client: UUID | None,
    ignoring: Collection[UUID],
) -> list[tuple[InTheWay, ...]]:
    """By start, whoever has its therapist or its client then."""
    spans = [_begins(treatment, each) for each in starts]
    meets = Q(pk=None)
    for start, begins in zip(starts, spans, strict=True):
        if begins is not None:
            meets |= _met(treatment, start, begins, takes, client)
    found = Appointment.objects.blocking(now).filter(meets).exclude(pk__in=ignoring)
    rows = list(found.select_related("client", "therapist", "treatment").order_by("starts_at"))
    return [
        tuple(
            InTheWay(row, row.ends_at <= begins or row.starts_at >= begins + takes)
            for row in rows
            if (
                row.therapist_id == start.therapist
                and row.blocked_from < begins + takes + treatment.turnaround
                and row.blocked_until > begins - treatment.preparation
            )
            or (client is not None and row.client_id == client and row.starts_at < begins + takes and row.ends_at > begins)
        )
        if begins is not None
        else ()
        for start, begins in zip(starts, spans, strict=True)
    ]


def _begins(treatment: Treatment, start: Start) -> datetime | None:
    instant = instant_of(treatment.location.zone, start.on, start.minute)
    return None if instant is None else moment_of(instant)


def _met(treatment: Treatment, start: Start, begins: datetime, takes: timedelta, client: UUID | None) -> Q:
    of_therapist = Q(
        therapist=start.therapist,
        blocked_from__lt=begins + takes + treatment.turnaround,
        blocked_until__gt=begins - treatment.preparation,
    )
    own = Q(client=client, starts_at__lt=begins + takes, ends_at__gt=begins) if client else Q(pk=None)
    return of_therapist | own
