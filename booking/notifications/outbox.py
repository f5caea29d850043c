"""Put a notice into the outbox, in the transaction of what it tells of."""

from __future__ import annotations

from datetime import datetime

from booking.enums import NotificationKind
from booking.models import Appointment, Notification, Series
from clients.models import Client


def enqueue(
    kind: NotificationKind,
    *,
    client: Client,
    now: datetime,
    appointment: Appointment | None = None,
    series: Series | None = None,
) -> Notification | None:
    """Queue one notice about an appointment or a whole series; a client without an address gets none.

    It is rendered when it is sent. The same notice about the same version of a time is queued once (a database constraint).
    """
    if not client.email:
        return None
    return Notification.objects.create(
        kind=kind,
        client=client,
        appointment=appointment,
        series=series,
        sequence=appointment.sequence if appointment else 0,
        recipient=client.email,
        created_at=now,
        due_at=now,
    )
