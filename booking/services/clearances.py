"""Recording what a doctor said: the only thing that takes a session off hold."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction

from booking.enums import AppointmentStatus, AuditAction, FlagState, NotificationKind
from booking.exceptions import NothingOnHold
from booking.models import Appointment, AuditEntry, Clearance, SessionFlag
from booking.notifications.outbox import enqueue
from booking.services.guard import lock_client
from booking.services.intake import weigh
from clients.models import Client, User


@transaction.atomic
def record_clearance(
    client: Client,
    *,
    given_by: str,
    given_on: date,
    reference: str,
    by: User,
    now: datetime,
    valid_until: date | None = None,
) -> Clearance:
    """Keep whose word it was, from when and where the paper is; confirm the sessions it takes off hold and tell the client.

    It covers what holds this client's sessions today, and nothing that is answered later. Raises NothingOnHold when no session
    of theirs is on hold; nothing is written then.
    """
    lock_client(client.pk)
    weigh(client, now=now)
    held = list(SessionFlag.objects.filter(appointment__client=client, state=FlagState.ON_HOLD).select_related("appointment"))
    if not held:
        raise NothingOnHold
    clearance = Clearance.objects.create(
        client=client,
        given_by=given_by,
        given_on=given_on,
        reference=reference,
        valid_until=valid_until,
        grounds=sorted({ground for flag in held for ground in flag.grounds}),
        recorded_by=by,
        recorded_at=now,
    )
    weigh(client, now=now)
    still = SessionFlag.objects.filter(state=FlagState.ON_HOLD)
    freed = Appointment.objects.filter(pk__in=[flag.appointment_id for flag in held], starts_at__gt=now).exclude(flag__in=still)
    _confirm(client, list(freed.select_for_update(of=("self",)).order_by("starts_at")), by=by, now=now)
    return clearance


def _confirm(client: Client, sessions: Iterable[Appointment], *, by: User, now: datetime) -> None:
    """One notice for each series, and for each session without one."""
    told = set()
    for session in sessions:
        before = session.facts()
        if session.status == AppointmentStatus.BOOKED:
            session.status = AppointmentStatus.CONFIRMED
            session.save(update_fields=["status"])
        AuditEntry.objects.create(
            appointment=session,
            action=AuditAction.CLEARED,
            by=by,
            at=now,
            sequence=session.sequence,
            before=before,
            after=session.facts(),
        )
        if (about := session.series_id or session.pk) not in told:
            told.add(about)
            enqueue(NotificationKind.CLEARED, client=client, appointment=session, now=now, version=_times_cleared(session))


def _times_cleared(session: Appointment) -> int:
    return AuditEntry.objects.filter(appointment=session, action=AuditAction.CLEARED).count()
