"""Put a notice into the outbox, in the transaction of what it tells of."""

from __future__ import annotations

from datetime import datetime

from booking.enums import Channel, NotificationKind
from booking.models import Appointment, Change, Notification, Offer, Repair, Series
from booking.notifications.channels import Way, ways_to
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
    """Queue one notice about one thing; a client without an address and a number gets none.

    ``due_at``: at once, unless told otherwise. ``recipient``: an e-mail address, where the notice is not for the client; they
    get it by the way they prefer. One who can be reached by none is written to all the same, so that the desk sees it fail.
    ``version``: of the appointment's time, unless the notice counts something else.
    It is rendered when it is sent. The same notice about the same version of a time is queued once (a database constraint).
    """
    ways = [Way(Channel.EMAIL, recipient)] if recipient else [*ways_to(client), Way(Channel.EMAIL, client.email)]
    channel, address = ways[0]
    if not address:
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
        channel=channel,
        recipient=address,
        created_at=now,
        due_at=due_at or now,
    )


def _version(appointment: Appointment | None) -> int:
    return appointment.sequence if appointment else 0
