"""Hold slots while someone reads, then book what is held: all of it or none of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, QuerySet

from booking.engine.matching import Match
from booking.engine.recurrence import Course, InvalidCourse
from booking.enums import AppointmentStatus, AuditAction, HoldState, NotificationKind
from booking.exceptions import HoldOver, KeyReused, TooManyHolds
from booking.models import Appointment, AuditEntry, BookingRequest, Hold, PlannedDate, Series
from booking.notifications.outbox import enqueue
from booking.queries import matches
from booking.services.appointments import unsaved_appointment
from booking.services.guard import (
    Choice,
    lengthen_first,
    lock,
    lock_client,
    overlap_raises,
    require_matched,
    require_offered,
)
from booking.services.intake import weigh
from booking.services.policy import require_agreement
from clients.models import Client, User
from therapists.models import Treatment

HOLD_LASTS = timedelta(minutes=10)
LIVE_HOLDS_A_PERSON = 3


@transaction.atomic
def hold_choices(
    choices: Sequence[Choice],
    *,
    owner: str,
    treatment: Treatment,
    now: datetime,
    client: Client | None = None,
    replacing: Hold | None = None,
    ignoring: Collection[UUID] = (),
    lasts: timedelta = HOLD_LASTS,
    course: Mapping[str, Any] | None = None,
    plan: Mapping[str, Any] | None = None,
    by_hand: bool = False,
) -> Hold:
    """Hold every one of ``choices`` for ten minutes (or as long as it ``lasts``), or none.

    ``owner`` is whoever holds: a random token of a browser, or a user's id. ``replacing`` is a hold of the same owner that is
    let go in the same transaction, so that its times may be chosen again and nothing is lost when the new ones are not free.
    ``ignoring`` are sessions of the client that are to move there; what they block is still blocked. ``by_hand``: a therapist
    places them in their own time, at any minute that is free; notice and grid bind clients only.
    Raises TooManyHolds, OutsideAvailability, SlotTaken or ClientBusy; nothing is written then.
    """
    _one_at_a_time(owner)
    lock(client=client, therapists={choice.therapist_id for choice in choices}, treatments=[treatment], now=now)
    if replacing is not None:
        replacing = Hold.objects.select_for_update(no_key=True).get(pk=replacing.pk, owner=owner)
        if replacing.state == HoldState.BOOKED:
            raise HoldOver
        let_go(replacing)
    live = Hold.objects.filter(owner=owner, state=HoldState.LIVE, expires_at__gt=now).count()
    if live >= LIVE_HOLDS_A_PERSON:
        raise TooManyHolds
    length = treatment.length if by_hand else None
    places = require_offered(treatment, choices, client=client, now=now, ignoring=ignoring, override=by_hand, length=length)
    hold = Hold.objects.create(
        owner=owner,
        treatment=treatment,
        created_at=now,
        expires_at=now + lasts,
        size=len(choices),
        course=course or {},
        plan=plan or {},
    )
    appointments: list[Appointment] = []
    for choice, place in zip(choices, places, strict=True):
        appointment = unsaved_appointment(treatment, choice, place)
        appointment.status = AppointmentStatus.HELD
        appointment.hold = hold
        appointment.position = choice.position
        appointment.held_until = hold.expires_at
        appointments.append(appointment)
    with overlap_raises():
        Appointment.objects.bulk_create(appointments)
    return hold


def release_expired(now: datetime) -> int:
    """Clear slots whose ten minutes are over and say how many; whoever books there clears them too. Waits for nobody."""
    with transaction.atomic():
        live = Hold.objects.filter(state=HoldState.LIVE, expires_at__lte=now).select_for_update(skip_locked=True, no_key=True)
        Hold.objects.filter(pk__in=list(live.values_list("pk", flat=True))).update(state=HoldState.RELEASED)
        return _clear(Appointment.objects.expired_holds(now))


def let_go(hold: Hold) -> None:
    """Free what a hold still keeps, inside somebody else's transaction."""
    hold.state = HoldState.RELEASED
    hold.save(update_fields=["state"])
    _clear(hold.appointments.filter(status=AppointmentStatus.HELD))


def _clear(slots: QuerySet[Appointment]) -> int:
    """Delete held slots and say how many. One that is locked has run out, and whoever locked it is clearing it."""
    free = list(slots.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
    Appointment.objects.filter(pk__in=free).delete()
    return len(free)


@dataclass(frozen=True)
class Booked:
    """What a confirmed request made; the same for the first POST and for each of its repeats."""

    request: BookingRequest
    appointments: list[Appointment]
    series: Series | None
    repeated: bool


@transaction.atomic
def book_hold(
    hold: Hold,
    *,
    client: Client,
    key: UUID,
    by: User | None,
    now: datetime,
    undo_for: timedelta = timedelta(0),
    joining: Series | None = None,
    extending: Series | None = None,
) -> Booked:
    """Turn everything held into appointments of ``client``, with history, audit and one notice, in one transaction.

    ``key`` is the random key of the form. The same key again gives the same booking; the same key for another hold raises
    KeyReused. ``undo_for``: how long it can be undone and its notice waits. ``joining`` is a series of theirs in which a single
    held date takes its position; ``extending`` is one after whose last position a held course goes on.
    Raises HoldOver when the ten minutes are over, ClientBusy when the client has a session at one of the times,
    AgreementWithdrawn when nobody may treat them, NotMatched when a therapist declines to treat this client, TooClose when they
    need more rest, TooShort when their first session has to be longer than there is room for; what is held stays held then.
    """
    lock_client(client.pk)
    content = hashlib.sha256(str(hold.pk).encode()).hexdigest()
    earlier = BookingRequest.objects.filter(client=client, key=key).first()
    if earlier is not None:
        if earlier.content != content:
            raise KeyReused
        return _booked(earlier, repeated=True)
    require_agreement(client, by=by)
    found = _matches(hold, client, now)
    longer = any(match.flags.extra_minutes for match in found)
    if longer:
        therapists = hold.appointments.values_list("therapist", flat=True)
        lock(client=None, therapists=list(therapists), treatments=[hold.treatment], now=now)
    hold = Hold.objects.select_for_update(no_key=True).get(pk=hold.pk)
    if not hold.is_live(now):
        raise HoldOver
    appointments = list(hold.appointments.select_for_update(no_key=True, of=("self",)).order_by("starts_at"))
    if len(appointments) != hold.size:
        raise HoldOver
    require_matched(found, [each.local_date for each in appointments])
    if longer:
        lengthen_first(appointments[0], client=client, now=now, ignoring=[each.pk for each in appointments])

    request = BookingRequest.objects.create(
        client=client, key=key, content=content, created_at=now, undo_until=now + undo_for if undo_for else None
    )
    series = (extending or _series(hold, client, request, now)) if hold.plan else None
    before = extending.last_position if extending is not None else 0
    booked = {
        "client": client,
        "status": AppointmentStatus.BOOKED,
        "held_until": None,
        "request": request,
        "series": series or joining,
    }
    with overlap_raises():
        if longer:
            appointments[0].save(update_fields=["room", "ends_at", "blocked_until"])
        hold.appointments.update(**booked, position=F("position") + before)
    for appointment in appointments:
        for name, value in booked.items():
            setattr(appointment, name, value)
        if series is not None:
            appointment.position = (appointment.position or 0) + before
    if series is not None:
        _record_plan(series, hold, appointments, before)
    if extending is not None:
        _lengthen(extending, hold)
    AuditEntry.objects.bulk_create(
        AuditEntry(appointment=a, action=AuditAction.BOOKED, by=by, at=now, after=a.facts()) for a in appointments
    )
    hold.state = HoldState.BOOKED
    hold.save(update_fields=["state"])
    # a series is confirmed once for each time that it was booked or lengthened
    about: dict[str, Any] = {"series": series, "version": before} if series is not None else {"appointment": appointments[0]}
    enqueue(NotificationKind.CONFIRMATION, client=client, now=now, due_at=request.undo_until, **about)
    weigh(client, now=now)
    return Booked(request, appointments, series, repeated=False)


def _matches(hold: Hold, client: Client, now: datetime) -> list[Match]:
    """How the therapists of what is held can treat this client."""
    daily = bool(hold.course) and Course.from_json(hold.course).is_daily
    return matches(client.pk, list(hold.appointments.values_list("therapist", "local_date")), now=now, daily=daily)


def _one_at_a_time(owner: str) -> None:
    """Requests of one owner queue until the end of the transaction, so that counting holds is no race."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [owner])


def _booked(request: BookingRequest, *, repeated: bool) -> Booked:
    appointments = list(request.appointments.select_related("series", "hold").order_by("starts_at"))
    of_course = (each.series for each in appointments if each.hold is not None and each.hold.plan)
    return Booked(request, appointments, next(of_course, None), repeated)


def _series(hold: Hold, client: Client, request: BookingRequest, now: datetime) -> Series:
    return Series.objects.create(
        client=client, treatment_id=hold.treatment_id, course=hold.course, request=request, created_at=now
    )


def _lengthen(series: Series, hold: Hold) -> None:
    """The rule goes on in the rhythm of what was added; where both together make no course, it stays as it was."""
    course, more = Course.from_json(series.course), Course.from_json(hold.course)
    with suppress(InvalidCourse):
        series.course = replace(course, phases=(*course.phases, *more.phases)).as_json()
        series.save(update_fields=["course"])


def _record_plan(series: Series, hold: Hold, appointments: Sequence[Appointment], before: int) -> None:
    """What the plan wished and what became of it; ``before`` are the positions of the series that were there already."""
    by_position = {appointment.position: appointment for appointment in appointments}
    PlannedDate.objects.bulk_create(
        PlannedDate(
            series=series,
            position=wish["position"] + before,
            wished_date=wish["date"],
            wished_time=wish["time"],
            wished_therapist_id=wish["therapist"],
            outcome=wish["outcome"],
            reason=wish["reason"],
            appointment=by_position.get(wish["position"] + before),
        )
        for wish in hold.plan["dates"]
    )
