"""What follows when a therapist treats more, or less, than before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from booking.models import Appointment, SessionFlag
from booking.services.intake import OPEN, weigh_alone
from clients.models import Client, Response
from therapists.models import Therapist


@transaction.atomic
def change_abilities(therapist: Therapist, change: Callable[[], None], *, now: datetime) -> int:
    """Do ``change``, which writes whom a therapist treats, and weigh what their booked clients answered by that.

    No session is lost by it: what the therapist would not take any more waits for their decision. Says for how many more
    sessions than before.
    """
    before = _to_decide(therapist, now)
    change()
    ahead = Appointment.objects.filter(therapist=therapist, status__in=OPEN, ends_at__gt=now)
    clients = Client.objects.filter(pk__in=ahead.values("client"), responses__state=Response.State.SUBMITTED)
    for client in clients.distinct().order_by("pk"):
        weigh_alone(client, now=now)
    return max(0, _to_decide(therapist, now) - before)


def _to_decide(therapist: Therapist, now: datetime) -> int:
    return SessionFlag.objects.open(now).filter(appointment__therapist=therapist).count()
