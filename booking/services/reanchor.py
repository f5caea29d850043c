"""Give future appointments their instants again after the zone database changed its mind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import transaction

from booking.engine.zones import instant_of
from booking.enums import BLOCKING, AppointmentStatus, AuditAction
from booking.exceptions import BookingError
from booking.models import Appointment, AuditEntry
from booking.services.guard import overlap_raises

INSTANTS = ("starts_at", "ends_at", "blocked_from", "blocked_until")


@dataclass(frozen=True)
class Shift:
    """An appointment whose wall time now means another instant, ``by`` later (or earlier, if negative)."""

    appointment: Appointment
    by: timedelta


@dataclass
class Report:
    """``moved`` were given new instants. ``clashes`` could not be: the new instants are taken. ``gone``: no such wall time."""

    moved: list[Shift] = field(default_factory=list)
    clashes: list[Shift] = field(default_factory=list)
    gone: list[Appointment] = field(default_factory=list)


def reanchor_appointments(*, now: datetime, dry_run: bool) -> Report:
    """Derive the instants of every appointment still ahead from its wall time, date by date, in one transaction.

    The wall time, and so what the client was told, never changes. What clashes or no longer exists stays as it is and is
    listed for the desk. A dry run goes through the same steps and rolls them back.
    """
    report = Report()
    with transaction.atomic():
        later, earlier = [], []
        ahead = (
            Appointment.objects.filter(status__in=BLOCKING, ends_at__gte=now - timedelta(days=1))
            .exclude(status__in=(AppointmentStatus.HELD, AppointmentStatus.DONE))
            .order_by("starts_at")
            .select_for_update()
        )
        for appointment in ahead:
            minute = appointment.local_time.hour * 60 + appointment.local_time.minute
            instant = instant_of(appointment.zone, appointment.local_date, minute)
            if instant is None:
                report.gone.append(appointment)
                continue
            by = datetime.fromtimestamp(instant * 60, UTC) - appointment.starts_at
            if by > timedelta(0):
                later.append(Shift(appointment, by))
            elif by:
                earlier.append(Shift(appointment, by))
        # the one in front makes room first
        for shift in [*reversed(later), *earlier]:
            try:
                _apply(shift, now)
            except BookingError:
                report.clashes.append(shift)
            else:
                report.moved.append(shift)
        transaction.set_rollback(dry_run)
    return report


def _apply(shift: Shift, now: datetime) -> None:
    appointment = shift.appointment
    was = {name: getattr(appointment, name) for name in INSTANTS}
    for name, instant in was.items():
        setattr(appointment, name, instant + shift.by)
    try:
        with overlap_raises(), transaction.atomic():
            appointment.save(update_fields=INSTANTS)
            AuditEntry.objects.create(
                appointment=appointment,
                action=AuditAction.REANCHORED,
                at=now,
                before={"starts_at": was["starts_at"].isoformat()},
                after={"starts_at": appointment.starts_at.isoformat()},
            )
    except BookingError:
        for name, instant in was.items():
            setattr(appointment, name, instant)
        raise
