"""Put a notice into the outbox, in the transaction of what it tells of."""

from __future__ import annotations

from datetime import datetime

from booking.enums import NotificationKind
from booking.models import Appointment, Change, Notification, Offer, Repair, Series
from clients.models import Client


def enqueue(
    kind: NotificationKind,
    *,
    client: Client,
    now: datetime,
    appointment: Appointment | None = None,
    series: Series | None = None,
    change: Change | None = None,
    offer: Offer | None = None,
    repair: Repair | None = None,
    due_at: datetime | None = None,
    recipient: str = "",
    version: int | None = None,
) -> Notification | None:
    """Queue one notice about one thing; a client without an address gets none.

    ``due_at``: at once, unless told otherwise. ``recipient``: the client's address, unless the notice is for somebody else.
    ``version``: of the appointment's time, unless the notice counts something else.
    It is rendered when it is sent. The same notice about the same version of a time is queued once (a database constraint).
    """
    recipient = recipient or client.email
    if not recipient:
        return None
    return Notification.objects.create(
        kind=kind,
        client=client,
        appointment=appointment,
        series=series,
        change=change,
        offer=offer,
        repair=repair,
        sequence=_version(appointment) if version is None else version,
        recipient=recipient,
        created_at=now,
        due_at=due_at or now,
    )


def _version(appointment: Appointment | None) -> int:
    return appointment.sequence if appointment else 0
