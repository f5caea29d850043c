"""Take over sessions that were agreed elsewhere, past ones included: many rows, one transaction, no notices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from booking.engine.zones import instant_of
from booking.enums import CHANGEABLE, AppointmentStatus, AuditAction
from booking.exceptions import BookingError
from booking.models import Appointment, AuditEntry, Series
from booking.queries import moment_of
from booking.services.appointments import unsaved_appointment
from booking.services.guard import Choice, Place, overlap_raises
from booking.services.intake import weigh_alone
from clients.models import Client, Response
from therapists.models import Treatment

#: What a session that is over may have become.
OVER = (
    AppointmentStatus.DONE,
    AppointmentStatus.NO_SHOW,
    AppointmentStatus.CANCELLED,
    AppointmentStatus.LATE_CANCELLED,
)


@dataclass(frozen=True)
class Imported:
    """One session as it was agreed: ``minute`` is the wall minute of ``on`` in the practice's zone."""

    client: Client
    therapist_id: UUID
    treatment: Treatment
    room_id: UUID | None
    on: date
    minute: int
    status: AppointmentStatus
    series: Series | None = None
    position: int | None = None


@transaction.atomic
def import_appointments(rows: Sequence[Imported], *, now: datetime) -> list[Appointment]:
    """Write every row with its audit entry, or none. No rule of what is offered applies; the constraints decide.

    No client is told; what their answers mean for these sessions is weighed. Raises SlotTaken or ClientBusy when two sessions
    overlap, BookingError for a wall time that does not exist and for a state that does not go with the time: what is over is
    done or was missed, what is ahead is booked.
    """
    appointments = [_unsaved(row, now) for row in rows]
    with overlap_raises():
        Appointment.objects.bulk_create(appointments, batch_size=1000)
    AuditEntry.objects.bulk_create(
        (
            AuditEntry(appointment=each, action=AuditAction.BOOKED, at=now, reason=_("taken over"), after=each.facts())
            for each in appointments
        ),
        batch_size=1000,
    )
    answered = Client.objects.filter(pk__in={row.client.pk for row in rows}, responses__state=Response.State.SUBMITTED)
    for client in answered.distinct():
        weigh_alone(client, now=now)
    return appointments


def _unsaved(row: Imported, now: datetime) -> Appointment:
    instant = instant_of(row.treatment.location.zone, row.on, row.minute)
    if instant is None:
        raise BookingError(_("On %(date)s the clocks skip this time. Nothing was taken over.") % {"date": row.on})
    starts_at = moment_of(instant)
    allowed = OVER if starts_at < now else CHANGEABLE
    if row.status not in allowed and not starts_at <= now < starts_at + row.treatment.length:
        raise BookingError(
            _("A session on %(date)s cannot be “%(state)s”. Nothing was taken over.")
            % {"date": row.on, "state": row.status.label}
        )
    appointment = unsaved_appointment(
        row.treatment, Choice(row.therapist_id, starts_at), Place(row.room_id, row.treatment.length)
    )
    appointment.client = row.client
    appointment.status = row.status
    appointment.series = row.series
    appointment.position = row.position
    return appointment
