"""What every booking workflow does first and last: lock what it makes scarcer, check it is offered, obey the constraints.

Locks are always taken in the same order (client, therapists, rooms, each sorted by id), so that a crowd queues and never
deadlocks. The exclusion constraints are the net below the check: whatever they refuse was not written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from booking.exceptions import BookingError, ClientBusy, SlotTaken
from booking.models import Appointment
from clients.models import Client
from therapists.models import Room, Therapist, Treatment

OVERLAPS: dict[str, type[BookingError]] = {
    "therapist_never_twice": SlotTaken,
    "room_never_twice": SlotTaken,
    "client_never_twice": ClientBusy,
}


def lock(*, client: Client | None, therapists: Collection[UUID], treatment: Treatment, now: datetime) -> None:
    """Queue behind everyone who wants the same people or rooms, then clear the holds that ran out there.

    Must run inside a transaction; the locks last until it ends.
    """
    if client is not None:
        list(Client.objects.select_for_update(no_key=True, of=("self",)).filter(pk=client.pk).values_list("pk"))
    list(Therapist.objects.select_for_update(no_key=True).filter(pk__in=therapists).order_by("pk").values_list("pk"))
    rooms = [
        row[0]
        for row in Room.objects.select_for_update(no_key=True, of=("self",))
        .filter(treatments=treatment)
        .order_by("pk")
        .values_list("pk")
    ]
    over = Appointment.objects.expired_holds(now).filter(Q(therapist__in=therapists) | Q(room__in=rooms))
    expired = list(over.select_for_update().order_by("pk").values_list("pk", flat=True))
    if expired:
        Appointment.objects.filter(pk__in=expired).delete()


@contextmanager
def overlap_raises() -> Iterator[None]:
    """A savepoint in which a refused overlap becomes SlotTaken or ClientBusy; any other refusal passes through."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as refusal:
        constraint = getattr(getattr(refusal.__cause__, "diag", None), "constraint_name", None)
        if constraint in OVERLAPS:
            raise OVERLAPS[constraint]() from refusal
        raise
