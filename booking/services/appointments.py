"""Book, move, cancel, and the states a session goes through. Nothing else changes an appointment."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from booking.enums import CHANGEABLE, NEXT_STATES, AppointmentStatus, AuditAction, NotificationKind
from booking.exceptions import CannotChange
from booking.models import Appointment, AuditEntry
from booking.notifications.outbox import enqueue
from booking.services.guard import Choice, lock, overlap_raises, require_offered
from clients.models import Client, User
from therapists.models import Therapist, Treatment


def unsaved_appointment(treatment: Treatment, choice: Choice, *, room_id: UUID | None) -> Appointment:
    """The row for one session: its wall time in the practice's zone and the instants derived from it."""
    local = choice.starts_at.astimezone(treatment.location.tz)
    ends_at = choice.starts_at + treatment.length
    return Appointment(
        therapist_id=choice.therapist_id,
        treatment=treatment,
        room_id=room_id,
        zone=treatment.location.zone,
        local_date=local.date(),
        local_time=local.time(),
        starts_at=choice.starts_at,
        ends_at=ends_at,
        blocked_from=choice.starts_at - treatment.preparation,
        blocked_until=ends_at + treatment.turnaround,
        price=treatment.price,
    )


def facts(appointment: Appointment) -> dict[str, str | None]:
    """What an audit entry keeps of an appointment, before and after."""
    return {
        "status": appointment.status,
        "local_date": appointment.local_date.isoformat(),
        "local_time": f"{appointment.local_time:%H:%M}",
        "therapist": str(appointment.therapist_id),
        "room": str(appointment.room_id) if appointment.room_id else None,
    }


@transaction.atomic
def book_appointment(
    *,
    client: Client,
    therapist: Therapist,
    treatment: Treatment,
    starts_at: datetime,
    by: User,
    now: datetime,
    override_reason: str = "",
) -> Appointment:
    """Book one session; audit it and queue its confirmation in the same transaction.

    ``starts_at`` and ``now`` are aware datetimes. Raises OutsideAvailability when a rule removes the start (a reason lifts
    the soft rules only), SlotTaken or ClientBusy when someone else was faster. Nothing is written in any of these cases.
    """
    choice = Choice(therapist.pk, starts_at)
    lock(client=client, therapists=[therapist.pk], treatment=treatment, now=now)
    [room_id] = require_offered(treatment, [choice], client=client, now=now, override=bool(override_reason))
    appointment = unsaved_appointment(treatment, choice, room_id=room_id)
    appointment.client = client
    with overlap_raises():
        appointment.save(force_insert=True)
    AuditEntry.objects.create(
        appointment=appointment,
        action=AuditAction.BOOKED,
        by=by,
        at=now,
        reason=override_reason,
        after=facts(appointment),
    )
    enqueue(NotificationKind.CONFIRMATION, client=client, appointment=appointment, now=now)
    return appointment


@transaction.atomic
def reschedule_appointment(
    appointment: Appointment,
    *,
    therapist: Therapist,
    starts_at: datetime,
    by: User,
    now: datetime,
    reason: str = "",
    override_reason: str = "",
) -> Appointment:
    """Move one session to another start or therapist; its old time is free only once the new one is its own.

    Raises CannotChange unless it is still ahead, and whatever ``book_appointment`` raises.
    """
    lock(
        client=appointment.client,
        therapists={appointment.therapist_id, therapist.pk},
        treatment=appointment.treatment,
        now=now,
    )
    current = _changeable(appointment)
    before = facts(current)
    choice = Choice(therapist.pk, starts_at)
    [room_id] = require_offered(
        current.treatment,
        [choice],
        client=current.client,
        now=now,
        ignoring=[current.pk],
        override=bool(override_reason),
    )
    moved = unsaved_appointment(current.treatment, choice, room_id=room_id)
    where = [
        "therapist",
        "room",
        "zone",
        "local_date",
        "local_time",
        "starts_at",
        "ends_at",
        "blocked_from",
        "blocked_until",
    ]
    for field in where:
        setattr(current, field, getattr(moved, field))
    current.sequence += 1
    with overlap_raises():
        current.save(update_fields=[*where, "sequence"])
    AuditEntry.objects.create(
        appointment=current,
        action=AuditAction.MOVED,
        by=by,
        at=now,
        reason=reason or override_reason,
        before=before,
        after=facts(current),
    )
    _tell(NotificationKind.CHANGED, current, now)
    return current


@transaction.atomic
def cancel_appointment(appointment: Appointment, *, by: User, now: datetime, reason: str = "") -> Appointment:
    """Cancel one session that is still ahead, free its time and tell the client. Raises CannotChange otherwise."""
    current = _changeable(appointment)
    before = facts(current)
    current.status = AppointmentStatus.CANCELLED
    current.sequence += 1
    current.save(update_fields=["status", "sequence"])
    AuditEntry.objects.create(
        appointment=current,
        action=AuditAction.CANCELLED,
        by=by,
        at=now,
        reason=reason,
        before=before,
        after=facts(current),
    )
    _tell(NotificationKind.CANCELLED, current, now)
    return current


@transaction.atomic
def set_status(appointment: Appointment, status: AppointmentStatus, *, by: User, now: datetime) -> Appointment:
    """Take a session to its next state (NEXT_STATES). Raises CannotChange for any other step."""
    current = _locked(appointment)
    if status not in NEXT_STATES.get(AppointmentStatus(current.status), ()):
        raise CannotChange(
            _("A session that is “%(now)s” cannot become “%(next)s”. Nothing was changed.")
            % {"now": current.get_status_display(), "next": status.label}
        )
    before = facts(current)
    current.status = status
    current.save(update_fields=["status"])
    AuditEntry.objects.create(appointment=current, action=AuditAction.STATUS, by=by, at=now, before=before, after=facts(current))
    return current


def _tell(kind: NotificationKind, appointment: Appointment, now: datetime) -> None:
    if appointment.client is not None:
        enqueue(kind, client=appointment.client, appointment=appointment, now=now)


def _locked(appointment: Appointment) -> Appointment:
    return (
        Appointment.objects.select_for_update(of=("self",))
        .select_related("client", "therapist", "treatment__location")
        .get(pk=appointment.pk)
    )


def _changeable(appointment: Appointment) -> Appointment:
    current = _locked(appointment)
    if current.status not in CHANGEABLE:
        raise CannotChange
    return current
